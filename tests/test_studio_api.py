"""The HTTP API, asked by a real client over a real connection."""

import base64
import json
import random
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest

import lakhnes
from conftest import TX1
from lakhnes.errors import LakhnesError
from lakhnes.studio import security
from lakhnes.studio.client import render_on
from lakhnes.studio.jobs import BusyError, JobError, Queue
from lakhnes.studio.operations import COMPOSING
from lakhnes.studio.table import ROUTES
from lakhnes.studio.watching import Watch, WatchedModel
from serving import served
from small import tiny_model, tune

SONG = {"data": base64.b64encode(TX1.encode()).decode(), "format": "tx1"}


@pytest.fixture(scope="module")
def model():
    return tiny_model()


@pytest.fixture(scope="module")
def server(model, tmp_path_factory):
    with served(model, tmp_path_factory.mktemp("sessions")) as (address, _):
        yield address


@pytest.fixture(scope="module")
def client(server):
    with httpx.Client(base_url=server, timeout=60) as client:
        yield client


def song_in(answer, index=0):
    facts = answer.json()["songs"][index]
    return lakhnes.Song.from_bytes(base64.b64decode(facts["data"]), facts["format"])


def test_health_models_and_the_description_of_the_api(client):
    assert client.get("/health").json()["status"] == "ok"
    dtypes = ["float32", "bfloat16", "int8"]
    tiny = {"name": "tiny", "vocabulary": "tx1", "controls": [], "dtypes": dtypes}
    assert client.get("/models").json() == {"models": [tiny]}
    described = client.get("/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    assert sorted(described["paths"]) == sorted(route.path for route in ROUTES)
    song = described["paths"]["/infill"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert song["required"] == ["song", "voices"]


def test_a_seed_gives_the_songs_that_the_library_gives(client, model):
    answer = client.post("/generate", json={"seed": 3, "num": 2, "length": 40, "seconds": 20})
    expected = lakhnes.generate(model, 2, seed=3, length=40, max_duration=20, batch_size=2)
    assert [song_in(answer, index) for index in (0, 1)] == expected
    assert answer.json()["songs"][1]["seed"] == 4


def test_songs_of_eight_bits_are_those_of_the_library(client, model):
    answer = client.post("/generate", json={"seed": 3, "length": 40, "min_duration": 1, "seconds": 20, "dtype": "int8"})
    assert song_in(answer) == lakhnes.generate(model, 1, seed=3, length=40, min_duration=1, seconds=20, dtype="int8")[0]


def test_a_stream_shows_the_notes_and_the_sound_while_they_are_written(client, monkeypatch):
    monkeypatch.setattr("lakhnes.studio.api.LOOK_SECONDS", 0.002)
    body = {"seed": 3, "num": 2, "length": 400, "seconds": 60, "stream": True}
    names, notes, samples = [], 0, 0
    with client.stream("POST", "/generate", json=body) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("event: "):
                names.append(line[7:])
            elif line.startswith("data: ") and names[-1] == "progress":
                news = json.loads(line[6:])
                notes += sum(map(len, news["songs"][0]["voices"].values()))
                samples += len(base64.b64decode(news.get("sound", ""))) // 2
            elif line.startswith("data: ") and names[-1] == "result":
                result = json.loads(line[6:])
    score = result["songs"][0]["score"]
    total = sum(map(len, score["voices"].values()))
    assert names[-1] == "result"
    assert "progress" in names
    assert 0 < notes <= total
    assert 0 < samples <= score["length"] + 44_100
    again = client.post("/generate", json=body | {"stream": False}).json()
    assert again["songs"][1]["seed"] == result["songs"][1]["seed"]


def test_a_continuation_begins_with_what_is_kept(client):
    answer = client.post("/continue", json={"song": SONG, "start": 0.4, "length": 30, "seed": 1})
    kept = lakhnes.Song.from_tx1(TX1)
    made = song_in(answer)
    end = round(0.4 * 44_100)
    for voice in kept.voices:
        before = kept.voices[voice][kept.voices[voice][:, 0] < end]
        assert np.array_equal(made.voices[voice][: len(before), 0], before[:, 0])
        assert np.array_equal(made.voices[voice][: len(before), 2], before[:, 2])


def test_the_seconds_of_a_continuation_are_those_that_are_added(client):
    answer = client.post("/continue", json={"song": SONG, "start": 0.4, "seconds": 2, "temperature": 0.9, "seed": 2})
    assert 0.4 < song_in(answer).duration <= 2.41


@pytest.mark.parametrize(("path", "body"), [("/infill", {"voices": ["p2"]}), ("/accompany", {"voices": ["p1"]})])
def test_what_is_outside_the_passage_and_the_voices_stays(client, path, body):
    song = lakhnes.Song.from_tx1(tune(4))
    given = {"data": base64.b64encode(song.to_midi()).decode(), "format": "mid"}
    start, end = 0.5, 1.5
    made = song_in(client.post(path, json={"song": given, "start": start, "end": end, "seed": 1, **body}))
    (written,) = body["voices"]
    for voice in song.voices:
        if voice != written:
            assert np.array_equal(made.voices[voice], song.voices[voice])
    new, old = made.voices[written], song.voices[written]
    outside = [rows[(rows[:, 0] < start * 44_100) | (rows[:, 0] >= end * 44_100)] for rows in (new, old)]
    assert np.array_equal(outside[0][:, [0, 2]], outside[1][:, [0, 2]])
    if path == "/accompany":
        assert np.array_equal(new[:, :2], old[:, :2])


def test_rendering_gives_the_samples_of_the_library_from_json_and_from_a_form(client, song):
    answer = client.post("/render", json={"song": SONG, "rate": 22_050})
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.content == lakhnes.songs.encode(song, "wav", sample_rate=22_050)
    form = client.post("/render", files={"song": ("a.tx1.txt", TX1)}, data={"rate": "22050"})
    assert form.content == answer.content
    wrapped = client.post("/render", json={"song": SONG, "rate": 22_050, "base64": True}).json()
    assert base64.b64decode(wrapped["data"]) == answer.content
    stems = client.post("/render", json={"song": SONG, "stems": True}).content
    assert int.from_bytes(stems[22:24], "little") == 4


@pytest.mark.parametrize("format", ["tx3", "nsf", "vgm", "ftm", "mid", "flac"])
def test_conversion_gives_the_bytes_of_the_library(client, song, format):
    answer = client.post("/convert", json={"song": SONG, "format": format, "title": "T"})
    assert answer.status_code == 200, answer.text
    if format != "flac":
        assert answer.content == lakhnes.songs.encode(song, format, title="T")
    assert f"song{lakhnes.files.suffix_of(format)}" in answer.headers["content-disposition"]


def test_any_midi_file_is_arranged_with_a_report(client, song):
    data = base64.b64encode(song.to_midi()).decode()
    answer = client.post("/arrange", json={"song": {"data": data, "format": "mid"}}).json()
    assert answer["report"]["notes"] >= answer["report"]["placed"] > 0
    assert answer["score"]["length"] > 0


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/generate", {"num": 99}, "num: expected a whole number of at least 1, at most 8"),
        ("/generate", {"temperature": "hot"}, "temperature: expected a number"),
        ("/generate", {"tempo": 120}, "tempo: this model does not know it"),
        ("/generate", {"model": "/etc/passwd"}, "model: expected one of tiny"),
        ("/generate", {"colour": 1}, "colour: no parameter of /generate"),
        ("/generate", {"seed": 1e400}, "no JSON"),
        ("/infill", {"song": SONG}, "voices: missing"),
        ("/infill", {"song": SONG, "voices": ["p9"]}, "voices: expected some of"),
        ("/infill", {"song": SONG, "voices": ["p1"], "start": 5}, "expected a passage"),
        ("/continue", {"song": SONG, "start": 99}, "expected within the song"),
        ("/render", {}, "song: missing"),
        ("/render", {"song": {"data": "*", "format": "mid"}}, "no base64"),
        ("/render", {"song": {"data": "AAAA", "format": "exe"}}, "format: expected one of"),
        ("/render", {"song": {"data": "AAAA", "format": "mid"}}, "song:"),
        ("/render", {"song": "a.mid"}, "expected an object"),
        ("/convert", {"song": SONG, "format": "png"}, "format: expected one of"),
    ],
)
def test_a_mistake_is_answered_with_a_sentence(client, path, body, said):
    answer = client.post(path, content=json.dumps(body), headers={"content-type": "application/json"})
    assert answer.status_code in (400, 413), answer.text
    assert said in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


