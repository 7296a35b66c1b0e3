"""The page in a real browser: compose, hear, select, write again, choose, undo, export, reload; by keyboard, too."""

import importlib.util
import json
import os
import time
import zipfile
from pathlib import Path

import pytest

import lakhnes
from browser import STATUS, chromium
from lakhnes.sampling.params import SONG
from lakhnes.studio.operations import COMPOSING
from lakhnes.studio.pages import PAGE
from serving import served
from small import tiny_model, tune

PICTURES = os.environ.get("LAKHNES_PICTURES")
"""A folder for screenshots of what the tests come by, if they are wanted."""


def test_the_page_weighs_less_than_250_kb_and_names_no_other_origin():
    files = [path for path in PAGE.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 250_000
    for path in files:
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text, path
        assert "https://" not in text, path
    html = (PAGE / "index.html").read_text()
    assert "style=" not in html
    assert "onclick" not in html
    assert html.count("<script") == 1


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tiny_model(), tmp_path_factory.mktemp("sessions")) as (address, _):
        yield address


@pytest.fixture(scope="module")
def downloads(tmp_path_factory):
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def browser(server, downloads):
    with chromium(downloads) as browser:
        yield browser


@pytest.fixture
def page(browser, server):
    """The page with a new song, and no other session in sight."""
    browser.open(server)
    browser.wait("document.body.dataset.ready")
    browser.run("studio.store.create('Test').then(() => true)")
    browser.wait("studio.store.session.name == 'Test' && !studio.store.states.length")
    yield browser
    assert browser.complaints() == []


def picture(page, name):
    if PICTURES:
        page.picture(Path(PICTURES) / f"{name}.png")


def put(page, identity, value):
    page.run(f"document.getElementById({identity!r}).value = {value!r}")


def compose(page, seconds=3):
    put(page, "seconds", str(seconds))
    put(page, "seed", "3")
    page.click("#go")
    page.wait("studio.store.score && studio.composing.songs.length == 4", what="four songs")
    page.wait("!studio.composing.abort")


def open_song(page, text, name="song.tx1.txt"):
    """Open a file as if it had been chosen with the file picker."""
    page.run(f"studio.dialogs.openFile(new File([{json.dumps(text)}], {name!r})).then(() => true)")
    page.wait("studio.store.score && studio.sound")


