"""Parts of a corpus that are complete, and damaged or not alike: a line with the file's name, and nothing is joined."""

import json
import shutil

import pytest

from lakhnes.data import shard_parts
from lakhnes.data.part_checks import write_sums
from lakhnes.data.parts import DONE, PARTS, PLAN, REPORT
from music_files import archive_of, collection, files_below, melody
from nsf_files import album
from small import make_corpus


def json_of(path):
    return json.loads(path.read_text())


def change(path, **facts):
    """Change facts of an object of JSON."""
    path.write_text(json.dumps(json_of(path) | facts))


def change_line(report, number=0, **facts):
    lines = report.read_text().splitlines()
    line = json.loads(lines[number]) | facts
    lines[number] = json.dumps({name: value for name, value in line.items() if value is not ...})
    report.write_text("".join(f"{line}\n" for line in lines))


def damage(path, at=-10, byte=b"\xff"):
    data = bytearray(path.read_bytes())
    data[at : len(data) + at + 1 if at < 0 else at + 1] = byte
    path.write_bytes(data)


def first(folder, pattern):
    return min(folder.rglob(pattern))


def unlink(path):
    path.unlink()


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def empty(path):
    path.write_bytes(b"")


def as_link(path):
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def repeat(path):
    path.write_text(path.read_text() * 2)


def deep(path):
    path.write_text("[" * 100_000 + "\n")


CHANGED = "changed since the part was complete; --shard 1/2 --force makes it anew"
NEVER = "which no command has written"

FILES = {
    "a report altered": (REPORT, lambda path: change_line(path, songs=5), CHANGED),
    "a report cut": (REPORT, cut, CHANGED),
    "a report that is empty": (REPORT, empty, CHANGED),
    "a report repeated": (REPORT, repeat, CHANGED),
    "a report of brackets": (REPORT, deep, "line 1 is no object of JSON"),
    "a report that is missing": (REPORT, unlink, "no such file"),
    "a report that is a link": (REPORT, as_link, "is a link, expected a file"),
    "a plan altered": (PLAN, lambda path: change(path, valid=0.5), "made with other valid"),
    "a plan of another version": (PLAN, lambda path: change(path, version=1), "expected the plan of a part, version 2"),
    "a plan of other names": (PLAN, lambda path: change(path, note="\x1b[2J"), "made with other note"),
    "a plan cut": (PLAN, cut, "expected an object of JSON"),
    "a plan of brackets": (PLAN, deep, "expected an object of JSON"),
    "the end altered": (DONE, lambda path: change(path, inputs=3), "made with other inputs"),
    "the end cut": (DONE, empty, "expected an object of JSON"),
    "hashes that are missing": ("files.sha256", unlink, "no such file"),
    "hashes cut": ("files.sha256", lambda path: path.write_text(path.read_text()[:30]), "line 1: expected a hash and"),
    "hashes of other folders": (
        "files.sha256", lambda path: path.write_text(f"{'0' * 64}  ../../x\n"), "line 1: expected a hash and"
    ),
    "a text cut": ("*.tx1.txt", cut, CHANGED),
    "a text with another byte": ("*.tx1.txt", damage, CHANGED),
    "a text that is missing": ("*.tx2.txt", unlink, "no such file"),
    "melodies cut": ("melodies.bin", cut, CHANGED),
    "melodies with another byte": ("melodies.bin", damage, CHANGED),
}  # fmt: skip

LINES = {
    "a name that leads elsewhere": ({"name": "../../../x"}, "line 1: name is '../../../x'"),
    "a name that is absolute": ({"name": "/etc/passwd"}, "line 1: name is '/etc/passwd'"),
    "a name that is a number": ({"name": 5}, "line 1: name is 5"),
    "an index below 0": ({"index": -1}, "line 1: index is -1"),
    "an index of many digits": ({"index": 10**400}, "line 1: index is a number of more than 40 digits"),
    "no index": ({"index": ...}, "line 1: index is None"),
    "songs that are a text": ({"songs": "many\x1b[2J\n"}, "line 1: songs is 'many\\x1b[2J\\n'"),
    "seconds that are not a number": ({"seconds": float("nan")}, "line 1: seconds is nan"),
    "events of other formats": ({"events": [1]}, "line 1: events of 1 formats, expected 2"),
    "a melody before the file": ({"melody": [-5, 5]}, "line 1: melody is [-5, 5]"),
    "a melody that is missing": ({"dropped": [[1]]}, "line 1: dropped is [[1]]"),
    "an error that is no text": ({"error": ["x"]}, "line 1: error is ['x']"),
}
"""What someone writes who changes the hashes too."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A corpus in two parts, each with inputs."""
    from click.testing import CliRunner

    from lakhnes.cli import cli

    folder = tmp_path_factory.mktemp("made")
    midis = collection(folder / "midis", (0, 11, 12, 15))
    for index in range(2):
        args = ["data", "adapt", midis, folder / "corpus", "--shard", f"{index}/2", "--valid", 0.3]
        assert CliRunner().invoke(cli, list(map(str, args))).exit_code == 0
    assert all((folder / "corpus" / PARTS / f"{index}-of-2" / REPORT).read_bytes() for index in range(2))
    return folder / "corpus"