def test_other_hosts_and_other_sites_pages_are_refused(client, server):
    here = server.removeprefix("http://")
    cases = [
        ({"host": "evil.example"}, 421), ({"host": ""}, 421), ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403), ({"origin": f"http://{here}1"}, 403), ({"sec-fetch-site": "cross-site"}, 403),
        ({"origin": f"http://{here}"}, 200), ({}, 200),
    ]  # fmt: skip
    for headers, status in cases:
        answer = client.post("/convert", json={"song": SONG, "format": "tx2"}, headers=headers)
        assert answer.status_code == status, (headers, answer.text)


def test_every_answer_has_the_policy_of_a_page_without_inline_code(client):
    for path in ("/", "/health", "/nothing", "/page/main.js"):
        answer = client.get(path)
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get("/nothing").status_code == 404
    for path in ("/page/..%2fapi.py", "/page/../api.py", "/page/%2e%2e/jobs.py", "/sessions/..%2f..", "/page/none.js"):
        assert client.get(path).status_code in (404, 405)


def raw(server, request):
    """Send bytes; return the first line of the answer."""
    host, port = server.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(request)
        return connection.makefile("rb").readline().decode()


def test_a_body_is_refused_by_its_length_before_it_is_sent(server):
    host = server.removeprefix("http://")
    start = f"POST /render HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n".encode()
    assert " 413 " in raw(server, start + b"Content-Length: 10000000000\r\n\r\n")
    assert " 411 " in raw(server, start + b"Transfer-Encoding: chunked\r\n\r\n")
    assert " 400 " in raw(server, start + b"Content-Length: many\r\n\r\n")