def test_compose_hear_select_write_again_choose_undo_export_reload(page, server, downloads):
    page.requests()
    picture(page, "empty")
    compose(page)
    picture(page, "composed")
    assert page.run("document.querySelectorAll('#alternatives li').length") == 4
    assert int(page.run("document.body.dataset.firstSound")) > 0

    page.wait("studio.sound")
    page.run("studio.player.stop() || studio.seek(0) || true")
    page.click("#play")
    loudest = 0.0
    for _ in range(600):
        at, level = page.run("[studio.player.time(), studio.player.level()]")
        loudest = max(loudest, level)
        if loudest > 0.001 and at > 0.3:
            break
        time.sleep(0.05)
    assert loudest > 0.001
    assert at > 0.3
    page.run("studio.player.stop() || true")

    page.drag("#roll", (120, 60), (420, 200))
    chosen = page.run("studio.roll.passage")
    assert chosen["voices"] == ["p1", "p2"]
    assert 0 < chosen["from"] < chosen["to"]
    picture(page, "selected")
    bar = page.run("studio.store.score.grid.bar / 44100")
    page.run(
        "studio.roll.canvas.dispatchEvent(new MouseEvent('dblclick', { clientX: studio.roll.canvas"
        ".getBoundingClientRect().left + 30, clientY: studio.roll.canvas.getBoundingClientRect().top + 60 }))"
    )
    taken = page.run("studio.roll.passage")
    assert taken["voices"] == ["p1"]
    assert taken["from"] <= page.run("studio.roll.second(30)") < taken["to"] <= taken["from"] + bar + 0.001
    page.run(f"studio.setPassage({chosen['from']}, {chosen['to']}, ['p1', 'p2']) || true")
    before = page.run("studio.store.score.voices")
    page.click("#again")
    page.wait("studio.composing.songs[0].about.operation == 'infill'", what="the passage")
    picture(page, "alternatives")
    page.click("#alternatives li:nth-child(2) button:last-child")
    page.wait("studio.store.states.length == 2 && studio.roll.score == studio.store.score")
    after = page.run("studio.store.score.voices")
    assert after["tr"] == before["tr"]
    assert after["no"] == before["no"]
    picture(page, "kept")

    page.click("#undo")
    page.wait("studio.store.current == 1")
    assert page.run("studio.store.score.voices") == before
    page.click("#redo")
    page.wait("studio.store.current == 2")

    page.click("#export")
    picture(page, "export")
    page.click("#export-zip")
    end = time.monotonic() + 60
    while not (found := list(downloads.glob("*.zip"))) and time.monotonic() < end:
        time.sleep(0.1)
    with zipfile.ZipFile(found[0]) as archive:
        names = sorted(archive.namelist())
        lineage = json.loads(archive.read("test/lineage.json"))
    assert {"test/test.nsf", "test/test.wav", "test/test.mid", "test/test.tx1.txt", "test/test.ftm.txt"} <= set(names)
    assert [state["lineage"]["operation"] for state in lineage["states"]] == ["generate", "infill"]
    page.click("#export-dialog button:last-child")

    page.open(server)
    page.wait("document.body.dataset.ready && studio.store.score")
    assert page.run("studio.store.score.voices") == after
    assert page.run("document.querySelectorAll('#history button').length") == 2
    outside = [url for url in page.requests() if not url.startswith((server, "blob:", "data:", "chrome"))]
    assert outside == []


def test_muting_and_seeking_take_no_request(page):
    open_song(page, tune(1))
    page.click("#loop")  # so that it plays however long the test takes: of what is silent no gain is computed
    page.click("#play")
    page.wait("studio.player.playing")
    page.requests()
    page.click("#mute-p1")
    page.click("#solo-tr")
    page.run("studio.seek(1) || true")
    page.press("ArrowRight")
    time.sleep(0.3)
    # The browser asks for the icon when it has time, which may be now.
    assert [url for url in page.requests() if not url.endswith("/icon.svg")] == []
    heard = "studio.player.gains.map((gain) => Number(gain.gain.value > 0.5)).join('')"
    page.wait(f"{heard} == '00100'", what="the triangle alone")
    assert page.run("document.getElementById('mute-p1').getAttribute('aria-pressed')") == "true"
    page.click("#mute-p1")
    page.click("#solo-tr")
    page.click("#loop")
    page.click("#play")


def test_notes_are_drawn_moved_lengthened_and_deleted(page):
    open_song(page, "P1_NOTEON_60\nWT_22050\nP1_NOTEOFF\nWT_66150")
    page.click("#tool-draw")
    width, height = page.run("[studio.roll.width, studio.roll.laneHeight]")
    page.drag("#roll", (width * 0.5, 20 + height * 0.5), (width * 0.7, 20 + height * 0.5))
    page.wait("studio.store.states.length == 2 && studio.edits == 0")
    first, drawn = page.run("studio.store.score.voices.p1")
    assert first[:3] == [0, 22050, 60]
    assert drawn[1] > drawn[0] > 22050
    x, y = page.run(f"[studio.roll.x({drawn[0] / 44100}) + 8, studio.roll.y('p1', {drawn[2]}) + 2]")
    page.drag("#roll", (x, y), (x, y - 14))
    page.wait("studio.store.states.length == 3 && studio.edits == 0")
    moved = page.run("studio.store.score.voices.p1[1]")
    assert moved[:2] == drawn[:2]
    assert moved[2] > drawn[2]
    page.press("Delete")
    page.wait("studio.store.states.length == 4 && studio.edits == 0")
    assert page.run("studio.store.score.voices.p1") == [first]
    labels = page.run("[...document.querySelectorAll('#history button')].map((each) => each.firstChild.textContent)")
    assert labels[:3] == ["deleted a note of Pulse 1", "moved a note of Pulse 1", "drew a note of Pulse 1"]
    page.press("Control", "z")
    page.wait("studio.store.current == 3")
    page.click("#tool-select")


