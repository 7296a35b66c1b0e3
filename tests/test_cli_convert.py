import itertools
import json

import numpy as np

import lakhnes
from conftest import TX1


def test_a_chain_of_formats_ends_where_it_began(run, song_file, tmp_path):
    chain = [song_file, tmp_path / "a.mid", tmp_path / "b.tx2.txt", tmp_path / "c.midi", tmp_path / "d.tx1.txt"]
    for source, target in itertools.pairwise(chain):
        result = run("convert", source, "-o", target)
        assert (result.exit_code, result.stdout) == (0, f"{target}\n"), result.stderr
    assert chain[-1].read_text() == TX1


def test_a_folder_is_converted_with_its_tree(run, tmp_path):
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "a.tx1.txt").write_text(TX1)
    (tmp_path / "in" / "sub" / "b.tx1.txt").write_text(TX1)
    (tmp_path / "in" / "bad.mid").write_text("MThd?")
    result = run("convert", tmp_path / "in", "-o", tmp_path / "out", "--to", "mid", "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["files"] == [str(tmp_path / "out" / "a.mid"), str(tmp_path / "out" / "sub" / "b.mid")]
    assert len(report["failed"]) == 1
    assert lakhnes.read(tmp_path / "out" / "sub" / "b.mid").to_tx1() == TX1


def test_register_writes_become_scores_at_a_rate(run, song, tmp_path):
    lakhnes.write(song, tmp_path / "x.vgm")
    for rate, expected in (("100", 100.0), ("0", None)):
        target = tmp_path / f"{rate}.seprsco.npz"
        result = run("convert", tmp_path / "x.vgm", "-o", target, "--score-rate", rate)
        assert result.exit_code == 0, result.stderr
        with np.load(target) as arrays:
            assert arrays["rate"] == expected or expected is None
    assert run("convert", tmp_path / "x.vgm", "-o", tmp_path / "y.mid", "--score-rate", "-1").exit_code == 2


def test_an_exact_transcription_is_that_of_the_chip(run, song, tmp_path):
    lakhnes.write(song, tmp_path / "x.vgm")
    result = run("convert", tmp_path / "x.vgm", "-o", tmp_path / "x.mid", "--exact")
    assert result.exit_code == 0, result.stderr
    assert lakhnes.read(tmp_path / "x.mid") == song.perform().transcribe(exact=True)
    result = run("convert", tmp_path / "x.vgm", "-o", tmp_path / "x.ndr.txt", "--exact")
    assert lakhnes.read_log(tmp_path / "x.ndr.txt") == song.perform()


def test_stdin_and_stdout_are_files_too(process):
    midi = process("convert", "-", "--from", "tx1", "-o", "-", "--to", "mid", stdin=TX1.encode())
    assert midi.returncode == 0
    text = process("convert", "-", "--from", "mid", "-o", "-", "--to", "tx1", stdin=midi.stdout)
    assert text.stdout.decode() == TX1
    vgm = process("convert", "-", "--from", "tx1", "-o", "-", "--to", "vgz", stdin=TX1.encode())
    assert lakhnes.RegisterLog.from_vgm(vgm.stdout) == lakhnes.Song.from_tx1(TX1).perform()


def test_stdin_without_a_format_is_wrong_usage(run):
    assert run("convert", "-", "-o", "x.mid").exit_code == 2
    assert run("convert", "x.mid", "-o", "-").exit_code == 2


def test_info_tells_what_is_in_a_song(run, song_file):
    plain = run("info", song_file)
    assert plain.exit_code == 0
    assert "duration  0.623 s" in plain.stdout
    facts = json.loads(run("info", song_file, "--json").stdout)["files"][0]
    assert facts["path"] == str(song_file)
    assert facts["format"] == "tx1"
    assert facts["tx1_events"] == TX1.count("\n") + 1
    assert facts["voices"]["p1"] == {"notes": 2, "lowest": 69, "highest": 72, "sounding_seconds": 0.5}


def test_info_tells_what_a_vgm_says_of_itself_in_lines_of_its_own(run, tmp_path, song):
    lakhnes.write(song, tmp_path / "x.vgm", tags={"title": "A\x1b[31m\nb", "artist": "É. Ü"})
    lines = run("info", tmp_path / "x.vgm").stdout.splitlines()
    assert lines[3:5] == ["  title     A\\x1b[31m\\nb", "  artist    É. Ü"]
    facts = json.loads(run("info", tmp_path / "x.vgm", "--json").stdout)["files"][0]
    assert facts["tags"] == {"title": "A\x1b[31m\nb", "artist": "É. Ü"}
    assert lakhnes.RegisterLog.from_vgm(song.perform().to_vgm()).tags == {}


def test_info_tells_what_is_in_a_vgm(run, tmp_path, song):
    lakhnes.write(song, tmp_path / "x.vgm")
    facts = json.loads(run("info", tmp_path / "x.vgm", "--json").stdout)["files"][0]
    assert facts["standard"] == "ntsc"
    assert facts["writes"] == len(song.perform().writes)
    assert facts["loop_start"] is None


def test_info_goes_on_past_a_bad_file(run, song_file, tmp_path):
    result = run("info", tmp_path / "no.mid", song_file)
    assert result.exit_code == 1
    assert str(song_file) in result.stdout
    assert result.stderr == f"Error: {tmp_path / 'no.mid'}: no such file or directory\n"


def test_plot_draws_a_picture(run, song_file, tmp_path):
    for name, magic in [("p.png", b"\x89PNG"), ("p.svg", b"<?xml"), ("p.pdf", b"%PDF")]:
        result = run("plot", song_file, "-o", tmp_path / name)
        assert (result.exit_code, result.stdout) == (0, f"{tmp_path / name}\n"), result.stderr
        assert (tmp_path / name).read_bytes().startswith(magic)
    assert run("plot", song_file, "-o", tmp_path / "p.bmp").exit_code == 1
    assert run("plot", song_file, "-o", tmp_path / "p.png").exit_code == 1
    assert not (tmp_path / "p.bmp").exists()