def test_bodies_that_are_uploaded_at_once_have_a_limit_together(server, monkeypatch, client):
    monkeypatch.setattr(security, "MAX_BODIES_BYTES", 50)
    answer = client.post("/render", json={"song": SONG})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0


def test_a_body_that_stops_in_the_middle_is_given_up(server, monkeypatch):
    monkeypatch.setattr(security, "BODY_SECONDS", 0.2)
    host = server.removeprefix("http://")
    start = f"POST /render HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{{"
    assert " 408 " in raw(server, start.encode())


def test_a_server_with_a_token_answers_only_who_gives_it(model, tmp_path):
    with (
        served(model, tmp_path, token="a secret", hosts=()) as (server, _),
        httpx.Client(base_url=server, timeout=60) as client,
    ):
        assert client.get("/models").status_code == 401
        assert client.get("/models", headers={"authorization": "Bearer a secre"}).status_code == 401
        assert client.get("/models", headers={"authorization": "Bearer a secret"}).status_code == 200
        assert client.get("/").status_code == 200  # the page asks for it
        assert client.get("/sessions").status_code == 401
        data = render_on(server, TX1.encode(), "tx1", "wav", token="a secret", rate=8_000)
        assert data[:4] == b"RIFF"
        with pytest.raises(LakhnesError, match="expected the server's token"):
            render_on(server, TX1.encode(), "tx1", "wav")


def test_a_server_that_others_reach_needs_a_token(run):
    answer = run("serve", "--http", "0.0.0.0:0")
    assert answer.exit_code == 1
    assert "--token" in answer.output


def test_a_full_queue_is_answered_with_429_and_when_to_come_again(model):
    go = threading.Event()
    with served(model, waiting=1) as (server, service), httpx.Client(base_url=server, timeout=30) as client:
        service.composing.add(lambda job: go.wait(60))
        with client.stream("POST", "/generate", json={"length": 9, "stream": True}) as second:
            lines = second.iter_lines()
            assert next(lines) == "event: queued"
            refused = client.post("/generate", json={"length": 9})
            assert refused.status_code == 429
            assert int(refused.headers["retry-after"]) >= 1
            assert "waiting already" in refused.json()["error"]
            assert client.post("/render", json={"song": SONG}).status_code == 200  # sound has a queue of its own
            go.set()
            assert "event: result" in list(lines)


def wait_until(holds, seconds=60):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def endless(monkeypatch):
    """Make every composition one that ends only when it is cancelled."""

    def work(job, models, values):
        while True:
            job.check()
            time.sleep(0.01)

    monkeypatch.setitem(COMPOSING, "/generate", work)


def test_what_a_client_leaves_is_cancelled(model, endless):
    with served(model) as (server, service), httpx.Client(base_url=server, timeout=60) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.post("/generate", json={}, timeout=1.0)
        wait_until(lambda: len(service.composing) == 0)
        with client.stream("POST", "/generate", json={"stream": True}):
            wait_until(lambda: len(service.composing) == 1)
        wait_until(lambda: len(service.composing) == 0)


