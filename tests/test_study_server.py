"""What listeners and others may do at the server of a listening study, and that no answer is lost or counted twice."""

import asyncio
import json
import socket
import sqlite3
import threading
import time

import pytest

from lakhnes.studio import serving
from lakhnes.study import server as study_server
from lakhnes.study.creation import Study
from lakhnes.study.responses import from_study
from lakhnes.study.server import HEADERS, Server
from lakhnes.study.store import ANSWERS, Store, id_of
from studies import Client, Process, first_choice, make_plan, make_study

NAMES = ("human", "random", "quixotic", "zephyr")
"""Two of which stand in no text of the page."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("study"), listeners=40, pairs=4, share=0.25, names=NAMES)


@pytest.fixture(scope="module")
def served(made):
    with Process(made) as server:
        yield server


@pytest.fixture
def client(served):
    return Client(served.port).enrol()


def to_pairs(client):
    """Answer consent and questionnaire; return the state of the practice pair."""
    client.facts("/api/answer", {"step": 0, "value": True})
    return client.facts("/api/answer", {"step": 1, "value": {"musical_training": 3, "chiptune_familiarity": 1}})


def test_a_reply_holds_no_condition_no_clip_name_and_no_other_listener(made, client):
    state = to_pairs(client)
    study = Study.open(made)
    replies = [client.ask(path)[1] for path in ("/", "/study.js", "/study.css", "/api/study", "/api/state")]
    hidden = [*NAMES[2:], *study.clips, id_of(client.secret)]
    for reply in replies:
        assert not [word for word in hidden if word.encode() in reply]
    assert set(state) == {"step", "kind", "number", "count", "sides", "choices"}


def test_only_the_clips_of_the_present_step_are_given_and_only_to_who_has_the_secret(made, served, client):
    state = to_pairs(client)
    step = state["step"]
    assert client.ask(f"/api/clip/{step}/0")[0] == 200
    for path in (f"/api/clip/{step}/2", f"/api/clip/{step + 1}/0", f"/api/clip/{step - 1}/0", "/api/clip/99/0"):
        assert client.ask(path)[0] == 404
    name = next(iter(Study.open(made).clips))
    for path in (f"/clips/{name}.wav", f"/api/clip/{name}", "/plan.json", "/..%2fplan.json", "/answers.sqlite"):
        assert client.ask(path)[0] == 404
    for other in (None, "", "x" * 22, id_of(client.secret)):
        stranger = Client(served.port, other)
        assert stranger.ask(f"/api/clip/{step}/0")[0] == 401
        assert stranger.ask("/api/state")[0] == 401
        assert stranger.ask("/api/answer", {"step": step, "value": 1})[0] == 401


def test_an_answer_is_refused_until_both_clips_can_have_been_heard(client):
    step = to_pairs(client)["step"]
    answer = {"step": step, "value": 1}
    assert client.ask("/api/answer", answer) == (409, b'{"error":"unheard"}')
    client.ask(f"/api/clip/{step}/0")
    time.sleep(1.1)
    assert client.ask("/api/answer", answer)[0] == 409  # B was never fetched
    client.ask(f"/api/clip/{step}/1")
    assert client.facts("/api/answer", answer)["step"] == step + 1


@pytest.mark.parametrize(
    "body",
    [
        {}, [], {"step": 0}, {"step": 0, "value": 1}, {"step": 0, "value": "true"}, {"step": "0", "value": True},
        {"step": True, "value": True}, {"step": -1, "value": True}, {"step": 1, "value": True},
        {"step": 0.0, "value": True},
        {"step": 0, "value": "x" * 100_000},
    ],
)  # fmt: skip
def test_what_is_no_answer_of_the_present_step_is_refused_and_kept_nowhere(client, body):
    assert client.ask("/api/answer", body)[0] in (400, 409, 413)
    assert client.facts("/api/state")["step"] == 0


def test_an_answer_that_is_sent_again_changes_nothing(made, client):
    client.facts("/api/answer", {"step": 0, "value": True})
    first = {"musical_training": 1, "chiptune_familiarity": 1}
    for value in (first, {"musical_training": 3, "chiptune_familiarity": 3}):
        assert client.facts("/api/answer", {"step": 1, "value": value})["step"] == 2
    store = Store(made / ANSWERS)
    kept = [row["value"] for row in store.answers() if row["listener"] == id_of(client.secret) and row["step"] == 1]
    store.close()
    assert kept == [first]


def test_every_reply_forbids_foreign_code_and_is_not_kept(served):
    import http.client

    for path in ("/", "/study.js", "/api/study", "/nothing"):
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
        connection.request("GET", path)
        reply = connection.getresponse()
        reply.read()
        connection.close()
        for name, value in HEADERS.items():
            assert reply.headers[name] == value
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "http" not in policy


def test_the_page_has_no_code_in_its_text_and_a_title_cannot_bring_any(tmp_path):
    study = make_study(tmp_path, listeners=1, pairs=4, share=0.25)
    facts = json.loads((study / "plan.json").read_text())
    facts["plan"]["title"] = "<script>alert(1)</script>"
    (study / "plan.json").write_text(json.dumps(facts))
    with Process(study) as server:
        page = Client(server.port).ask("/")[1].decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert " style=" not in page
    assert page.count("<script") == 1


def test_a_study_takes_listeners_up_to_its_limit_and_by_links_alone_if_it_says_so(tmp_path):
    study = make_study(tmp_path / "open", listeners=2, pairs=4, share=0.25)
    with Process(study) as server:
        assert [Client(server.port).ask("/api/listeners", {})[0] for _ in range(3)] == [200, 200, 403]
    study = make_study(tmp_path / "links", listeners=2, pairs=4, share=0.25, page='signup = "links"')
    opened = Server.open(study)
    links = opened.invite(5)
    opened.store.close()
    assert len(set(links)) == 2
    assert all(len(link) >= 22 for link in links)  # 128 bits
    with Process(study) as server:
        assert Client(server.port).ask("/api/listeners", {})[0] == 403
        assert Client(server.port, links[1]).facts("/api/state")["kind"] == "consent"


def test_of_a_person_a_random_id_and_answers_are_stored_and_nothing_else(made, client):
    to_pairs(client)
    file = sqlite3.connect(made / ANSWERS)
    columns = {name: [row[1] for row in file.execute(f"PRAGMA table_info({name})")] for name in ("listener", "answer")}
    assert file.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    file.close()
    assert columns == {"listener": ["id", "slot", "code", "created"], "answer": ["listener", "step", "value", "at"]}
    assert client.secret.encode() not in b"".join(path.read_bytes() for path in made.glob(ANSWERS + "*"))


def test_replaced_texts_are_shown_and_a_missing_one_is_named(tmp_path):
    study = make_study(tmp_path, listeners=1, pairs=4, share=0.25)
    texts = study / "texts.toml"
    words = texts.read_text()
    texts.write_text(words.replace('language = "en"', 'language = "de"').replace('"Begin"', '"Anfangen"'))
    with Process(study) as server:
        client = Client(server.port)
        assert client.facts("/api/study")["words"]["begin"] == "Anfangen"
        assert b'<html lang="de">' in client.ask("/")[1]
    line = words.splitlines().index("[words]") + 1
    texts.write_text(words.replace('begin = "Begin"\n', ""))
    with pytest.raises(ValueError, match=rf"texts\.toml: line {line}: words\.begin: is missing"):
        Server.open(study)


@pytest.mark.parametrize("design", ["turing", "preference", "rating"])
def test_a_study_of_each_design_leads_from_its_plan_to_a_report(tmp_path, run, design):
    share = 0.0 if design == "rating" else 0.5
    plan = make_plan(
        tmp_path / "sources", design=design, listeners=3, pairs=4, share=share, count=16, exclusion="min_controls = 0"
    )
    assert run("study", "create", plan, "-o", tmp_path / "study").exit_code == 0
    with Process(tmp_path / "study") as server:
        threads = [threading.Thread(target=Client(server.port).enrol().finish, args=(first_choice,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    result = run("study", "analyze", tmp_path / "study", "--max-failed-controls", "1", "--json")
    assert result.exit_code == 0, result.stderr
    facts = json.loads(result.stdout)
    assert (facts["listeners"], facts["answers"]) == (3, 12 - 3 * (2 if share else 0))
    rows = (tmp_path / "study" / "analysis" / "answers.csv").read_text().splitlines()
    assert len(rows) == 1 + 12
    codes = [
        line.split(",")[-2] for line in (tmp_path / "study" / "analysis" / "listeners.csv").read_text().splitlines()
    ]
    assert len({code for code in codes if len(code) == 8}) == 3
    assert "3 listeners heard" in (tmp_path / "study" / "analysis" / "methods.txt").read_text()


def test_a_study_without_answers_or_plan_is_refused_in_one_line(tmp_path, run):
    study = make_study(tmp_path, listeners=1, pairs=4, share=0.25)
    assert "answers.sqlite: no such file" in run("study", "analyze", study).stderr
    Store(study / ANSWERS).close()
    assert "no answers yet" in run("study", "analyze", study).stderr
    (study / ANSWERS).write_bytes(b"no database" * 100)
    assert "expected the answers of a study" in run("study", "analyze", study).stderr
    for text, message in (("{}", "no plan of a study"), ('{"format": 1, "version": 2}', "expected 1 of lakhnes")):
        (study / "plan.json").write_text(text)
        result = run("study", "serve", study)
        assert result.exit_code == 1
        assert message in result.stderr
        assert len(result.stderr.splitlines()) == 1


@pytest.mark.timeout(580)
def test_a_hundred_listeners_at_once_through_three_killed_servers_leave_each_answer_once(tmp_path):
    listeners, pairs = 100, 12
    # A reply that is lost in a kill may leave a listener whose secret nobody has: links are made beforehand.
    study = make_study(tmp_path, listeners=listeners, pairs=pairs, page='practice = 0\nsignup = "links"')
    opened = Server.open(study)
    secrets = opened.invite(listeners)
    opened.store.close()
    expected, ends, failed = {}, {}, []

    def listen(number):
        def choose(state):
            if state["kind"] != "pair":
                return first_choice(state)
            return expected.setdefault((number, state["number"]), 1 + (number + state["number"]) % 3 % 2)

        try:
            ends[number] = Client(server.port, secrets[number], patience=500).finish(choose)
        except BaseException as error:
            failed.append(error)
            raise

    with Process(study) as server:
        threads = [threading.Thread(target=listen, args=(number,)) for number in range(listeners)]
        for thread in threads:
            thread.start()
        for share in (0.1, 0.4, 0.7):
            while len(expected) < share * listeners * pairs and not failed:
                time.sleep(0.05)
            server.kill()
            server.start()
        for thread in threads:
            thread.join()
    assert not failed
    answered = from_study(study)
    assert len(answered.responses) == listeners * pairs
    numbers = {id_of(secret): number for number, secret in enumerate(secrets)}
    kept = {(numbers[each.listener], each.position): each.choice for each in answered.responses}
    assert kept == expected
    assert {listener.code for listener in answered.listeners} == {end["code"] for end in ends.values()}


@pytest.mark.parametrize("listen", [serving.listen, study_server.listen], ids=["studio", "study"])
def test_a_connection_sends_each_part_of_an_answer_without_waiting_for_an_acknowledgement(listen):
    async def option():
        taken = asyncio.get_running_loop().create_future()

        async def answer(reader, writer):
            taken.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        async with await asyncio.start_server(answer, sock=listen("127.0.0.1", 0)) as server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            found = await taken
            writer.close()
            await writer.wait_closed()
            return found

    assert asyncio.run(option())
