"""What the site is built from: docs of the extension module from its stub, and the check in a browser."""

import importlib.util
import sys

import pytest

import lakhnes
from conftest import ROOT


def load(path):
    specification = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def stub_docs():
    return load(ROOT / "docs" / "_ext" / "stub_docs.py")


@pytest.fixture
def check_site():
    return load(ROOT / "scripts" / "check_site.py")


def test_a_method_of_the_extension_module_has_the_docs_and_types_of_the_stub(stub_docs):
    lines = []
    stub_docs.add_docstring(None, "method", "lakhnes.Song.perform", None, None, lines)
    assert lines[0] == "Give the register writes that play the song."
    signature = stub_docs.add_signature(None, "method", "lakhnes.Song.perform", None, None, "(**options)", None)
    assert signature == ("(*, downsample: float | None=None, expression: str='plain')", "RegisterLog")


def test_a_class_of_the_extension_module_is_called_as_its_constructor_is(stub_docs):
    lines = []
    stub_docs.add_docstring(None, "class", "lakhnes.Vocabulary", None, None, lines)
    assert 'Make the vocabulary ``"tx1"``, ``"tx2"`` or ``"tx3"``.' in lines
    assert stub_docs.add_signature(None, "class", "lakhnes.Vocabulary", None, None, "", None) == ("(dialect: str)", "")


def test_what_python_wraps_keeps_its_own_docs(stub_docs):
    lines = ["kept"]
    stub_docs.add_docstring(None, "function", "lakhnes.tokenize_files", None, None, lines)
    assert lines == ["kept"]
    assert stub_docs.add_signature(None, "function", "lakhnes.tokenize_files", None, None, "", None) is None


def test_everything_public_of_the_extension_module_is_described_in_the_stub(stub_docs):
    import ast

    for name in lakhnes.__all__:
        key = stub_docs.key_of(f"lakhnes.{name}")
        if key is None:
            continue
        for part, node in stub_docs.NODES.items():
            own = part == key or part.startswith(f"{key}.")
            if own and not part.partition(".")[2].startswith("_"):
                assert ast.get_docstring(node), part


def test_a_default_that_is_a_function_is_shown_by_its_name():
    def shown(signature):
        return defaults.name_functions(None, "function", "f", None, None, signature, "int")

    defaults = load(ROOT / "docs" / "_ext" / "defaults.py")
    assert shown("(advance=<function ignore>, n=1)") == ("(advance=ignore, n=1)", "int")
    assert shown("(finished=<function <lambda>>)") == ("(finished=...)", "int")
    assert shown("(n=1)") is None
    assert shown(None) is None


def test_a_name_in_a_docstring_without_an_entry_of_its_own_has_to_exist():
    pytest.importorskip("sphinx")
    names = load(ROOT / "docs" / "_ext" / "names.py")
    assert names.find("lakhnes.sampling.params.MIN_DURATION") == 6.0
    assert names.find("lakhnes.Song.arrange") is not None
    assert names.find("lakhnes.Song.rearrange") is None
    assert names.find("lakhness") is None


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:8000/index.html", True),
        ("data:audio/ogg;base64,T2dn", True),
        ("https://cdn.example.org/x.js", False),
        ("http://127.0.0.1:9/x.js", False),
        ("http://127.0.0.1.example.org:8000/", False),
    ],
)
def test_a_request_that_leaves_the_machine_is_told_from_one_that_does_not(check_site, url, local):
    assert check_site.is_local(url, 8000) is local


def test_without_playwright_the_check_is_skipped_and_says_how_to_get_it(check_site, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "playwright", None)
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    assert check_site.check(tmp_path, None) == 0
    assert "skipped: no browser" in capsys.readouterr().out


def test_a_site_without_pages_is_no_success(check_site, tmp_path):
    pytest.importorskip("playwright")
    assert check_site.check(tmp_path, None) == 1
