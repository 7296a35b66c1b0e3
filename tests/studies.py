"""Small listening studies, made without any model, and clients that answer them."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time

from lakhnes.study.creation import create
from small import tune

PLAN = """
title = "A study"
design = "{design}"
seed = 7
listeners = {listeners}
pairs = {pairs}
control_share = {share}
{more}
[clips]
count = {count}
length = 0.5
sample_rate = 8000
{clips}
[page]
limit = {listeners}
{page}
[exclusion]
{exclusion}
"""

NAMES = ("human", "random", "one", "two")


def make_plan(
    folder, *, design="preference", listeners=6, pairs=12, share=0.2, count=24, names=NAMES, more="", clips="", page="",
    exclusion="",
):  # fmt: skip
    """Write a plan whose conditions are folders of songs with all four voices; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    text = PLAN.format(
        design=design, listeners=listeners, pairs=pairs, share=share, count=count, more=more, clips=clips, page=page,
        exclusion=exclusion,
    )  # fmt: skip
    for number, name in enumerate(names):
        text += f'\n[conditions."{name}"]\nfolder = "{name}"\n'
        (folder / name).mkdir(exist_ok=True)
        for index in range(count):
            song = "P2_NOTEON_60\n" + tune(1000 * number + index) + "\nP2_NOTEOFF\nWT_100"
            (folder / name / f"{name}{index:03}.tx1.txt").write_text(song)
    path = folder / "plan.toml"
    path.write_text(text)
    return path


def make_study(folder, **options):
    """Make a study of such a plan; return its folder."""
    create(make_plan(folder / "sources", **options), folder / "study")
    return folder / "study"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


class Process:
    """A server in a process of its own, which can be killed and started again at the same port."""

    def __init__(self, study):
        self.study, self.port = study, free_port()
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.kill()

    def start(self):
        command = [sys.executable, "-m", "lakhnes", "study", "serve", str(self.study), "--port", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self._process.stdout.readline().strip().decode() == self.url

    def kill(self):
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process.stdout.close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"


class Client:
    """A listener's program, which asks again until it gets a reply, as the page does."""

    def __init__(self, port, secret=None, patience=100.0):
        self.port, self.secret, self.end = port, secret, time.monotonic() + patience

    def ask(self, path, body=None):
        """Return the status and the bytes of a reply."""
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                headers = {"Authorization": f"Bearer {self.secret}"} if self.secret else {}
                data = None if body is None else json.dumps(body)
                connection.request("GET" if body is None else "POST", path, data, headers)
                reply = connection.getresponse()
                return reply.status, reply.read()
            except (OSError, http.client.HTTPException):
                assert time.monotonic() < self.end, "the server does not answer"
                time.sleep(0.1)
            finally:
                connection.close()

    def facts(self, path, body=None):
        status, data = self.ask(path, body)
        assert status == 200, (status, data)
        return json.loads(data)

    def enrol(self):
        self.secret = self.facts("/api/listeners", {})["secret"]
        return self

    def finish(self, choose):
        """Go through the study; `choose` gives the answer to a state. Return the last state."""
        state = self.facts("/api/state")
        while state["kind"] != "done":
            for side in range(state["sides"]):
                assert self.ask(f"/api/clip/{state['step']}/{side}")[0] == 200
            answer = {"step": state["step"], "value": choose(state)}
            status, data = self.ask("/api/answer", answer)
            while status == 409 and json.loads(data) == {"error": "unheard"}:
                time.sleep(0.2)
                status, data = self.ask("/api/answer", answer)
            assert status == 200, data
            state = json.loads(data)
        return state


def first_choice(state):
    """Answer as someone who always takes the first."""
    if state["kind"] == "questions":
        return {"musical_training": 1, "chiptune_familiarity": 2}
    return True if state["kind"] == "consent" else 1
