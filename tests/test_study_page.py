"""The page of a listening study in Chromium: by keyboard alone, through a reload and a killed server."""

import pytest

from chromium import Browser
from lakhnes.study.responses import from_study
from studies import Process, make_study

TITLE = "document.querySelector('h1')?.textContent"


@pytest.fixture
def browser(tmp_path):
    with Browser(tmp_path) as opened:
        yield opened


def go_to(page, title):
    page.wait(f"{TITLE} === {title!r}")
    page.wait("document.activeElement === document.querySelector('h1')")


def consent(page):
    """Agree and answer the questionnaire, by Tab, Space, arrows and Enter."""
    go_to(page, "Take part in a listening study")
    page.press("Tab")
    page.press("Space")
    page.press("Enter")
    go_to(page, "About you")
    for _ in range(2):
        page.press("Tab")
        page.press("Space")
        page.press("ArrowDown")
    page.press("Enter")


def answer(page, key, *, clips=2):
    """Hear the clips of a step by their keys, choose by a digit, go on by Enter."""
    for side in range(clips):
        page.press("ab"[side])
        page.wait(f"document.getElementById('heard-{side}').textContent === 'heard'")
    page.press(key)
    page.press("Enter")


@pytest.mark.timeout(600)
def test_three_listeners_finish_twelve_pairs_by_keyboard_through_a_reload_and_a_killed_server(tmp_path, browser):
    study = make_study(tmp_path, listeners=3)
    with Process(study) as server:
        for listener in range(3):
            page = browser.page()
            page.open(server.url)
            consent(page)
            go_to(page, "Practice")
            answer(page, "1")
            for number in range(1, 13):
                go_to(page, f"Pair {number} of 12")
                if (listener, number) == (0, 4):
                    page.call("Page.reload")
                    go_to(page, "Pair 4 of 12")
                if (listener, number) == (1, 7):
                    server.kill()
                    page.press("a")
                    page.wait("document.getElementById('status').textContent.startsWith('The connection is lost')")
                    server.start()
                    page.wait("document.getElementById('heard-0').textContent === 'heard'")
                answer(page, "12"[number % 2])
            go_to(page, "Thank you!")
            code = page.evaluate("document.querySelector('.code').textContent")
            if listener == 2:
                assert page.complaints() == []
            assert code == from_study(study).listeners[listener].code
        page = browser.page()
        page.open(server.url)
        page.wait(f"{TITLE} === 'Take part in a listening study'")
        page.press("Tab")
        page.press("Space")
        page.press("Enter")
        page.wait(f"{TITLE} === 'The study is closed'")
    answered = from_study(study)
    assert len(answered.responses) == 36
    assert [each.choice for each in answered.responses] == [2, 1] * 18


@pytest.mark.timeout(300)
def test_no_answer_counts_before_both_clips_were_heard_and_a_screen_reader_finds_all_by_name(tmp_path, browser):
    study = make_study(tmp_path, listeners=1, page="practice = 0", names=("human", "random", "quixotic", "zephyr"))
    with Process(study) as server:
        page = browser.page(width=360, height=740)  # a phone
        page.open(server.url)
        consent(page)
        go_to(page, "Pair 1 of 12")
        roles = page.roles()
        assert {"Play clip A", "Play clip B", "Continue"} <= set(roles["button"])
        assert roles["radio"] == ["Clip A", "Clip B"]
        assert "Pair 1 of 12" in roles["heading"]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.press("1")
        page.press("Enter")
        page.wait("document.getElementById('status').textContent.startsWith('Please listen')")
        page.press("a")
        page.wait("document.getElementById('heard-0').textContent === 'heard'")
        page.press("Enter")
        page.wait("document.getElementById('status').textContent.startsWith('Please listen')")
        assert page.evaluate(TITLE) == "Pair 1 of 12"
        answer(page, "2")
        go_to(page, "Pair 2 of 12")
        shown = page.evaluate("document.documentElement.outerHTML + JSON.stringify(performance.getEntries())")
        assert not [name for name in ("quixotic", "zephyr", *_clips(study)) if name in shown]
    assert [each.choice for each in from_study(study).responses] == [2]


def _clips(study):
    return [path.stem for path in (study / "clips").iterdir()]
