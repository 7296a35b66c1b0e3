"""The models that go by a name, and how their archives are loaded: from a server of this test's own."""

import hashlib
import http.server
import json
import re
import threading

import numpy as np
import pytest

import lakhnes
from lakhnes import CheckpointError
from lakhnes.checkpoint import load_model
from lakhnes.checkpoint.download import download
from lakhnes.checkpoint.zoo import zoo
from published import CONFIG, Call, Name, dumps, write_published


@pytest.fixture
def published(tmp_path):
    return write_published(tmp_path / "published")


def test_the_zoo_names_the_six_published_models(run):
    names = ["LakhNES", "Lakh200k", "Lakh100k", "NESAug", "NES", "Lakh400kPretrainOnly"]
    assert [model.name for model in zoo()] == names
    report = json.loads(run("checkpoint", "list", "--json").stdout)["models"]
    assert [model["name"] for model in report] == ["bundled", "bundled-tx1", *names]
    for model in zoo():
        assert model.licence
        assert model.megabytes in (147, 157)
        assert model.sha256 is None or re.fullmatch("[0-9a-f]{64}", model.sha256)
    shown = run("checkpoint", "list")
    assert len(shown.stdout.splitlines()) == 8
    assert "links are dead" in shown.stderr


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.setenv("LAKHNES_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def test_a_published_model_that_is_not_here_says_how_to_get_it(run, models):
    for words in (["generate", "-m", "NESAug"], ["checkpoint", "download", "NESAug"]):
        result = run(*words)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "links are dead" in result.stderr
        assert f"lakhnes checkpoint import PATH {models / 'NESAug'}" in result.stderr
    info = run("checkpoint", "info", "NESAug")
    assert info.exit_code == 0
    assert "not here" in info.stdout
    assert "test_ppl        2.741" in info.stdout


def test_an_imported_model_goes_by_its_name(published, run, models):
    assert run("checkpoint", "import", published, models / "LakhNES").exit_code == 0
    assert lakhnes.load_model("LakhNES", "cpu").config == CONFIG
    facts = json.loads(run("checkpoint", "info", "LakhNES", "--json").stdout)
    assert (facts["parameters"], facts["n_layer"], facts["test_ppl"]) == (CONFIG.num_parameters, 2, 2.46)
    assert "LakhNES               here" in run("checkpoint", "list").stdout


def test_an_unknown_name_lists_those_that_are(run):
    for words in (["info", "Nobody"], ["download", "Nobody"]):
        result = run("checkpoint", *words)
        assert result.exit_code == 1
        assert "Lakh400kPretrainOnly" in result.stderr
    expected = "no such model; expected a directory, hf://OWNER/NAME, or one of bundled, bundled-tx1, LakhNES"
    with pytest.raises(CheckpointError, match=expected):
        load_model("Nobody")


# --- downloads ---


class Server(http.server.BaseHTTPRequestHandler):
    """Serves `content` with ranges; `cut` bytes an answer at the most."""

    content = b""
    cut = None
    ranges = True
    asked: list = []  # noqa: RUF012

    def do_GET(self):
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        begin = int(wanted[1]) if wanted and self.ranges else 0
        self.asked.append((self.path, begin))
        if self.path != "/model":
            self.send_error(404)
        elif begin and begin >= len(self.content):
            self.send_error(416)
        else:
            self.send_response(206 if begin else 200)
            if begin:
                self.send_header("Content-Range", f"bytes {begin}-{len(self.content) - 1}/{len(self.content)}")
            self.send_header("Content-Length", str(len(self.content) - begin))
            self.end_headers()
            end = len(self.content) if self.cut is None else begin + self.cut
            self.wfile.write(self.content[begin:end])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    handler = type("Handler", (Server,), {"asked": [], "content": np.random.default_rng(0).bytes(600_000)})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        handler.url = f"http://127.0.0.1:{running.server_port}/model"
        yield handler
        running.shutdown()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def test_a_download_is_kept_when_its_hash_is_right(server, run, models):
    digest = sha256(server.content)
    words = ["checkpoint", "download", "LakhNES", "--url", server.url, "--sha256", digest]
    result = run(*words)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{models / 'LakhNES.tar.gz'}\n"
    assert f"lakhnes checkpoint import {models / 'LakhNES.tar.gz'} {models / 'LakhNES'}" in result.stderr
    assert (models / "LakhNES.tar.gz").read_bytes() == server.content
    assert run(*words).exit_code == 0
    assert len(server.asked) == 1  # it was there
    assert [path.name for path in models.iterdir()] == ["LakhNES.tar.gz"]


def test_a_download_resumes_where_it_was_cut_off(server, tmp_path):
    digest, target = sha256(server.content), tmp_path / "m"
    server.cut = 250_000
    for size in (250_000, 500_000):
        with pytest.raises(CheckpointError, match="run it again to resume"):
            download(server.url, target, digest)
        assert (tmp_path / "m.part").stat().st_size == size
        assert not target.exists()
    steps = []
    download(server.url, target, digest, advance=steps.append)
    assert target.read_bytes() == server.content
    assert [begin for _, begin in server.asked] == [0, 250_000, 500_000]
    assert sum(steps) == len(server.content)


def test_a_server_without_ranges_and_a_part_that_is_too_long_begin_anew(server, tmp_path):
    digest = sha256(server.content)
    (tmp_path / "a.part").write_bytes(server.content + b"more")
    assert download(server.url, tmp_path / "a", digest).read_bytes() == server.content
    server.ranges = False
    (tmp_path / "b.part").write_bytes(b"something else")
    assert download(server.url, tmp_path / "b", digest).read_bytes() == server.content


def test_a_wrong_hash_leaves_nothing(server, run, models):
    result = run("checkpoint", "download", "LakhNES", "--url", server.url)
    assert result.exit_code == 1
    assert f"has SHA-256 {sha256(server.content)}, expected 856e2ec6" in result.stderr
    assert list(models.iterdir()) == []


def test_what_is_downloaded_is_never_opened(server, tmp_path):
    server.content = dumps(Call(Name("os system"), (f"touch {tmp_path / 'canary'}",)))
    download(server.url, tmp_path / "model.pt", sha256(server.content))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.pt"]


def test_another_file_is_kept_without_force(server, tmp_path):
    (tmp_path / "m").write_text("mine")
    with pytest.raises(FileExistsError, match="--force"):
        download(server.url, tmp_path / "m", "0" * 64)
    assert (tmp_path / "m").read_text() == "mine"
    download(server.url, tmp_path / "m", sha256(server.content), overwrite=True)
    assert (tmp_path / "m").read_bytes() == server.content


@pytest.mark.parametrize(
    ("address", "digest", "message"),
    [
        ("file:///etc/passwd", "0" * 64, "begins with https:// or http://"),
        ("http://127.0.0.1:9/x", "0" * 64, "run it again"),
        ("http://127.0.0.1:9/x", "12", "expected a SHA-256"),
    ],
)
def test_a_wrong_address_or_hash_is_named(tmp_path, address, digest, message):
    with pytest.raises(CheckpointError, match=re.escape(message)):
        download(address, tmp_path / "m", digest)


def test_an_answer_that_is_no_file_is_named(server, tmp_path, monkeypatch):
    with pytest.raises(CheckpointError, match="the server answers 404"):
        download(server.url + "x", tmp_path / "m", "0" * 64)
    monkeypatch.setattr("lakhnes.checkpoint.download.MAX_DOWNLOAD_BYTES", 1000)
    with pytest.raises(CheckpointError, match="600000 bytes, expected at most 1000"):
        download(server.url, tmp_path / "m", "0" * 64)
    assert list(tmp_path.iterdir()) == []
