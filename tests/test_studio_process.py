"""The studio as a process of its own: killed in the middle of its work, and under requests of no honest client."""

import contextlib
import io
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import httpx
import pytest

from lakhnes.studio.pages import EXPORTS
from test_studio_api import SONG, hostile

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs SIGKILL and /proc")


@contextlib.contextmanager
def studio(folder):
    """Start the studio on a folder of sessions; give its process and its address."""
    command = [sys.executable, "-m", "lakhnes", "studio", "--no-browser", "--port", "0"]
    environment = os.environ | {"LAKHNES_SESSIONS": str(folder)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        yield process, process.stdout.readline().strip().rstrip("/")
    finally:
        process.kill()
        process.communicate()


def export(url):
    """Ask for a ZIP of everything, from a server that may end meanwhile."""
    with contextlib.suppress(httpx.HTTPError):
        httpx.post(url, json={"format": "zip"}, timeout=60)


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_server_that_is_killed_in_an_export_loses_no_session_and_leaves_no_half_file(tmp_path):
    before = None
    for wait in (0.02, 0.1, 0.3):
        with studio(tmp_path) as (process, address), httpx.Client(base_url=address, timeout=60) as client:
            if before is None:
                identity = client.post("/sessions", json={"name": "Kept"}).json()["id"]
                for label in ("one", "two"):
                    client.post(f"/sessions/{identity}/states", json={"song": SONG, "label": label})
                before = client.get(f"/sessions/{identity}").json(), files_in(tmp_path)

            exporting = threading.Thread(target=export, args=(f"{address}/sessions/{identity}/export",))
            exporting.start()
            time.sleep(wait)
            process.send_signal(signal.SIGKILL)
            process.wait()
            exporting.join()
    with studio(tmp_path) as (_, address), httpx.Client(base_url=address, timeout=60) as client:
        assert client.get(f"/sessions/{identity}").json() == before[0]
        assert files_in(tmp_path) == before[1]
        answer = client.post(f"/sessions/{identity}/export", json={"format": "zip"})
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert archive.testzip() is None
            assert len(archive.namelist()) == len(EXPORTS) + 1


def resident(process):
    """Return the memory of a process in MiB."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def oversized(address, choose):
    """Send a request whose body is larger than it may be; return the first line of the answer."""
    host, port = address.removeprefix("http://").split(":")
    head = (
        f"POST /{choose.choice(['render', 'convert', 'generate', 'sessions'])} HTTP/1.1\r\nHost: {host}:{port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {choose.choice([97 * 2**20, 2**40, 10**18])}\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head.encode())
        with contextlib.suppress(OSError):  # it may hang up while the body still comes
            connection.sendall(b"[" * 2**18)
        answer = b""
        with contextlib.suppress(OSError):
            while chunk := connection.recv(2**16):
                answer += chunk
    return answer


def test_a_thousand_malformed_and_oversized_requests_get_a_sentence_each_and_leave_memory_flat(tmp_path):
    choose = random.Random(11)
    with studio(tmp_path) as (process, address), httpx.Client(base_url=address, timeout=60) as client:
        client.get("/models")
        assert client.post("/render", json={"song": SONG}).status_code == 200

        def attack(count):
            for _ in range(count):
                if choose.random() < 0.2:
                    answer = oversized(address, choose)
                    assert answer.startswith(b"HTTP/1.1 413 "), answer[:200]
                    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
                    continue
                path, body, kind = hostile(choose)
                if path == "/generate":
                    body = body.replace(b"{", b'{"length": 0, ', 1)
                if path == "/sessions":
                    path = "/sessions/0000000000000000/states"
                answer = client.post(path, content=body, headers={"content-type": kind})
                assert 400 <= answer.status_code < 500, (path, body[:200], answer.status_code, answer.text[:200])
                assert answer.json()["error"]

        attack(200)  # whatever is loaded at first use is loaded then
        begun = resident(process)
        attack(800)
        grown = resident(process) - begun
        assert grown < 16, f"{grown:.1f} MiB more after 800 requests, {begun:.0f} MiB before them"
        assert client.get("/health").json()["queue"] == {"composing": 0, "working": 0}
        assert client.post("/render", json={"song": {"data": SONG["data"], "format": "tx1"}}).status_code == 200