def test_a_job_may_not_take_longer_than_its_limit(model, endless):
    with served(model, time_limit=0.3) as (server, _), httpx.Client(base_url=server, timeout=30) as client:
        answer = client.post("/generate", json={})
        assert answer.status_code == 503
        assert "0.3 s" in answer.json()["error"]


def test_a_composition_stops_within_a_step_of_the_model(model):
    steps = []

    def check():
        steps.append(1)
        if len(steps) == 5:
            raise JobError("cancelled")

    for work in (
        lambda watched: lakhnes.generate(watched, 2, seed=1),
        lambda watched: lakhnes.infill(watched, lakhnes.Song.from_tx1(TX1), ["p1"], seed=1),
    ):
        steps.clear()
        with pytest.raises(JobError):
            work(WatchedModel(model, Watch(check)))
        assert len(steps) == 5


def test_a_queue_says_places_and_ends_jobs_that_wait():
    queue, go = Queue("t", workers=1, waiting=2, time_limit=60), threading.Event()
    first, second, third = (queue.add(lambda job: go.wait(60)) for _ in range(3))
    with pytest.raises(BusyError):
        queue.add(lambda job: None)
    wait_until(lambda: first.running)
    assert [queue.place(job) for job in (first, second, third)] == [0, 0, 1]
    third.cancel()
    with pytest.raises(JobError, match="cancelled"):
        third.result()
    go.set()
    wait_until(lambda: second.done)
    assert second.result() is True
    queue.close()


def test_sixty_four_clients_at_once_are_all_answered(model):
    with served(model, waiting=64) as (server, _):
        expected = lakhnes.songs.encode(lakhnes.Song.from_tx1(TX1), "wav", sample_rate=8_000)

        def ask(index):
            with httpx.Client(base_url=server, timeout=60) as client:
                return client.post("/render", json={"song": SONG, "rate": 8_000}).content

        with ThreadPoolExecutor(64) as pool:
            assert set(pool.map(ask, range(64))) == {expected}


def test_sixty_four_clients_that_compose_at_once_are_served_or_told_when_to_come_again(model):
    full = threading.Event()
    with served(model, waiting=8) as (server, service):
        expected = lakhnes.generate(model, 1, seed=2, length=20, min_duration=0)[0]
        service.composing.add(lambda job: full.wait(60))  # so that the queue fills, however fast the model is

        def ask(index):
            refused = 0
            with httpx.Client(base_url=server, timeout=60) as client:
                while True:
                    answer = client.post("/generate", json={"seed": 2, "length": 20, "min_duration": 0})
                    if answer.status_code == 200:
                        return song_in(answer) == expected, refused
                    assert answer.status_code == 429
                    assert int(answer.headers["retry-after"]) > 0
                    refused += 1
                    full.set()
                    time.sleep(0.1 + 0.01 * index)

        with ThreadPoolExecutor(64) as pool:
            served_all = list(pool.map(ask, range(64)))
        assert all(right for right, _ in served_all)
        assert sum(refused for _, refused in served_all) > 0
        assert len(service.composing) == 0


def hostile(choose):
    """Return a request that no honest client sends."""
    path = choose.choice(
        [*(route.path for route in ROUTES if route.method == "POST"), "/sessions", "/sessions/x/states"]
    )
    values = [None, -1, 10**30, [], {}, "x" * 1000, [[[[]]]], True, "../../etc/passwd", {"data": "AA=="}, 1e308, SONG]
    names = ["song", "voices", "num", "seed", "start", "end", "format", "model", "rate", "score", "__proto__", "\0"]
    body = json.dumps({choose.choice(names): choose.choice(values) for _ in range(3)}).encode()
    body = choose.choice([body, body[:-3], b"\xff\xfe", b"[" * 20_000, b"\0", choose.randbytes(300)])
    kinds = ["application/json", "multipart/form-data; boundary=x", "multipart/form-data", "text/plain", ""]
    return path, body, choose.choice([kinds[0], kinds[0], *kinds])


def test_a_thousand_hostile_requests_get_a_sentence_each(client):
    choose = random.Random(5)
    for _ in range(1000):
        path, body, kind = hostile(choose)
        if path == "/generate":
            body = body.replace(b"{", b'{"length": 0, ', 1)
        answer = client.post(path, content=body, headers={"content-type": kind})
        assert 400 <= answer.status_code < 500, (path, body[:200], answer.status_code, answer.text[:200])
        assert answer.json()["error"]
    assert client.get("/health").json()["queue"] == {"composing": 0, "working": 0}