def until(found, count, seconds=60):
    """Return what is found when it is complete: files of a download, for instance."""
    end = time.monotonic() + seconds
    while len(found()) < count and time.monotonic() < end:
        time.sleep(0.1)
    return found()


FOCUS = """(() => {
  const at = document.activeElement, box = at.getBoundingClientRect(), style = getComputedStyle(at);
  const within = (value, most) => Math.min(Math.max(value, 0), most - 1);
  const x = within(box.left + box.width / 2, innerWidth);
  const y = within(box.top + Math.min(box.height / 2, 60), innerHeight);
  const seen = document.elementFromPoint(x, y);
  return { name: at.id || at.textContent.trim() || at.value || at.tagName,
    outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    seen: at === seen || at.contains(seen) || Boolean(seen?.contains(at)) };
})()"""


@pytest.mark.parametrize(("width", "height"), [(1400, 960), (360, 740)])
def test_tab_reaches_every_control_and_the_focus_is_seen_on_each(page, width, height):
    open_song(page, tune(2))
    page.resize(width, height)
    page.run("document.activeElement.blur()")
    wanted = page.run(
        "[...document.querySelectorAll('main :is(button, input, select, canvas[tabindex], summary), '"
        "+ 'header :is(button, input)')]"
        ".filter((each) => each.checkVisibility() && !each.disabled && each.tabIndex >= 0)"
        ".map((each) => each.id || each.textContent.trim() || each.value)"
    )
    met = []
    for _ in range(3 * len(wanted)):
        page.press("Tab")
        focus = page.run(FOCUS)
        if met and focus["name"] == met[0]["name"]:
            break
        if page.run("document.activeElement != document.body"):  # it is where the round begins
            met.append(focus)
    page.resize(1400, 960)
    assert set(wanted) <= {focus["name"] for focus in met}
    assert [focus["name"] for focus in met if not focus["outlined"]] == []
    assert [focus["name"] for focus in met if not focus["seen"]] == []


def test_everything_goes_by_keyboard_alone(page, downloads):
    put(page, "seconds", "2")
    page.run("document.activeElement.blur()")
    page.press("c")
    page.wait("studio.store.score && studio.composing.songs.length == 4 && !studio.composing.abort && studio.sound")
    page.run("document.getElementById('roll').focus()")
    page.press("Home")
    page.press("ArrowDown")
    assert page.run("studio.roll.voice") == "p2"
    page.press("Enter")
    page.wait("studio.store.states.length == 2 && studio.edits == 0")
    page.press("Alt", "ArrowUp")
    page.wait("studio.store.states.length == 3 && studio.edits == 0")
    assert "Pulse 2, note 1" in page.run("document.getElementById('announce').textContent")
    page.press("Shift", "ArrowRight")
    page.press("Shift", "ArrowRight")
    assert page.run("studio.roll.passage.to > studio.roll.passage.from")
    page.press("p")
    page.wait("studio.composing.songs[0].about.operation == 'accompany' && !studio.composing.abort")
    page.press("Shift", "2")
    page.wait("studio.store.states.length == 4")
    page.press("?")
    assert page.run("document.getElementById('help-dialog').open")
    picture(page, "keys")
    page.press("Escape")
    page.press("Control", "z")
    page.wait("studio.store.current == 3")

    page.press("e")
    for label in ("WAV sound", "NSF, for the console"):
        for _ in range(30):
            if page.run("document.activeElement.textContent") == label:
                break
            page.press("Tab")
        page.run("(document.getElementById('export-status').textContent = '', true)")
        page.press("Enter")
        page.wait("document.getElementById('export-status').textContent.startsWith('Saved ')")
    found = {path.suffix: path.read_bytes()[:4] for path in until(lambda: list(downloads.glob("test*.[wn]*")), 2)}
    assert found == {".wav": b"RIFF", ".nsf": b"NESM"}
    page.press("Escape")
    assert not page.run("document.getElementById('export-dialog').open")
    page.run("studio.player.stop() || true")


