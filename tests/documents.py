"""The documents and their code blocks, and a folder with the music that their commands name."""

import io
import re
import shutil
import tarfile

import numpy as np

import lakhnes
from conftest import ROOT, TX1
from lakhnes.checkpoint import save_checkpoint
from lakhnes.model.config import TransformerXLConfig
from music_files import collection, melody

PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if "_build" not in path.parts
}
"""The text of each page, by its path."""


def blocks(language, page):
    """Return the code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGES[page], re.DOTALL | re.MULTILINE)


def pages_with(language):
    return [page for page in PAGES if blocks(language, page)]


def lines(language="sh"):
    """Return each line of a command that a page shows, once."""
    shown = (line for page in PAGES for block in blocks(language, page) for line in block.splitlines())
    return list(dict.fromkeys(line for line in shown if line.strip()))


def small_checkpoint(folder):
    """Write a model of random weights that composes at once."""
    config = TransformerXLConfig(
        n_layer=1, n_head=1, d_model=16, d_head=16, d_inner=16, dropout=0.0, pre_norm=True, mem_len=16
    )
    random = np.random.default_rng(1)
    weights = {name: random.normal(0, 0.05, shape).astype(np.float32) for name, shape in config.tensors.items()}
    save_checkpoint(lakhnes.Model(config, weights), folder)


def make_music(folder):
    """Fill a folder with everything that the documents' commands read."""
    song = lakhnes.Song.from_tx1(TX1)
    for name in (
        "song.mid",
        "song.tx1.txt",
        "song.tx2.txt",
        "song.vgm",
        "four.mid",
        "generated/0.tx3.txt",
        "songs/one.tx1.txt",
        "songs/two.tx1.txt",
        "many/0.tx1.txt",
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        lakhnes.write(song, folder / name)
    (folder / "band.mid").write_bytes(melody(1))
    for name in ("midis", "some_midis", "my_midis", "lmd_full"):
        collection(folder / name, range(4))
    for index in range(2):
        tune = lakhnes.Song.from_midi(melody(index))
        for name in (f"corpus/{index}.tx2.txt", f"nesmdb_tx/train/{index}.tx1.txt", f"nesmdb_tx/valid/{index}.tx1.txt"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            lakhnes.write(tune, folder / name)
    for name, format_name in (("nesmdb_midi.tar.gz", "mid"), ("nesmdb_vgm.tar.gz", "vgm")):
        with tarfile.open(folder / name, "w:gz") as archive:
            for split in ("train", "valid"):
                data = io.BytesIO()
                lakhnes.write(song, data, format_name)
                entry = tarfile.TarInfo(f"nesmdb/{split}/a.{format_name}")
                entry.size = len(data.getvalue())
                archive.addfile(entry, io.BytesIO(data.getvalue()))
    logs = [song.transpose(shift).perform() for shift in range(6)]
    (folder / "game.nsf").write_bytes(lakhnes.write_nsf_album(logs, names=[f"Song {number}" for number in range(6)]))
    (folder / "collection").mkdir()
    for index in range(3):
        log = lakhnes.Song.from_midi(melody(index)).perform()
        (folder / "collection" / f"{index}.nsf").write_bytes(lakhnes.write_nsf_album([log, log], names=["One", "Two"]))
    for index in range(10):
        tune = lakhnes.Song.from_midi(melody(index))
        for name in (f"nesmdb/train/{index}.tx1.txt", f"composed/{index}.tx1.txt"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            lakhnes.write(tune, folder / name)
    small_checkpoint(folder / "lakhnes-model")
    for name in ("run", "MODEL"):
        shutil.copytree(folder / "lakhnes-model", folder / name)
    shutil.copytree(folder / "nesmdb_tx", folder / "CORPUS")
    (folder / "run.toml").write_text("\n".join(blocks("toml", "docs/training.md")))
