"""From files to tokens, songs and sound, beside the programs that did it before.

Each figure is a ratio of two times of one run: ``pytest benches/test_tokenizer.py``. The songs are those of NES-MDB
where they lie beside the repository, else some of our own; the MIDI files that are adapted are those of the folder that
the variable ``LAKHNES_MIDIS`` names, else some that are made here. All runs on one core but where it says so.

nesmdb (Python 2) and its synthesizer cannot run here: their pace is the one that was measured with them, 0.24 to 0.42 s
a second of music for VGM to MIDI and 0.35 to 0.76 s for TX1 to WAV. The lower figure is the reference.
"""

import os
import random
import statistics
import tarfile
import time
from pathlib import Path

import pretty_midi
import pytest
import symusic

import lakhnes
import originals
from lakhnes.benchmarks.songs import made_songs
from lakhnes.data.adapt import adapt
from lakhnes.exporting import ExportJob, export_files

ARCHIVE = Path(__file__).resolve().parents[2] / "shared" / "data" / "nesmdb_midi_train_valid.tar.xz"
EVERY = 40
"""One of so many songs of NES-MDB is measured."""

VGM_TO_MIDI = 0.24
TX1_TO_WAV = 0.35


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """Return the paths of all songs of NES-MDB."""
    if not ARCHIVE.is_file():
        pytest.skip(f"NES-MDB is not at {ARCHIVE}")
    folder = tmp_path_factory.mktemp("nesmdb")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return sorted(folder.rglob("*.mid"))


@pytest.fixture(scope="module")
def songs(request, tmp_path_factory):
    """Return the paths of some songs."""
    if ARCHIVE.is_file():
        return request.getfixturevalue("database")[::EVERY]
    folder = tmp_path_factory.mktemp("songs")
    paths = [folder / f"{number}.mid" for number in range(30)]
    for path, song in zip(paths, made_songs(len(paths), 30), strict=True):
        path.write_bytes(song.to_midi())
    return paths


@pytest.fixture(scope="module")
def midis(tmp_path_factory):
    """Return a folder of MIDI files of whole bands."""
    if "LAKHNES_MIDIS" in os.environ:
        return Path(os.environ["LAKHNES_MIDIS"])
    folder = tmp_path_factory.mktemp("midis")
    for seed in range(4):
        band(seed).write(str(folder / f"{seed}.mid"))
    return folder


def band(seed):
    """Make three minutes of a drummer and eight that play one note at a time: 4,000 notes, as a file of Lakh has."""
    draw = random.Random(seed)
    midi = pretty_midi.PrettyMIDI()
    for program in (0, 25, 33, 48, 56, 65, 73, 80, None):
        part = pretty_midi.Instrument(program or 0, is_drum=program is None)
        now = draw.random()
        while now < 178:
            length = draw.choice((0.125, 0.25, 0.25, 0.5, 1.0))
            part.notes.append(pretty_midi.Note(draw.randint(40, 120), draw.randint(36, 80), now, now + length * 0.9))
            now += length
        midi.instruments.append(part)
    return midi


def seconds(work, repeats=1):
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


@pytest.fixture
def tell(benchmark, capsys):
    """Print how our median compares with a reference in seconds."""

    def print_ratio(what, reference, against):
        ratio = reference / benchmark.stats.stats.median
        benchmark.extra_info["ratio"] = ratio
        with capsys.disabled():
            print(f"\n{what}: {benchmark.stats.stats.median:.4g} s, {ratio:,.2f} times as fast as {against}")

    return print_ratio


def test_midi_to_tx1(benchmark, songs, tell):
    data = [path.read_bytes() for path in songs]
    few = data[::10]
    # Once before it is timed: the first of its large arrays take the memory from the system, at twice the time.
    expected = [originals.midi_to_tx1(song) for song in few]
    reference = seconds(lambda: [originals.midi_to_tx1(song) for song in few], 5) * len(data) / len(few)
    texts = benchmark.pedantic(
        lambda: [lakhnes.Song.from_midi(song).to_tx1() for song in data], rounds=9, warmup_rounds=1
    )
    assert texts[::10] == expected
    tell(f"MIDI to TX1, {len(data)} songs", reference, "LakhNES's midi_to_tx1")


def test_parse_and_tokenize(benchmark, songs, tell):
    reference = seconds(lambda: [symusic.Score(path) for path in songs], 9)
    benchmark.pedantic(lakhnes.tokenize_files, args=(songs,), kwargs={"jobs": 1}, rounds=9, warmup_rounds=1)
    tell(f"parse and tokenize, {len(songs)} songs", reference, "symusic only parses")


def test_tokenize_all_of_nesmdb(benchmark, database, tell):
    reference = seconds(lambda: [symusic.Score(path) for path in database])
    ids, offsets = benchmark.pedantic(lakhnes.tokenize_files, args=(database,), kwargs={"jobs": 2}, rounds=3)
    assert len(offsets) == len(database) + 1
    tell(f"all of NES-MDB on two cores, {len(ids):,} ids", reference, "symusic only parses on one")


def test_adapt(benchmark, midis, tmp_path, tell):
    paths = sorted(path for path in midis.rglob("*.mid"))
    few = random.Random(0).sample(paths, min(len(paths), 12))

    def original():
        for path in few:
            for number, song in enumerate(originals.adapt(path.read_bytes())):
                (tmp_path / f"{path.stem}_{number}.mid").write_bytes(song)

    few_folder = tmp_path / "few"
    few_folder.mkdir()
    for path in few:
        (few_folder / path.name).symlink_to(path)
    targets = (tmp_path / f"corpus{number}" for number in range(100))
    reference = seconds(original, 3)
    report = benchmark.pedantic(
        lambda: adapt(few_folder, next(targets), to=["tx1"], jobs=1, valid=0), rounds=9, warmup_rounds=1
    )
    assert report.used
    tell(f"adapt {len(few)} files, {report.songs.total()} songs", reference, "LakhNES's adaptation")


def test_vgm_to_midi(benchmark, songs, tell):
    logs = [lakhnes.read(path).perform().to_vgm() for path in songs[::4]]
    music = sum(lakhnes.RegisterLog.from_vgm(log).duration for log in logs)
    benchmark.pedantic(
        lambda: [lakhnes.RegisterLog.from_vgm(log).transcribe().to_midi() for log in logs], rounds=5, warmup_rounds=1
    )
    tell(f"VGM to score to MIDI, {music:.0f} s of music", VGM_TO_MIDI * music, "nesmdb (stated)")


def test_tx1_to_wav(benchmark, songs, tmp_path, tell):
    jobs = []
    for number, path in enumerate(songs[::4]):
        jobs.append(ExportJob(tmp_path / f"{number}.tx1.txt", tmp_path / f"{number}.wav"))
        lakhnes.write(lakhnes.read(path), jobs[-1].source)
    folders = (tmp_path / f"wavs{number}" for number in range(100))

    def render():
        # Into a new folder, as a corpus is: that old files give way is no part of it.
        folder = next(folders)
        folder.mkdir()
        return export_files([ExportJob(job.source, folder / job.target.name) for job in jobs], threads=1)

    report = benchmark.pedantic(render, rounds=5, warmup_rounds=1)
    assert not report.failed
    tell(
        f"TX1 to WAV, {report.audio_seconds:.0f} s of music",
        TX1_TO_WAV * report.audio_seconds,
        "LakhNES's pipeline (stated)",
    )