@pytest.fixture
def corpus(made, tmp_path):
    return shutil.copytree(made, tmp_path / "corpus")


def refused(run, corpus, name, told, *, others=()):
    """Assert that a merge is refused in a line with the name of a file, and nothing is written."""
    before = files_below(corpus.parent)
    result = run("data", "merge", corpus)
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"Error: {name}: "), line
    assert told in line
    assert line.isprintable()
    assert len(line) < 1_000
    assert files_below(corpus.parent) == before
    assert not [path for path in corpus.iterdir() if path.name != PARTS and path.name not in others]


@pytest.mark.parametrize("name", FILES)
def test_a_part_whose_files_have_changed_is_named(run, corpus, name):
    pattern, change_it, told = FILES[name]
    path = first(corpus / PARTS / "1-of-2", pattern)
    change_it(path)
    refused(run, corpus, path, told)


@pytest.mark.parametrize("name", LINES)
def test_a_line_that_no_command_has_written_is_named(run, corpus, name):
    facts, told = LINES[name]
    part = corpus / PARTS / "1-of-2"
    change_line(part / REPORT, **facts)
    write_sums(part, [DONE])
    refused(run, corpus, part / REPORT, told)


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"command": "x"}, "command is 'x', which this version does not know"),
        ({"command": None}, "command is None"),
        ({"formats": []}, f"formats is [], {NEVER}"),
        ({"formats": ["tx9"]}, f"formats is ['tx9'], {NEVER}"),
        ({"valid": "0"}, f"valid is '0', {NEVER}"),
        ({"how": {}}, f"how is {{}}, {NEVER}"),
        ({"inputs": True}, f"inputs is True, {NEVER}"),
        ({"command": "shard"}, f"vocabularies is None, {NEVER}"),
        ({"part": "0-of-3"}, "is of part '0-of-3', not of this folder's"),
    ],
)
def test_a_plan_that_no_command_has_written_is_named(run, corpus, facts, told):
    for part in (corpus / PARTS).iterdir():
        change(part / PLAN, **facts)
        write_sums(part, [DONE])
    refused(run, corpus, corpus / PARTS / "0-of-2" / PLAN, told)


def test_parts_that_are_not_those_of_one_corpus_are_refused(run, corpus, tmp_path):
    parts = corpus / PARTS
    shutil.copytree(parts / "1-of-2", parts / "1-of-3")
    refused(run, corpus, parts, "parts of 2 and of 3, expected those of one number")
    shutil.rmtree(parts / "1-of-3")
    shutil.move(parts / "1-of-2", tmp_path / "kept")
    refused(run, corpus, parts, "1 of 2 parts are not complete: --shard 1/2")
    shutil.copytree(parts / "0-of-2", parts / "1-of-2")  # one machine's part is copied twice
    refused(run, corpus, parts / "1-of-2" / PLAN, "is of part '0-of-2', not of this folder's")
    change(parts / "1-of-2" / PLAN, part="1-of-2")
    write_sums(parts / "1-of-2", [DONE])
    refused(run, corpus, parts / "1-of-2" / REPORT, f", as {parts / '0-of-2' / REPORT}")
    shutil.rmtree(parts / "1-of-2")
    shutil.copytree(tmp_path / "kept", parts / "1-of-2")
    lines = (parts / "1-of-2" / REPORT).read_text().splitlines(keepends=True)
    (parts / "1-of-2" / REPORT).write_text("".join(lines[1:]))
    write_sums(parts / "1-of-2", [DONE])
    refused(run, corpus, parts, "reports of 3 inputs, expected 4")


def test_folders_that_are_named_nearly_as_parts_count_for_nothing(run, corpus):
    for name in ("5-of-2", "0-of-0", "00-of-2", "1-of-02", "9999999-of-9999999", "1-of-٢"):
        shutil.copytree(corpus / PARTS / "0-of-2", corpus / PARTS / name)
        if name.startswith("9999"):
            shutil.rmtree(corpus / PARTS / name)
    assert run("data", "merge", corpus).exit_code == 0


