"""Work on a Dask cluster: the same files as one process makes, whatever becomes of its workers."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time
import warnings

import pytest

from lakhnes.cluster import Cluster
from lakhnes.errors import LakhnesError, warn_of
from lakhnes.extras import has
from lakhnes.scheduler import connect, local_cluster
from music_files import collection, digest, files_below, melody
from nsf_files import album

if not has("distributed"):
    pytest.skip("Dask is not installed (lakhnes[cluster])", allow_module_level=True)

import dask
import distributed

pytestmark = [
    pytest.mark.timeout(600),
    # What Dask leaves open when a worker dies is not for these tests.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*no worker is there:lakhnes.errors.LakhnesWarning"),  # on a slow machine
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL"),
]


@pytest.fixture(scope="module")
def scheduler():
    """The address of a scheduler with two workers, which are started again when they die."""
    with local_cluster(2) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def client(scheduler):
    with distributed.Client(scheduler, set_as_default=False) as client:
        yield client


@pytest.fixture
def pieces_done(monkeypatch):
    """The numbers of pieces that commands have had a cluster do."""
    counts = []

    class Counted(Cluster):
        def map(self, work, pieces):
            counts.append(len(pieces))
            return super().map(work, pieces)

    monkeypatch.setattr("lakhnes.scheduler.Cluster", Counted)
    return counts


def results(cluster, work, pieces):
    found = {}
    for task, result in cluster.map(work, pieces):
        found |= dict(zip(task, result or [None] * len(task), strict=True))
    return found


def test_every_piece_is_done_once_and_in_tasks_that_grow(client):
    sizes = []

    def work(task):
        return [piece * piece for piece in task]

    class Watched(Cluster):
        def map(self, work, pieces):
            for task, result in super().map(work, pieces):
                sizes.append(len(task))
                yield task, result

    assert results(Watched(client), work, range(3000)) == {piece: piece * piece for piece in range(3000)}
    assert max(sizes) > 100
    assert results(Cluster(client), work, []) == {}


def test_a_piece_that_workers_die_of_is_given_back_and_all_others_are_done(client):
    def work(task):
        if 7 in task:
            os._exit(1)
        return [piece + 1 for piece in task]

    found = results(Cluster(client), work, range(20))
    assert found.pop(7) is None
    assert found == {piece: piece + 1 for piece in range(20) if piece != 7}


class _Deadly:
    """A result that never arrives: the worker dies when it sends it."""

    def __reduce__(self):
        os._exit(1)


def test_a_task_that_is_killed_after_it_had_a_result_is_not_waited_for(client, tmp_path):
    def work(task):
        marker = tmp_path / f"{min(task)}"
        if 3 in task and marker.exists():
            os._exit(1)
        marker.touch()
        return _Deadly() if 3 in task else task

    found = results(Cluster(client), work, range(6))
    assert found == {piece: piece for piece in range(6)} | {3: None}


def test_a_worker_that_takes_long_to_start_again_is_not_given_up(monkeypatch):
    instantiate = distributed.Nanny.instantiate

    async def slow(self):
        if self.process is not None:
            await asyncio.sleep(3)
        return await instantiate(self)

    monkeypatch.setattr(distributed.Nanny, "instantiate", slow)
    with (
        dask.config.set({"distributed.deploy.lost-worker-timeout": "1s"}),  # Dask's own limit, else 15 s
        local_cluster(1) as cluster,
        distributed.Client(cluster.scheduler_address, set_as_default=False) as client,
    ):
        (pid,) = client.run(os.getpid).values()
        os.kill(pid, signal.SIGKILL)
        assert results(Cluster(client), lambda task: task, [1]) == {1: 1}


def test_what_is_lost_on_its_way_is_sent_again(client, monkeypatch):
    monkeypatch.setattr("lakhnes.cluster.LOOK_AGAIN", 0.2)
    monkeypatch.setattr("lakhnes.cluster.SEND_AGAIN", 0.5)
    gather, lost = client.gather, []

    def losing(future, asynchronous):
        if not lost:
            lost.append(future)
            return asyncio.Event().wait()
        return gather(future, asynchronous=asynchronous)

    monkeypatch.setattr(client, "gather", losing)
    assert results(Cluster(client), lambda task: task, range(9)) == {piece: piece for piece in range(9)}
    assert lost


def test_where_there_is_no_worker_a_warning_and_at_last_an_error_say_so(run, tmp_path, monkeypatch):
    for name, seconds in (("LOOK_AGAIN", 0.1), ("WARN_AFTER", 0.2), ("NOTHING_FOR", 0.5)):
        monkeypatch.setattr(f"lakhnes.cluster.{name}", seconds)
    (tmp_path / "a.mid").write_bytes(melody(1))
    (tmp_path / "b.mid").write_bytes(melody(2))
    with distributed.LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0", silence_logs=50) as cluster:
        address = cluster.scheduler_address
        result = run("convert", tmp_path, "--to", "tx1", "-o", f"{tmp_path}/out/", "--scheduler", address)
    assert result.exit_code == 1
    told = result.stderr.splitlines()
    assert [line.partition(": ")[0] for line in told] == ["Warning", "Error"], told
    assert f"{address}: no worker is there; waiting" in told[0]
    assert f"{address}: no worker has been there for" in told[1]


def test_a_scheduler_that_goes_ends_the_work_in_a_line():
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        with distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50
        ) as cluster:
            address = cluster.scheduler_address
            client = distributed.Client(address, set_as_default=False, timeout=2)
            running = Cluster(client).map(lambda task: time.sleep(0.1), range(1000))
            next(running)
        with pytest.raises(LakhnesError, match=f"{address}: the Dask scheduler does not answer any more"):
            for _ in running:
                pass
        client.close()


def test_workers_of_another_version_are_refused(client, monkeypatch):
    monkeypatch.setattr("lakhnes.cluster.own_version", lambda: "0.0.1")
    with pytest.raises(LakhnesError, match=r"worker .*: it has lakhnes .*, expected 0\.0\.1 as here"):
        results(Cluster(client), len, range(3))


def test_workers_of_another_version_and_without_lakhnes_are_refused_before_any_work(scheduler, monkeypatch):
    for found, told in (({"a": "0.0.1"}, "0.0.1"), ({"a": Exception("ModuleNotFoundError('lakhnes')")}, "none")):
        monkeypatch.setattr(distributed.Client, "run", lambda self, function, found=found, **how: found)
        with pytest.raises(LakhnesError, match=f"{scheduler}: workers have lakhnes {told}, expected"):
            connect(scheduler).__enter__()


def test_workers_without_lakhnes_are_told_from_work_that_fails(client):
    def missing(task):
        raise ModuleNotFoundError("No module named 'lakhnes'", name="lakhnes")

    with pytest.raises(LakhnesError, match=r"expected lakhnes .* on scheduler and workers, as here .No module named"):
        results(Cluster(client), missing, range(3))


def test_what_always_fails_ends_the_work_and_what_fails_once_does_not(client, tmp_path):
    def breaks(task):
        raise OSError(28, "no space left", "disk")

    with pytest.raises(OSError, match="no space left"):
        results(Cluster(client), breaks, range(5))

    def once(task):
        path = tmp_path / str(task[0])
        if not path.exists():
            path.touch()
            raise OSError(5, "once")
        return task

    assert results(Cluster(client), once, range(30)) == {piece: piece for piece in range(30)}


def test_warnings_of_the_workers_are_warnings_here(client):
    def work(task):
        warn_of("song", "something was left out")
        return task

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        results(Cluster(client), work, range(2))
    assert {str(warning.message) for warning in caught} == {"song: something was left out"}


@pytest.mark.parametrize(
    ("sent", "told"), [(b"", "no answer in 0.5 s"), (b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(99), "something else")]
)
def test_what_takes_connections_and_is_no_scheduler_is_refused_in_time(run, tmp_path, monkeypatch, sent, told):
    monkeypatch.setattr("lakhnes.scheduler.CONNECT_SECONDS", 0.5)
    (tmp_path / "a.mid").write_bytes(melody(1))
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        taken = []

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    taken.append(server.accept()[0])
                    taken[-1].sendall(sent)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        started = time.monotonic()
        result = run("convert", tmp_path, "--to", "tx1", "-o", f"{tmp_path}/out/", "--scheduler", address)
        assert time.monotonic() - started < 5.0
        assert result.exit_code == 1
        assert result.stderr.startswith(f"Error: {address}: no Dask scheduler answers there ({told}")
        assert result.stderr.count("\n") == 1
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        for each in taken:
            each.close()


def test_the_address_of_a_worker_is_not_taken_for_that_of_a_scheduler(client):
    worker = next(iter(client.scheduler_info()["workers"]))
    with pytest.raises(LakhnesError, match=r"no Dask scheduler answers there \(a 'Worker' does\)"):
        connect(worker).__enter__()


def test_where_no_scheduler_answers_the_line_says_so(run, tmp_path, monkeypatch):
    (tmp_path / "a.mid").write_bytes(melody(1))
    command = ("convert", tmp_path, "--to", "tx1", "-o", f"{tmp_path}/out/", "--scheduler")
    started = time.monotonic()
    result = run(*command, "tcp://127.0.0.1:1")
    assert time.monotonic() - started < 5.0
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "tcp://127.0.0.1:1: no Dask scheduler answers there" in result.stderr
    # What is no address never gets to a client, which would raise anything and print a traceback at its end.
    an_address = "expected the address of a Dask scheduler (tcp://HOST:PORT)"
    texts = {
        "deep": "[" * 100_000,
        "empty": "",
        "none": "{}",
        "number": '{"address": 5}',
        "no address": '{"address": "x"}',
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    os.mkfifo(tmp_path / "pipe")
    for scheduler, told in (
        ("local:0", "expected local:N"),
        *(
            (place, an_address)
            for place in ("", "x", "x:", "host:x", "host:99999999", "nonsense://x:1", "[::1", "\x1b[2J")
        ),
        ("tls://127.0.0.1:1", "expected keys and certificates"),
        *((tmp_path / name, "expected what `dask scheduler --scheduler-file` writes") for name in list(texts)[:-1]),
        (tmp_path / "no address", f"{an_address}, the file in which it stands, or local:N, found 'x' in it"),
        (tmp_path / "pipe", "is no regular file"),
        (tmp_path, "is a directory"),
    ):
        with monkeypatch.context() as patched:
            patched.delattr("distributed.Client")
            result = run(*command, scheduler)
        assert (result.exit_code, result.stderr.count("\n")) == (1, 1), result.stderr
        assert told in result.stderr
    assert not (tmp_path / "out").exists()
    with pytest.raises(LakhnesError, match="expected local:N"), connect("local:x"):
        pass
    refused = run("render", "-", "--from", "mid", "-o", "-", "--scheduler", "local:1")
    assert (refused.exit_code, "--scheduler" in refused.stderr) == (2, True)


@pytest.fixture
def midis(tmp_path):
    folder = collection(tmp_path / "midis", range(24))
    collection(folder / "deep", [3, 30])
    (folder / "bad.mid").write_bytes(b"MThd")
    return folder


@pytest.mark.parametrize("command", [["render", "--rate", "11025"], ["convert", "--to", "tx2"]])
def test_a_cluster_makes_the_files_of_one_process(run, tmp_path, midis, scheduler, command, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = run(*command, "midis", "-o", "one/", "--jobs", 1, "--json")
    many = run(*command, "midis", "-o", "many/", "--scheduler", scheduler, "--json", "--log", "log.jsonl")
    assert (one.exit_code, many.exit_code) == (1, 1), many.output
    assert digest(tmp_path / "many") == digest(tmp_path / "one")
    first, second = json.loads(one.stdout), json.loads(many.stdout)
    assert [name.replace("one/", "many/") for name in first["files"]] == second["files"]
    assert first["failed"] == second["failed"]
    assert first["audio_seconds"] == pytest.approx(second["audio_seconds"])
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 27
    (tmp_path / second["files"][0]).unlink()
    again = run(*command, "midis", "-o", "many/", "--scheduler", scheduler, "--json")
    assert json.loads(again.stdout)["files"] == second["files"][:1]
    assert len(json.loads(again.stdout)["skipped"]) == 25


def test_a_cluster_adapts_as_one_process_does(run, tmp_path, midis, scheduler):
    held = collection(tmp_path / "held", [7, 11])
    how = ["--exclude-like", held, "--valid", 0.2, "--json"]
    one = run("data", "adapt", midis, tmp_path / "one", *how)
    many = run("data", "adapt", midis, tmp_path / "many", *how, "--scheduler", scheduler)
    assert (one.exit_code, many.exit_code) == (0, 0), many.output
    assert digest(tmp_path / "many") == digest(tmp_path / "one")
    first, second = json.loads(one.stdout), json.loads(many.stdout)
    for name in ("files", "used", "songs", "events", "dropped_files", "failed"):
        assert first[name] == second[name]


@pytest.fixture
def corpus_sources(tmp_path):
    """A collection of NSF files, and a database of MIDI files with a bad one."""
    (tmp_path / "nsf").mkdir()
    for game in range(5):
        (tmp_path / "nsf" / f"Game {game}.nsf").write_bytes(album([10 * game, 10 * game + 1], title=f"Game {game}"))
    (tmp_path / "nsf" / "bad.nsf").write_bytes(b"NESM")
    for split, seeds in (("train", range(8)), ("valid", range(20, 22))):
        collection(tmp_path / "nesmdb" / split, seeds)
    (tmp_path / "nesmdb" / "train" / "bad.mid").write_bytes(b"MThd")
    return tmp_path


@pytest.mark.parametrize("shard", [None, "1/2"])
@pytest.mark.parametrize("command", [["nesmdb"], ["nsf", "--valid", 0.3]])
def test_a_cluster_converts_collections_as_one_process_does(
    run, corpus_sources, scheduler, command, shard, pieces_done
):
    name, *options = command
    options += ["--shards", "--json"] if shard is None else ["--shard", shard, "--json"]
    one = run("data", name, corpus_sources / name, corpus_sources / "one", *options)
    many = run("data", name, corpus_sources / name, corpus_sources / "many", *options, "--scheduler", scheduler)
    assert one.exit_code == many.exit_code, many.output
    assert sum(pieces_done) >= 2
    assert len(files_below(corpus_sources / "one")) > 4
    assert digest(corpus_sources / "many") == digest(corpus_sources / "one")
    first, second = json.loads(one.stdout), json.loads(many.stdout)
    for key in ("songs", "events", "failed"):
        assert first[key] == second[key]


def test_a_cluster_tokenizes_a_corpus_as_one_process_does(run, corpus_sources, scheduler, monkeypatch, pieces_done):
    monkeypatch.chdir(corpus_sources)
    monkeypatch.setattr("lakhnes.data.corpus.ON_CLUSTER", 3)
    assert run("data", "nesmdb", "nesmdb", "texts").exit_code == 1  # for one is bad
    for options in ([], ["--shard", "0/2"]):
        one = run("data", "shard", "texts", "-o", f"one{len(options)}", *options)
        many = run("data", "shard", "texts", "-o", f"many{len(options)}", *options, "--scheduler", scheduler)
        assert (one.exit_code, many.exit_code) == (0, 0), many.output
        made = digest(corpus_sources / f"one{len(options)}")
        assert digest(corpus_sources / f"many{len(options)}") == made
        assert pieces_done
        pieces_done.clear()
    (corpus_sources / "texts" / "train" / "0.tx1.txt").write_text("WT_1\nnonsense\n")
    one = run("data", "shard", "texts", "-o", "bad1")
    many = run("data", "shard", "texts", "-o", "bad2", "--scheduler", scheduler)
    assert (one.exit_code, many.exit_code) == (1, 1)
    assert many.stderr == one.stderr


def test_a_cluster_composes_the_songs_of_one_process(run, tmp_path, scheduler):
    command = ["generate", "-n", 5, "--seed", 3, "--length", 40, "--format", "tx3", "--min-voices", 0, "--json"]
    one = run(*command, "--out-dir", tmp_path / "one")
    many = run(*command, "--out-dir", tmp_path / "many", "--scheduler", scheduler)
    assert many.exit_code == 0, many.output
    assert digest(tmp_path / "many") == digest(tmp_path / "one")
    names = [song["paths"]["tx3"].rpartition("/")[2] for song in json.loads(many.stdout)["songs"]]
    assert names == [f"{number}.tx3.txt" for number in range(5)]
    assert [song["events"] for song in json.loads(many.stdout)["songs"]] == [
        song["events"] for song in json.loads(one.stdout)["songs"]
    ]
    (tmp_path / "many" / "3.tx3.txt").unlink()
    again = run(*command, "--out-dir", tmp_path / "many", "--scheduler", scheduler)
    assert [song["seed"] for song in json.loads(again.stdout)["songs"]] == [6]
    assert run(*command[:3], "--scheduler", scheduler, "--out-dir", tmp_path / "x").exit_code == 2


def test_workers_that_are_killed_cost_nothing_that_is_written(run, tmp_path, client, scheduler):
    midis = collection(tmp_path / "midis", range(60))
    stop = threading.Event()
    client.wait_for_workers(2)  # the tests before this one have killed some
    pids = list(client.run(os.getpid).values())

    def kill():
        for count, pid in zip((8, 30), pids, strict=True):  # each while songs are being written
            while not stop.wait(0.01) and len(files_below(tmp_path / "many")) < count:
                pass
            with contextlib.suppress(ProcessLookupError):  # Dask starts workers again that it takes for lost
                os.kill(pid, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        many = run("render", midis, "-o", f"{tmp_path}/many/", "--scheduler", scheduler, "--rate", 22050)
    finally:
        stop.set()
        thread.join()
    assert many.exit_code == 0, many.output
    assert run("render", midis, "-o", f"{tmp_path}/one/", "--rate", 22050).exit_code == 0
    assert digest(tmp_path / "many") == digest(tmp_path / "one")


def test_a_cluster_of_this_machine_and_that_of_a_file_are_taken(run, tmp_path, midis, scheduler):
    (tmp_path / "scheduler.json").write_text(json.dumps({"address": scheduler, "type": "Scheduler", "id": "x"}))
    for number, where in enumerate(("local:1", tmp_path / "scheduler.json")):
        out = tmp_path / f"out{number}"
        result = run("convert", midis / "deep", "--to", "tx1", "-o", f"{out}/", "--scheduler", where)
        assert result.exit_code == 0, result.output
        assert len(files_below(out)) == 2
