"""Damaged states, configurations, logs, manifests and archives: read, or refused in one short line.

``make fuzz`` reads 100,000 of each.
"""

import io
import os
import random
import tarfile
import zipfile

import pytest

pytest.importorskip("torch")

import torch

import lakhnes
from hostile_files import bad_names
from lakhnes.archives import files_in
from lakhnes.checkpoint import load_model, save_checkpoint
from lakhnes.data.corpus import Corpus, shard_corpus
from lakhnes.errors import EntryError, FormatError, in_utf8
from lakhnes.files import one_line
from lakhnes.training.log import read_log
from lakhnes.training.run_directory import read_config
from lakhnes.training.state_shapes import check_shapes
from lakhnes.training.trainer import Trainer
from mutations import mutated
from small import make_corpus, tiny_config, tiny_model

COUNT = min(int(os.environ.get("LAKHNES_MUTATIONS", "0")), 100_000)
SHORT = {
    "state": 60,
    "config": 150,
    "log": 500,
    "manifest": 100,
    "checkpoint": 100,
    "archive": 300,
    "plain archive": 300,
    "zip archive": 300,
}
"""Damaged files of each kind in the tests."""
WORDS = {
    "state": (b'"F32"', b'"I64"', b"NaN", b"-1", b"1e999", b"null", b"\xff" * 8, b"model.", b"stream.0", b"{", b'"'),
    "config": (b"nan", b"-1", b"1e400", b"[", b"{", b'"', b"\x1b[31m", b"= =", b"[[model]]", b"9" * 30, b"\n", b"true"),
    "log": (
        b"null",
        b"[" * 50,
        b"NaN",
        b"-1",
        b'"step"',
        b"{",
        b"\xff",
        b"\n",
        b"1e999",
        b'{"step": {}, "tokens": []}',
    ),
    "manifest": (b"null", b"[", b"{", b"-1", b"1e999", b'"shards"', b"../../x", b"\x1b[31m", b"\0", b"true"),
    "checkpoint": (b'"F32"', b'"BF16"', b"NaN", b"-1", b"1e999", b"null", b"\xff" * 8, b"layers.", b"{", b'"'),
    "archive": (b"\x1f\x8b", b"\0" * 8, b"\xff" * 8),
    "zip archive": (b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"PK\6\7", b"\xff" * 4, b"\0" * 4, b"\1\0\x10\0"),
    "plain archive": (
        b"ustar\0",
        b"\xff" * 12,
        b"77777777777\0",
        b"x",
        b"L",
        b"S",
        b"g",
        b"size=-1\n",
        b"path=",
        b"\0",
    ),
}


def _state(folder):
    corpus = Corpus.load(make_corpus(folder / "data", train=3, valid=1), "train", lakhnes.Vocabulary.tx1())
    config = tiny_config(optimizer="muon", ema=0.9)
    run = Trainer(config, corpus, None, folder, torch.device("cpu"))
    run.train_step()
    run.save()
    path = folder / "state.safetensors"

    def read():
        check_shapes(path, config)
        run.resume()

    return path, read


def _config(folder):
    path = folder / "config.toml"
    path.write_text(tiny_config().to_toml())
    return path, lambda: read_config(path)


def _log(folder):
    path = folder / "log.jsonl"
    path.write_text('{"step": 1, "tokens": 5, "loss": 3.2}\n{"step": 2, "tokens": 9, "valid": {"loss": 2.0}}\n' * 20)
    return path, lambda: read_log(path)


def _manifest(folder):
    data = make_corpus(folder / "data", train=3, valid=1)
    shard_corpus(data, lakhnes.Vocabulary.tx1())
    return data / "train" / "tx1.json", lambda: Corpus.load(data, "train", lakhnes.Vocabulary.tx1())


def _checkpoint(folder):
    save_checkpoint(tiny_model(), folder / "model")
    return folder / "model" / "model.safetensors", lambda: load_model(folder / "model")


def _archive(folder):
    path = folder / "a.tar.gz"
    path.write_bytes(bad_names(lakhnes.Song.from_tx1("P1_NOTEON_60\nWT_735\nP1_NOTEOFF").to_midi()))
    return path, lambda: [read() for _, read in files_in(path)]


def _plain_archive(folder):
    path = folder / "a.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as file:
        for name in ("songs/a.mid", "é" * 80 + ".mid", "b" * 150 + ".mid"):
            entry = tarfile.TarInfo(name)
            entry.size = 700
            file.addfile(entry, io.BytesIO(bytes(700)))
    return path, lambda: [read() for _, read in files_in(path)]


def _zip_archive(folder):
    path = folder / "a.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name, method in (("songs/a.mid", 0), ("é" * 80 + ".mid", 8), ("b" * 150 + ".mid", 12)):
            file.writestr(name, bytes(700), compress_type=method)

    def read():
        for place, content in files_in(path):
            try:
                content()
            except EntryError as error:  # that of one file: its reader names it
                raise FormatError(in_utf8(f"{path}: {place}: {error}")) from None

    return path, read


MAKERS = {
    "state": _state, "config": _config, "log": _log, "manifest": _manifest, "checkpoint": _checkpoint,
    "archive": _archive, "plain archive": _plain_archive, "zip archive": _zip_archive,
}  # fmt: skip


@pytest.mark.timeout(0 if COUNT else 120)
@pytest.mark.parametrize("kind", MAKERS)
def test_a_damaged_file_is_read_or_refused_in_one_short_line(tmp_path, kind):
    path, read = MAKERS[kind](tmp_path)
    whole = path.read_bytes()
    read()
    count, refused = COUNT or SHORT[kind], 0
    for number in range(count):
        draw = random.Random(number)
        data = mutated(whole, draw, WORDS[kind])
        path.unlink()  # ext4 writes a file to the disk at once when it replaces the bytes of another: 7 ms, not 0.5
        path.write_bytes(data)
        try:
            read()
        except (lakhnes.LakhnesError, OSError) as error:
            refused += 1
            message = one_line(error)
            assert message.isprintable(), (number, message)
            assert len(message) <= 900, (number, message)
            assert str(path.parent) in message, (number, message)
        except Exception as error:
            pytest.fail(f"{kind} {number}: {type(error).__name__}: {error}")
    print(f"{kind}: {count} damaged files, {count - refused} read, {refused} refused")
    assert refused < count
