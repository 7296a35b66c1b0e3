"""The synthesis server of LakhNES, and its client's calls."""

import http.client
import threading
import wave
import xmlrpc.client
from concurrent.futures import ThreadPoolExecutor

import pytest

import lakhnes
from conftest import TX1
from lakhnes.studio.rpc import PORT, serve_rpc


@pytest.fixture
def served():
    """Serve in a thread; give a function that starts a server and returns its port."""
    servers = []

    def serve(root=None):
        ready, found = threading.Event(), []

        def listen(port):
            found.append(port)
            ready.set()

        options = {"ready": listen, "begun": servers.append}
        threading.Thread(target=serve_rpc, args=(0, root), kwargs=options, daemon=True).start()
        assert ready.wait(20)
        return found[0]

    yield serve
    for server in servers:
        server.shutdown()


def client(port):
    return xmlrpc.client.ServerProxy(f"http://localhost:{port}")


def frames(path):
    with wave.open(str(path)) as file:
        return file.getnframes(), file.getframerate()


def test_the_port_is_that_of_lakhnes():
    assert PORT == 1337


@pytest.mark.parametrize("rate", [0, 24, 48])
def test_the_calls_of_lakhnes_give_its_wav_files(served, tmp_path, rate):
    port = served()
    source = tmp_path / "a.tx1.txt"
    source.write_text(TX1)
    with client(port) as server:
        assert server.tx1_to_wav(str(source), str(tmp_path / "a.wav"), rate) is True
    lakhnes.write(lakhnes.read(source), tmp_path / "b.wav", downsample=rate or None)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    assert frames(tmp_path / "a.wav")[1] == 44_100


def test_tx2_is_played_and_a_rate_is_not_needed(served, tmp_path):
    port = served()
    source = tmp_path / "a.txt"  # the call says the format, whatever the name is
    source.write_text(lakhnes.Song.from_tx1(TX1).to_tx2())
    with client(port) as server:
        assert server.tx2_to_wav(str(source), str(tmp_path / "a.wav"))
    assert frames(tmp_path / "a.wav")[0] > 0


def test_sixty_four_clients_at_once_all_get_their_file(served, tmp_path):
    port = served()
    (tmp_path / "a.tx1.txt").write_text("P1_NOTEON_69\nWT_2000\nP1_NOTEOFF")

    def call(index):
        with client(port) as server:
            return server.tx1_to_wav(str(tmp_path / "a.tx1.txt"), str(tmp_path / f"{index}.wav"), 0)

    with ThreadPoolExecutor(64) as pool:
        assert all(pool.map(call, range(64)))
    assert len({path.read_bytes() for path in tmp_path.glob("*.wav")}) == 1
    assert len(list(tmp_path.glob("*.wav"))) == 64


def test_a_root_confines_reading_and_writing(served, tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    for folder in (root, outside):
        (folder / "a.tx1.txt").write_text(TX1)
    (root / "link").symlink_to(outside)
    (root / "out.wav").symlink_to(outside / "x.wav")
    port = served(root)
    with client(port) as server:
        assert server.tx1_to_wav("a.tx1.txt", "a.wav", 0)
        assert server.tx1_to_wav(str(root / "a.tx1.txt"), str(root / "b.wav"), 0)
        inside, away = "a.tx1.txt", str(outside / "a.tx1.txt")
        for source, target in [
            (away, "c.wav"), ("../outside/a.tx1.txt", "c.wav"), ("link/a.tx1.txt", "c.wav"), (inside, "../c.wav"),
            (inside, str(outside / "c.wav")), (inside, "link/c.wav"), (inside, "out.wav"), (inside, "."),
            ("\0", "c.wav"), ("", "c.wav"),
        ]:  # fmt: skip
            with pytest.raises(xmlrpc.client.Fault):
                server.tx1_to_wav(source, target, 0)
    assert sorted(path.name for path in outside.iterdir()) == ["a.tx1.txt"]
    assert not (root / "c.wav").exists()
    assert not (tmp_path / "c.wav").exists()


def test_a_root_that_is_no_folder_is_refused_before_anything_is_served(run, tmp_path):
    (tmp_path / "file").write_text("x")
    for name, told in (("none", "no such file or directory"), ("file", "not a directory")):
        result = run("serve", "--rpc", "0", "--root", tmp_path / name)
        assert (result.exit_code, result.stderr) == (1, f"Error: {tmp_path / name}: {told}\n")


def test_mistakes_come_back_as_one_line_and_the_server_goes_on(served, tmp_path):
    port = served()
    (tmp_path / "bad.tx1.txt").write_text("NOT_AN_EVENT")
    (tmp_path / "a.tx1.txt").write_text(TX1)
    good, target = str(tmp_path / "a.tx1.txt"), str(tmp_path / "a.wav")
    with client(port) as server:
        for arguments in [
            (str(tmp_path / "missing"), target, 0), (str(tmp_path / "bad.tx1.txt"), target, 0), (good, target, "fast"),
            (good, target, -5), (good, str(tmp_path / "no" / "a.wav"), 0), (7, target, 0),
        ]:  # fmt: skip
            with pytest.raises(xmlrpc.client.Fault) as caught:
                server.tx1_to_wav(*arguments)
            assert "\n" not in caught.value.faultString
        assert server.tx1_to_wav(good, target, 0)


def test_pages_compressed_and_oversized_requests_are_refused(served):
    port = served()
    plain = {"Content-Type": "text/xml", "Host": f"localhost:{port}"}
    for headers, status in [
        (plain | {"Origin": "https://example.org"}, 403), (plain | {"Host": "example.org"}, 403),
        (plain | {"Content-Type": "text/plain"}, 403), (plain | {"Content-Length": "999999999"}, 413),
        (plain | {"Content-Encoding": "gzip"}, 415), (plain | {"Content-Length": "many"}, 411),
    ]:  # fmt: skip
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", "/RPC2", "<x/>", headers)
        assert connection.getresponse().status == status
        connection.close()