def test_a_part_that_is_damaged_is_not_taken_for_right_when_its_command_is_repeated(run, tmp_path):
    midis = collection(tmp_path / "midis", (0, 11, 12, 15))
    target = tmp_path / "corpus"
    command = ("data", "adapt", midis, target, "--shard")
    assert [run(*command, f"{index}/2").exit_code for index in range(2)] == [0, 0]
    path = first(target / PARTS / "1-of-2", "*.tx1.txt")
    cut(path)
    assert run(*command, "1/2").exit_code == 0
    refused(run, target, path, CHANGED)
    assert run(*command, "1/2", "--force").exit_code == 0
    assert run("data", "merge", target).exit_code == 0


SHARDS = {
    "a shard with another byte": ("*.events.npy", damage, CHANGED),
    "a shard cut": ("*.events.npy", cut, CHANGED),
    "offsets with another byte": ("*.offsets.npy", damage, CHANGED),
    "names cut": ("tx1.names.txt", cut, CHANGED),
    "a manifest altered": ("tx1.json", lambda path: change(path, songs=1), CHANGED),
    "a manifest that is missing": ("tx1.json", unlink, "no such file"),
}


@pytest.fixture(scope="module")
def tokenized(tmp_path_factory):
    """The shards of a corpus in two parts, of a folder of their own."""
    from click.testing import CliRunner

    from lakhnes.cli import cli

    folder = tmp_path_factory.mktemp("tokenized")
    make_corpus(folder / "data", train=11, valid=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shard_parts, "RUN", 2)
        for index in range(2):
            args = ["data", "shard", folder / "data", "-o", folder / "shards", "--shard", f"{index}/2"]
            assert CliRunner().invoke(cli, list(map(str, args))).exit_code == 0
    return folder / "shards"


@pytest.mark.parametrize("hashed", [False, True])
@pytest.mark.parametrize("name", SHARDS)
def test_a_part_of_shards_that_have_changed_is_named(run, tokenized, tmp_path, name, hashed):
    corpus = shutil.copytree(tokenized, tmp_path / "shards")
    pattern, change_it, told = SHARDS[name]
    part = corpus / PARTS / "1-of-2"
    path = first(part, pattern)
    change_it(path)
    if hashed:  # the manifest has hashes of its own
        write_sums(part, [DONE])
        result = run("data", "merge", corpus)
        assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
        assert str(path.parent) in result.stderr
        assert "internal error" not in result.stderr
    else:
        refused(run, corpus, path, told)


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"folder": "../../x"}, f"line 1: folder is '../../x', {NEVER}"),
        ({"split": "../x"}, f"line 1: split is '../x', {NEVER}"),
        ({"songs": [0, "1"]}, f"line 1: songs is [0, '1'], {NEVER}"),
        ({"vocabulary": "tx9"}, f"line 1: vocabulary is 'tx9', {NEVER}"),
    ],
)
def test_a_line_of_shards_that_no_command_has_written_is_named(run, tokenized, tmp_path, facts, told):
    corpus = shutil.copytree(tokenized, tmp_path / "shards")
    part = corpus / PARTS / "1-of-2"
    change_line(part / REPORT, **facts)
    write_sums(part, [DONE])
    refused(run, corpus, part / REPORT, told)


def test_songs_that_are_twice_or_nowhere_in_parts_of_shards_are_refused(run, tokenized, tmp_path):
    for songs, told in (([0, 0], "song 0 is"), ([900, 901], "is nowhere in the parts"), ([1], "holds 2 songs")):
        corpus = shutil.copytree(tokenized, tmp_path / f"shards {told}")
        part = corpus / PARTS / "1-of-2"
        change_line(part / REPORT, songs=songs)
        write_sums(part, [DONE])
        result = run("data", "merge", corpus)
        assert (result.exit_code, result.stderr.count("\n")) == (1, 1), result.stderr
        assert told in result.stderr or "is twice in the parts" in result.stderr
        assert [path.name for path in corpus.iterdir()] == [PARTS]


@pytest.mark.parametrize("command", ["nesmdb", "nsf"])
@pytest.mark.parametrize("facts", [{"name": "../x"}, {"split": "elsewhere"}, {"path": None}, {"events": 5}])
def test_lines_of_databases_and_nsf_files_are_checked_too(run, tmp_path, command, facts):
    source = tmp_path / "set"
    source.mkdir()
    if command == "nsf":
        for game in range(4):
            (source / f"Game {game}.nsf").write_bytes(album([10 * game], title=f"Game {game}"))
    else:
        members = {f"set/train/song {number}.mid": melody(number) for number in range(6)}
        source = archive_of(tmp_path / "set.tar.xz", members)
    for index in range(2):
        assert run("data", command, source, tmp_path / "corpus", "--shard", f"{index}/2").exit_code == 0
    report = max((tmp_path / "corpus" / PARTS).rglob(REPORT), key=lambda path: path.stat().st_size)
    change_line(report, **facts)
    write_sums(report.parent, [DONE])
    refused(run, tmp_path / "corpus", report, f"line 1: {next(iter(facts))} is ")
