import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def check(*crates):
    script = ROOT / "scripts" / "check_module_cycles.py"
    return subprocess.run([sys.executable, script, *crates], capture_output=True, encoding="utf-8", check=False)


def write_crate(folder, **modules):
    for name, text in modules.items():
        path = folder / "src" / (name.replace("__", "/") + ".rs")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_the_crates_have_no_circle():
    result = check(ROOT / "rust" / "apu", ROOT / "rust" / "tokenizer")
    assert (result.returncode, result.stdout) == (0, "")


def test_a_circle_is_found_with_the_lines_that_make_it(tmp_path):
    crate = write_crate(
        tmp_path,
        lib="mod a;\nmod b;\nmod c;\npub use c::Thing;",
        a="// crate::b is no import here\nuse crate::b::{self, X};",
        b='const TEXT: &str = "crate::a";\nfn f() -> crate::Thing { todo() }',
        c="use std::fmt;\nuse super::{\n    a::Y,\n};",
    )
    result = check(crate)
    assert result.returncode == 1
    source = crate / "src"
    assert result.stdout.splitlines() == [
        "circle: a → b → c → a",
        f"    {source / 'a.rs'}:2: crate::b",
        f"    {source / 'b.rs'}:2: crate::Thing",
        f"    {source / 'c.rs'}:2: super::a::Y",
    ]


def test_a_circle_through_the_children_of_modules_is_one(tmp_path):
    crate = write_crate(
        tmp_path,
        lib="mod a;\nmod b;",
        a__mod="mod x;",
        a__x="use crate::b::B;",
        b__mod="mod y;",
        b__y="use crate::a::A;",
    )
    assert "circle: a → b → a" in check(crate).stdout


def test_parents_children_and_tests_make_no_circle(tmp_path):
    crate = write_crate(
        tmp_path,
        lib="mod a;\nmod b;\npub use a::A;",
        a__mod="mod x;\npub use x::X;\npub struct A;",
        a__x="use super::A;\nuse crate::b::B;",
        b="pub struct B;\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n    fn f() { if true {} }\n}",
    )
    result = check(crate)
    assert (result.returncode, result.stdout) == (0, "")
