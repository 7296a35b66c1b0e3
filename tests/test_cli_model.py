"""The commands that run a model: generate, eval, train."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

import lakhnes
from lakhnes.checkpoint import save_checkpoint
from lakhnes.sampling import SamplingParams, compose
from legality import VOCABULARY, faults
from small import make_corpus, tiny_model


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    save_checkpoint(tiny_model(), folder)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("corpus"), valid=12)


def test_generate_prints_a_path_a_song_and_each_song_is_legal(run, model_folder, tmp_path):
    out = tmp_path / "out"
    result = run("generate", "--num", 3, "--seed", 7, "-m", model_folder, "-o", out, "--length", 90)
    assert result.exit_code == 0, result.output
    assert result.stdout.split() == [str(out / f"{index}.tx1.txt") for index in range(3)]
    for index in range(3):
        text = (out / f"{index}.tx1.txt").read_text()
        assert faults(VOCABULARY.encode(text).tolist()) == []
        samples, rate = soundfile.read(out / f"{index}.wav")
        assert rate == 44_100
        assert len(samples) / rate == pytest.approx(lakhnes.read(out / f"{index}.tx1.txt").duration, abs=0.01)
    assert sorted(path.name for path in out.iterdir()) == sorted(
        f"{i}.{end}" for i in range(3) for end in ("tx1.txt", "wav")
    )


def test_generate_gives_the_same_files_for_the_same_seed(run, model_folder, tmp_path):
    for name in ("a", "b"):
        assert run("generate", "--seed", 7, "-m", model_folder, "-o", tmp_path / name, "--length", 80).exit_code == 0
    for name in ("0.tx1.txt", "0.wav"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_generate_writes_the_formats_that_are_asked_for_and_tells_them_in_json(run, model_folder, tmp_path):
    formats = "nsf,mid,tx2,flac,ogg,vgm"
    result = run(
        "generate", "-m", model_folder, "-o", tmp_path / "o", "--length", 70, "--format", formats, "--json", "--seed", 1
    )
    (song,) = json.loads(result.stdout)["songs"]
    assert set(song["paths"]) == set(formats.split(","))
    assert song["seed"] == 1
    assert song["events"] >= 70
    assert lakhnes.read(song["paths"]["mid"]).duration == pytest.approx(song["duration"])


def test_generate_without_the_grammar_writes_the_events_as_they_were_drawn(run, model_folder, tmp_path):
    options = ["--seed", 3, "-m", model_folder, "-o", tmp_path, "--length", 90, "--top-k", 0]
    assert run("generate", *options, "--no-grammar").exit_code == 0
    ids = VOCABULARY.encode((tmp_path / "0.tx1.txt").read_text()).tolist()
    params = SamplingParams(length=90, top_k=None, grammar=False)
    (song,) = compose(lakhnes.load_model(model_folder), 1, (), params, seed=3)
    assert ids == song.ids
    assert faults(ids)
    result = run("generate", *options, "--force", "--max-duration", 1.5, "--json")
    (song,) = json.loads(result.stdout)["songs"]
    assert song["ended"] == "duration"
    assert 1.0 < song["duration"] <= 1.5


def test_every_composing_command_tells_the_same_facts_of_a_song(run, model_folder, song_file, tmp_path):
    voices = ["--voices", "p2"]
    for command in (["generate"], ["continue", song_file], ["accompany", song_file], ["infill", song_file, *voices]):
        out = tmp_path / command[0]
        length = [] if command[0] == "infill" else ["--length", 40]
        result = run(*command, *length, "--num", 2, "-m", model_folder, "-o", out, "--seed", 5, "--json")
        assert result.exit_code == 0, result.output
        songs = json.loads(result.stdout)["songs"]
        assert [song["seed"] for song in songs] == [5, 6]
        for index, song in enumerate(songs):
            assert song["paths"] == {"wav": str(out / f"{index}.wav"), "tx1": str(out / f"{index}.tx1.txt")}
            assert song["events"] > 0
            assert song["duration"] == lakhnes.read(song["paths"]["tx1"]).duration
            assert song["seconds"] > 0


def test_generate_refuses_to_replace_before_it_composes(run, model_folder, tmp_path):
    (tmp_path / "1.wav").write_text("precious")
    result = run("generate", "--num", 2, "-m", model_folder, "-o", tmp_path, "--length", 70)
    assert result.exit_code == 1
    assert "1.wav: exists already" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["1.wav"]
    assert run("generate", "--num", 2, "-m", model_folder, "-o", tmp_path, "--length", 70, "--force").exit_code == 0


def test_a_least_duration_is_kept_or_refused(run, model_folder, tmp_path):
    generate = ["generate", "-m", model_folder, "--seed", 3, "--format", "tx1", "--min-duration", "20"]
    kept = run(*generate, "-o", tmp_path / "kept")
    assert kept.exit_code == 0, kept.stderr
    assert lakhnes.read(tmp_path / "kept" / "0.tx1.txt").duration >= 20
    refused = run(*generate, "-o", tmp_path / "refused", "--length", 70)
    assert refused.exit_code == 1
    assert "in --length 70 events, less than --min-duration 20" in refused.stderr
    assert not (tmp_path / "refused").exists()


@pytest.mark.parametrize("command", ["generate", "continue"])
def test_a_most_below_its_least_is_wrong_usage(run, model_folder, song_file, command):
    given = [song_file] if command == "continue" else []
    for options, words in (
        (["--min-duration", "30", "--max-duration", "10"], "--max-duration 10 is below --min-duration 30"),
        (["--min-length", "300", "--length", "100"], "--length 100 is below --min-length 300"),
    ):
        result = run(command, *given, "-m", model_folder, *options)
        assert result.exit_code == 2
        assert words in result.stderr


def test_generate_makes_the_folders_above_its_own(run, model_folder, tmp_path):
    folder = tmp_path / "not" / "yet" / "there"
    result = run("generate", "-m", model_folder, "-o", folder, "--length", 4, "--min-duration", 0, "--format", "tx1")
    assert result.exit_code == 0, result.output
    assert [path.name for path in folder.iterdir()] == ["0.tx1.txt"]


def test_a_missing_model_is_one_line_and_leaves_nothing(process, tmp_path):
    finished = process("generate", "-m", tmp_path / "none", "-o", tmp_path / "out")
    assert finished.returncode == 1
    (line,) = finished.stderr.decode().splitlines()
    assert f"{tmp_path / 'none'}: no such model" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.torch
def test_eval_prints_what_the_library_measures(run, model_folder, data):
    from lakhnes.evaluation.perplexity import evaluate

    options = ["--batch-size", "2", "--tgt-len", "16", "--mem-len", "32"]
    result = run("eval", model_folder, data, "--split", "valid", "--json", *options)
    facts = json.loads(result.stdout)["valid"]
    corpus = lakhnes.data.corpus.Corpus.load(data, "valid", VOCABULARY)
    score = evaluate(lakhnes.load_model(model_folder), corpus, batch_size=2, tgt_len=16, mem_len=32)
    assert facts["loss"] == pytest.approx(score.loss, abs=1e-9)
    assert facts["ppl"] == pytest.approx(np.exp(facts["loss"]))
    assert (facts["positions"], facts["songs"]) == (score.positions, 12)
    assert f"PPL {score.ppl:.4f}" in run("eval", model_folder, data, *options).stdout


@pytest.mark.torch
def test_the_loss_is_the_mean_over_all_predictions_of_the_packed_songs(model_folder, data):
    import torch

    from lakhnes.evaluation.perplexity import evaluate

    model = lakhnes.load_model(model_folder)
    corpus = lakhnes.data.corpus.Corpus.load(data, "valid", VOCABULARY)
    score = evaluate(model, corpus, batch_size=1, tgt_len=16, mem_len=10_000, max_songs=2)
    first, second = corpus.ids(0), corpus.ids(1)
    inputs = torch.tensor([*first[:-1], *second[:-1]])
    targets = torch.tensor([*first[1:], *second[1:]])
    with torch.inference_mode():
        hidden, _ = model.network(inputs[None, : score.positions])
        losses = torch.nn.functional.cross_entropy(model.network.logits(hidden)[0], targets[: score.positions])
    assert score.positions == len(inputs) // 16 * 16
    assert score.loss == pytest.approx(float(losses), abs=1e-5)


@pytest.mark.torch
def test_eval_says_when_there_is_nothing_to_score(process, model_folder, data):
    finished = process("eval", model_folder, data, "--split", "valid", "--tgt-len", "5000")
    assert finished.returncode == 1
    assert b"nothing to score" in finished.stderr
    assert process("eval", model_folder, data, "--split", "nope").returncode == 2
    assert b"no such folder" in process("eval", model_folder, data, "--split", "test").stderr


@pytest.mark.torch
def test_data_shard_makes_a_corpus_that_eval_reads_as_it_reads_the_texts(run, model_folder, data, tmp_path):
    result = run("data", "shard", data, "-o", tmp_path / "shards", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["shards"]["tx1"]["valid"]["songs"] == 12
    options = ["--batch-size", "2", "--tgt-len", "16", "--mem-len", "32", "--json"]
    scores = [json.loads(run("eval", model_folder, folder, *options).stdout) for folder in (data, tmp_path / "shards")]
    assert scores[0]["valid"]["loss"] == scores[1]["valid"]["loss"]
    assert run("data", "shard", tmp_path).exit_code == 1


TRAIN = [
    "--preset",
    "tiny",
    "--layers",
    "1",
    "--width",
    "64",
    "--batch-size",
    "2",
    "--tgt-len",
    "16",
    "--mem-len",
    "32",
    "--samples",
    "0",
]


@pytest.mark.torch
def test_train_leaves_a_model_that_composes(run, data, tmp_path):
    result = run("train", data, "-o", tmp_path / "run", *TRAIN, "--samples", "2", "--steps", 5, "--json")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert facts["steps"] == 5
    assert len(facts["songs"]) == 2
    for song in facts["songs"]:
        assert soundfile.info(song).duration > 0.5
    assert (tmp_path / "run" / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "run" / "model" / "curve.png").exists()
    assert facts["valid"]["songs"] == 12
    card = (tmp_path / "run" / "model" / "README.md").read_text()
    assert f"{facts['valid']['ppl']:.3f}" in card
    composed = run("generate", "-m", facts["model"], "-o", tmp_path / "songs", "--length", 70, "--seed", 1)
    assert composed.exit_code == 0, composed.output


@pytest.mark.torch
def test_a_run_directory_stands_for_its_model(run, data, tmp_path):
    assert run("train", data, "-o", tmp_path / "run", *TRAIN, "--steps", 2).exit_code == 0
    inside = lakhnes.load_model(tmp_path / "run" / "model").network.state_dict()
    for name, weight in lakhnes.load_model(tmp_path / "run").network.state_dict().items():
        assert weight.equal(inside[name])


@pytest.mark.torch
def test_train_resumes_a_run_and_refuses_another_shape(run, data, tmp_path):
    assert run("train", data, "-o", tmp_path / "run", *TRAIN, "--steps", 3).exit_code == 0
    longer = run("train", data, "-o", tmp_path / "run", "--steps", 6, "--json")
    assert "resumed at step 3" in longer.stderr
    assert json.loads(longer.stdout)["steps"] == 6
    other = run("train", data, "-o", tmp_path / "run", "--layers", 2)
    assert other.exit_code == 2
    assert "--force replaces the run" in other.stderr
    assert run("train", data, "-o", tmp_path / "run", *TRAIN, "--steps", 2, "--force").exit_code == 0


@pytest.mark.torch
def test_train_can_begin_with_the_weights_of_a_model(run, data, tmp_path):
    import torch

    assert run("train", data, "-o", tmp_path / "a", *TRAIN, "--steps", 2).exit_code == 0
    start = tmp_path / "a" / "model"
    options = [*TRAIN, "--steps", 1, "--learning-rate", "1e-12", "--init", start]
    assert run("train", data, "-o", tmp_path / "b", *options).exit_code == 0
    before = lakhnes.load_model(start).network.state_dict()
    for name, weight in lakhnes.load_model(tmp_path / "b" / "model").network.state_dict().items():
        torch.testing.assert_close(weight, before[name], atol=1e-4, rtol=1e-3)


@pytest.mark.torch
@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_ctrl_c_saves_the_run(data, tmp_path):
    command = [
        sys.executable,
        "-m",
        "lakhnes",
        "train",
        str(data),
        "-o",
        str(tmp_path / "run"),
        *TRAIN,
        "--minutes",
        "2",
    ]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    log = tmp_path / "run" / "log.jsonl"
    deadline = time.monotonic() + 60
    while not log.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    _, stderr = running.communicate(timeout=60)
    assert running.returncode == 130, stderr
    assert b"the same command resumes it" in stderr
    assert (tmp_path / "run" / "state.safetensors").exists()


@pytest.mark.torch
def test_train_on_a_folder_without_songs_says_so(process, tmp_path):
    (tmp_path / "train").mkdir()
    finished = process("train", tmp_path, "-o", tmp_path / "run", "--steps", "1")
    assert finished.returncode == 1
    assert b"no songs in folders" in finished.stderr
    assert not (tmp_path / "run").exists()


def test_continue_prints_a_path_a_song_and_the_perplexities(run, model_folder, song_file, tmp_path):
    options = ["-n", 2, "-m", model_folder, "-o", tmp_path / "o", "--prime-length", 5, "--length", 30, "--seed", 4]
    result = run("continue", song_file, *options)
    assert result.exit_code == 0, result.output
    assert result.stdout.split() == [str(tmp_path / "o" / f"{index}.tx1.txt") for index in range(2)]
    assert "prime: perplexity" in result.stderr
    kept = lakhnes.read(song_file).to_tx1().splitlines()[:3]
    for path in result.stdout.split():
        assert lakhnes.read(path).to_tx1().splitlines()[:3] == kept
    facts = json.loads(run("continue", song_file, *options, "--force", "--json").stdout)["songs"]
    assert all(1.0 < song["prime_ppl"] < 1e6 and 1.0 < song["ppl"] < 1e6 for song in facts)
    assert run("continue", tmp_path / "none.mid", "-m", model_folder).exit_code == 1


def test_accompany_keeps_the_rhythm(run, model_folder, song_file, tmp_path):
    result = run("accompany", song_file, "-m", model_folder, "-o", tmp_path / "o", "--seed", 4)
    assert result.exit_code == 0, result.output
    assert "perplexity" in result.stderr
    own, new = lakhnes.read(song_file), lakhnes.read(result.stdout.strip())
    np.testing.assert_array_equal(own.voices["no"], new.voices["no"])
    for voice in ("p1", "p2", "tr"):
        np.testing.assert_array_equal(own.voices[voice][:, :2], new.voices[voice][:, :2])  # starts and ends
    assert own.duration == new.duration


def test_infill_keeps_the_other_voices(run, model_folder, song_file, tmp_path):
    options = ["-m", model_folder, "-o", tmp_path / "o", "--seed", 4, "-n", 2, "--json"]
    result = run("infill", song_file, "--voices", "p2,tr", *options)
    assert result.exit_code == 0, result.output
    own = lakhnes.read(song_file)
    songs = json.loads(result.stdout)["songs"]
    assert [song["seed"] for song in songs] == [4, 5]
    for song in songs:
        new = lakhnes.read(song["paths"]["tx1"])
        for voice in ("p1", "no"):
            np.testing.assert_array_equal(own.voices[voice], new.voices[voice])
    assert run("infill", song_file, "--voices", "p5", *options).exit_code == 2
