"""What `help` and completion show of the Python package."""

import ast
import inspect
import subprocess
import sys

import pytest

from conftest import ROOT
from lakhnes import _native, sampling
from lakhnes.sampling.params import CONTINUATION, SONG, SamplingOptions, SamplingParams
from small import tiny_model

STUB = ast.parse((ROOT / "python" / "lakhnes" / "_native.pyi").read_text())


def documented():
    """Give the names of the stub that have a docstring, with it."""
    for node in STUB.body:
        if isinstance(node, ast.FunctionDef) and (text := ast.get_docstring(node)):
            yield node.name, text
        if isinstance(node, ast.ClassDef):
            yield node.name, ast.get_docstring(node)
            for member in node.body:
                if isinstance(member, ast.FunctionDef) and (text := ast.get_docstring(member)):
                    yield f"{node.name}.{member.name}", text


DOCUMENTED = dict(documented())


@pytest.mark.parametrize("name", [name for name in DOCUMENTED if not name.endswith("__")])
def test_each_name_of_the_extension_says_at_run_time_what_the_stub_says(name):
    thing = _native
    for part in name.split("."):
        thing = getattr(thing, part)
    assert inspect.cleandoc(thing.__doc__).startswith(DOCUMENTED[name])


def test_each_public_class_and_method_of_the_extension_has_a_docstring():
    for name in _native.__all__:
        thing = getattr(_native, name)
        if inspect.isclass(thing):
            members = [member for member in vars(thing) if not member.startswith("_")]
            assert not [member for member in members if f"{name}.{member}" not in DOCUMENTED]
        elif callable(thing):
            assert name in DOCUMENTED


COMPOSING = ("generate", "compose", "continue_song", "accompany", "infill", "stream")


@pytest.mark.parametrize("name", COMPOSING)
def test_composing_functions_show_their_parameters_and_defaults(name):
    signature = inspect.signature(getattr(sampling, name))
    assert {"temperature", "top_k", "seed"} <= set(signature.parameters)
    assert all(each.kind is not inspect.Parameter.VAR_KEYWORD for each in signature.parameters.values())
    base = CONTINUATION if name == "continue_song" else SONG
    assert signature.parameters["temperature"].default == base.temperature
    if "length" in signature.parameters:
        assert signature.parameters["length"].default == base.length


@pytest.mark.parametrize("name", COMPOSING)
def test_a_misspelt_parameter_is_named_with_its_nearest(name, song):
    function = getattr(sampling, name)
    needed = {"continue_song": (song,), "accompany": (song,), "infill": (song, ["p2"])}.get(name, ())
    with pytest.raises(TypeError, match=r"has no parameter 'temprature'; did you mean 'temperature'\?"):
        function(tiny_model(), *needed, temprature=0.9)


def test_the_typed_keywords_are_the_fields_of_the_parameters():
    assert set(SamplingOptions.__annotations__) == set(SamplingParams.__dataclass_fields__)


def test_completion_loads_nothing_heavy():
    program = (
        "import sys, lakhnes, rlcompleter\n"
        "assert 'generate' in dir(lakhnes)\n"
        "assert rlcompleter.Completer({'lakhnes': lakhnes}).complete('lakhnes.', 0)\n"
        "print(sorted({'torch', 'matplotlib', 'pretty_midi', 'soundfile', 'scipy'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", program]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (finished.returncode, finished.stdout) == (0, "[]\n"), finished.stderr