def test_the_playhead_moves_without_a_note_being_drawn_again(page):
    open_song(page, tune(1))
    page.click("#loop")
    page.click("#play")
    page.wait("studio.player.playing && studio.player.time() > 0.05")
    page.run(
        "(() => { const { roll } = studio, paint = roll.paintScore; window.painted = 0; "
        "roll.paintScore = (...all) => { painted++; paint.apply(roll, all); }; return true; })()"
    )
    before = page.run("[studio.player.time(), document.getElementById('playhead').style.transform]")
    page.wait(f"studio.player.time() - {before[0]} > 0.4", what="the song to go on")
    assert page.run("document.getElementById('playhead').style.transform") != before[1]
    assert page.run("painted") == 0
    at = page.run("studio.roll.x(studio.roll.playhead)")
    page.click("#play")
    page.click("#loop")
    page.run("studio.roll.zoom(8) || studio.roll.scrollTo(0.5) || true")
    page.wait("painted > 0")
    page.wait("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
    painted = page.run("painted")
    page.run("studio.roll.scrollTo(0.52) || true")  # only moved: the layer has room on both sides
    page.wait("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
    page.run("studio.roll.scrollTo(0.55) || true")
    page.wait("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
    assert page.run("painted") <= painted + 1
    assert at >= 0


def test_a_songs_steps_are_repeated_with_the_same_seeds_or_with_new_ones(page):
    compose(page)
    page.run("studio.setPassage(0.3, 1.2, ['p2']) || true")
    page.click("#again")
    page.wait("studio.composing.songs[0].about.operation == 'infill' && !studio.composing.abort")
    page.run("studio.composing.keep(1).then(() => true)")
    page.wait("studio.store.states.length == 2")
    page.run("studio.loopHere() || true")
    page.wait("studio.store.states.length == 3")
    first, song, name = page.run("[studio.store.id, studio.store.way.at(-1).song, studio.store.session.name]")

    page.click("#repeat")
    page.wait(f"studio.store.id != {first!r} && studio.store.states.length == 3 && !studio.composing.abort")
    assert page.run(STATUS) == "Repeated 3 steps: the same song, note for note."
    assert page.run("[studio.store.way.at(-1).song, studio.store.session.name]") == [song, f"{name}, repeated"]
    made = page.run("studio.store.way.map((state) => state.lineage)")
    assert [each["operation"] for each in made] == ["generate", "infill", "loop"]

    second = page.run("studio.store.id")
    page.click("#repeat-anew")
    page.wait(f"studio.store.id != {second!r} && studio.store.states.length == 2 && !studio.composing.abort")
    assert page.run(STATUS) == "Repeated with new seeds; 1 step by hand left out."
    anew = page.run("studio.store.way.map((state) => state.lineage)")
    assert [each["operation"] for each in anew] == ["generate", "infill"]
    assert anew[0]["seed"] != made[0]["seed"]
    assert anew[1]["options"]["voices"] == ["p2"]


def test_what_is_asked_of_a_song_is_what_the_fields_say(browser, tmp_path):
    model = tiny_model(vocabulary="tx3", vocab_size=len(lakhnes.Vocabulary.tx3()))
    with served(model, tmp_path) as (address, _):
        browser.open(address)
        browser.wait("document.body.dataset.ready")
        for identity, value in (("tempo", "150"), ("key", "A minor"), ("density", "mid"), ("register", "low")):
            put(browser, identity, value)
        browser.click("#control-voices input[value=no]")
        assert browser.run("studio.composing.controls()") == {
            "tempo": 150, "key": "A minor", "voices": ["p1", "p2", "tr"],
            "density": {"p1": "mid", "p2": "mid", "tr": "mid"}, "register": {"p1": "low", "p2": "low", "tr": "low"},
        }  # fmt: skip
        assert browser.run("studio.composing.repetition()") == {"repetition": pytest.approx(SONG.repetition)}
        picture(browser, "controls")
        for voice in ("p1", "p2", "tr"):
            browser.click(f"#control-voices input[value={voice}]")
        browser.click("#go")
        assert "Choose a voice" in browser.run(STATUS)
        assert browser.complaints() == []


def test_cancelling_stops_the_composition_and_says_so(page, monkeypatch):
    def endless(job, models, values):
        while True:
            job.check()
            time.sleep(0.01)

    monkeypatch.setitem(COMPOSING, "/generate", endless)
    page.click("#go")
    page.wait("fetch('/health').then((answer) => answer.json()).then((facts) => facts.queue.composing == 1)")
    page.click("#cancel")
    page.wait("document.getElementById('status').textContent == 'Cancelled.'")
    page.wait("document.getElementById('working').hidden")
    page.wait("fetch('/health').then((answer) => answer.json()).then((facts) => facts.queue.composing == 0)")


def test_a_file_that_is_none_is_refused_with_a_sentence(page):
    page.run("studio.dialogs.openFile(new File(['x'], 'a.mid')).then(() => true)")
    page.wait("document.getElementById('status').classList.contains('wrong')")
    assert "a.mid" in page.run("document.getElementById('status').textContent")
    page.run("studio.dialogs.openFile(new File(['x'], 'a.png')).then(() => true)")
    assert "expected a name" in page.run("document.getElementById('status').textContent")
    page.complaints()  # the browser logs the refused request


CHECKLIST = (Path(__file__).with_name("page_checklist.js")).read_text().partition("\n")[2]
"""What of WCAG 2.2 AA a script can see: names, references, contrast, width."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_names_contrast_and_width_hold_in_both_schemes_down_to_360_pixels(page, scheme):
    open_song(page, tune(2))
    page.chrome("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    for width, height in ((1400, 960), (900, 700), (360, 740)):
        page.resize(width, height)
        time.sleep(0.3)
        picture(page, f"{scheme}-{width}")
        assert page.run(CHECKLIST) == []
    page.chrome("Emulation.setEmulatedMedia", {"features": []})
    page.resize(1400, 960)


def test_axe_finds_nothing_to_complain_of(page):
    """With the rules of axe-core for WCAG 2.2 AA, where a package has them."""
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        pytest.skip("axe-core is not here (pip install axe-playwright-python)")
    open_song(page, tune(2))
    page.do("POST", "/execute/sync", {"script": Path(found.origin).with_name("axe.min.js").read_text(), "args": []})
    kinds = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    options = json.dumps({"runOnly": {"type": "tag", "values": kinds}})
    facts = page.run(
        f"axe.run(document, {options}).then((found) => found.violations.map((rule) => "
        "rule.id + ': ' + rule.nodes.map((node) => node.target.join(' ')).join(', ')))"
    )
    assert facts == []


def test_deleting_a_song_is_asked(page):
    open_song(page, tune(3))
    page.click("#songs")
    page.wait("document.querySelector('#session-list [aria-current]')")
    count = page.run("document.querySelectorAll('#session-list li').length")
    picture(page, "songs")
    for answer, left in (("no", count), ("yes", count - 1)):
        page.click("#session-list li:first-child .danger")
        page.wait("document.getElementById('ask-dialog').open")
        page.click(f"#ask-dialog button[value={answer}]")
        page.wait(f"document.querySelectorAll('#session-list li').length == {left}")
    page.click("#songs-dialog p button:last-child")


def test_what_the_page_shows_is_what_the_library_reads(page):
    open_song(page, tune(5))
    song = lakhnes.Song.from_tx1(tune(5))
    assert page.run("studio.store.score.voices.p1") == song.voices["p1"].tolist()
    assert page.run("studio.store.score.length") == song.length
