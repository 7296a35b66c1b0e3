"""Songs as one array of token ids, by command."""

import json

import numpy as np

import lakhnes
from conftest import TX1


def test_a_folder_becomes_one_array_and_bad_songs_are_left_out(run, tmp_path):
    songs = tmp_path / "in"
    songs.mkdir()
    for name in "abd":
        (songs / f"{name}.tx1.txt").write_text(TX1)
    (songs / "c.tx1.txt").write_text("hello")
    out = tmp_path / "x.npz"
    result = run("tokenize", songs, "-o", out, "--json")
    assert result.exit_code == 1
    facts = json.loads(result.stdout)
    assert (facts["songs"], [each["path"] for each in facts["failed"]]) == (3, [str(songs / "c.tx1.txt")])
    assert result.stderr.count(str(songs / "c.tx1.txt")) == 1
    with np.load(out) as arrays:
        ids = lakhnes.Vocabulary.tx1().encode(TX1)
        np.testing.assert_array_equal(arrays["ids"], np.tile(ids, 3))
        assert arrays["offsets"].tolist() == [0, len(ids), 2 * len(ids), 3 * len(ids)]
        assert arrays["names"].tolist() == [str(songs / f"{name}.tx1.txt") for name in "abd"]
    assert run("tokenize", songs, "-o", out).exit_code == 1
    assert run("tokenize", songs, "-o", tmp_path / "x.txt").exit_code == 1
    assert not (tmp_path / "x.txt").exists()


def test_python_gives_the_failures_or_raises_the_first(tmp_path, song_file):
    (tmp_path / "bad.tx1.txt").write_text("hello")
    failed = []
    tokens = lakhnes.tokenize_files([tmp_path / "bad.tx1.txt", song_file], failed=failed)
    assert len(tokens.offsets) == 2
    assert [path.name for path, _ in failed] == ["bad.tx1.txt"]
    assert isinstance(failed[0][1], lakhnes.TokenError)
