"""Names of devices: what cannot be here is refused at once, without torch; of the rest, torch decides."""

import sys

import pytest

from lakhnes.model.device import cannot_be
from small import make_corpus

COMMANDS = {
    "generate": ["-o"],
    "eval": ["bundled", "DATA"],
    "train": ["DATA", "-o"],
    "finetune": ["bundled", "DATA", "-o"],
    "reproduce": ["table2", "DATA", "-o"],
}


@pytest.mark.torch  # where it is not installed, that is what is said
@pytest.mark.parametrize("command", COMMANDS)
def test_a_device_that_cannot_be_is_refused_before_torch_is_loaded(run, tmp_path, monkeypatch, command):
    make_corpus(tmp_path / "data")
    args = [tmp_path / "data" if arg == "DATA" else arg for arg in COMMANDS[command]]
    args += [tmp_path / "new"] if args[-1] == "-o" else []
    monkeypatch.setitem(sys.modules, "lakhnes.model.network", None)
    monkeypatch.setattr("lakhnes.model.device.cannot_be", lambda kind, number: kind in ("mps", "cuda"))
    for device in ("", "x", "cuda:x", "\x1b[2J", "cpu:9999", "c" * 5_000, "cuda", "cuda:99", "mps"):
        result = run(command, *args, "--device", device)
        assert result.exit_code == 1, result.output
        (line,) = result.stderr.splitlines()
        assert "is not available; expected auto, cpu, cuda or mps" in line
        assert line.isprintable()
        assert len(line) < 200
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("platform", "nodes", "possible", "impossible"),
    [
        ("linux", [], ["cpu:0"], ["cuda:0", "mps:0", "xpu:0"]),
        ("linux", ["nvidiactl", "nvidia0", "nvidia1"], ["cuda:0", "cuda:15"], ["cuda:16", "cuda:99", "xpu:0"]),
        ("linux", ["nvidia-uvm"], ["cuda:0", "cuda:99"], ["mps:0"]),  # how many GPUs there are is not seen
        ("linux", ["kfd", "dri"], ["cuda:0", "xpu:0"], ["mps:0"]),
        ("linux", ["dxg"], ["cuda:99", "xpu:0"], []),
        ("linux", ["nvhost-ctrl", "nvmap"], ["cuda:0"], []),
        ("darwin", [], ["mps:0", "cpu:0"], ["cuda:0", "xpu:0"]),
        ("win32", [], ["cuda:0", "cpu:0"], ["mps:0"]),
    ],
)
def test_a_device_is_refused_where_no_driver_can_have_it(tmp_path, platform, nodes, possible, impossible):
    for name in nodes:
        (tmp_path / name).touch()
    for device in possible + impossible:
        kind, _, number = device.partition(":")
        assert cannot_be(kind, int(number), platform, tmp_path) is (device in impossible), device
