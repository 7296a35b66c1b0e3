"""Plans of listening studies, and what is made of them: clips without hints, and a balanced assignment."""

import collections
import itertools
import json
import shutil

import numpy as np
import pytest
import soundfile

import lakhnes
from conftest import ROOT
from lakhnes.study.assignment import assign, most_heard
from lakhnes.study.clips import excerpts, match_levels
from lakhnes.study.creation import Study, create
from lakhnes.study.plan import ClipOptions, Plan, without
from lakhnes.study.sources import Sources
from small import tune
from studies import make_plan, make_study

MANY = ("human", "random", "one", "two", "three", "four")


def plan_of(folder, **options):
    return Plan.read(make_plan(folder, **{"count": 1} | options))


def names_of_clips(plan):
    return {name: [f"{name}{index}" for index in range(plan.clips.count)] for name in plan.names}


@pytest.mark.parametrize("design", ["turing", "preference", "rating"])
@pytest.mark.parametrize("pairs", [7, 12, 14, 30])
def test_pairs_sides_and_clips_are_balanced_and_no_listener_hears_a_clip_twice(tmp_path, design, pairs):
    share = 0.0 if design == "rating" else 0.2
    more = "min_controls = 0"
    plan = plan_of(tmp_path, design=design, listeners=40, pairs=pairs, share=share, names=MANY, exclusion=more)
    needed = most_heard(plan)
    clips = {name: [f"{name}{index}" for index in range(needed[name])] for name in plan.names}
    condition = {clip: name for name, its in clips.items() for clip in its}
    listeners = assign(plan, clips)
    assert len(listeners) == 40
    kinds, uses = collections.Counter(), collections.Counter()
    for items in listeners:
        heard = [clip for item in items for clip in item.clips]
        assert len(set(heard)) == len(heard)
        assert [item.practice for item in items] == [True] + [False] * pairs
        assert sum(item.control for item in items) == plan.controls
        for item in items[1:]:
            pair = tuple(condition[clip] for clip in item.clips)
            assert item.control == ("random" in pair and design != "rating")
            kinds[pair] += 1
            uses.update(item.clips)
    questions = {pair: count for pair, count in kinds.items() if "random" not in pair or design == "rating"}
    if design == "preference":
        assert set(questions) == set(itertools.permutations([name for name in MANY if name != "random"], 2))
    elif design == "turing":
        assert {frozenset(pair) for pair in questions} == {frozenset(("human", name)) for name in MANY[2:]}
    assert max(questions.values()) - min(questions.values()) <= 2  # one side of an unordered pair, and one round
    for pair in questions:
        assert abs(kinds[pair] - kinds[pair[::-1]]) <= 1
    for name in MANY:
        counts = [uses[clip] for clip in clips[name]]
        assert max(counts) - min(counts) <= 0.5 * max(counts) + 2


def test_a_plan_gives_the_same_study_each_time_and_another_seed_gives_another(tmp_path):
    path = make_plan(tmp_path, listeners=3, pairs=4, share=0.25)
    for name in ("a", "b"):
        create(path, tmp_path / name)
    path.write_text(path.read_text().replace("seed = 7", "seed = 8"))
    create(path, tmp_path / "c")
    plans = [(tmp_path / name / "plan.json").read_bytes() for name in "abc"]
    assert plans[0] == plans[1]
    assert json.loads(plans[0])["listeners"] != json.loads(plans[2])["listeners"]
    for clip in (tmp_path / "a" / "clips").iterdir():
        assert clip.read_bytes() == (tmp_path / "b" / "clips" / clip.name).read_bytes()


def test_clips_have_random_names_one_length_one_loudness_and_no_word_in_them(tmp_path):
    import pyloudnorm

    folder = make_study(tmp_path, listeners=2, pairs=4, share=0.25, count=8)
    study = Study.open(folder)
    files = sorted((folder / "clips").iterdir())
    assert len(files) == 4 * 8
    assert len({path.stat().st_size for path in files}) == 1
    by_condition = [study.condition_of(path.stem) for path in files]
    assert by_condition != sorted(by_condition)  # names are in no order of conditions
    for path in files:
        assert len(path.stem) == 32
        sound, rate = soundfile.read(path)
        assert len(sound) == 0.5 * rate
        assert path.stat().st_size == 44 + 2 * len(sound)  # header and samples
        assert pyloudnorm.Meter(rate).integrated_loudness(sound) == pytest.approx(-23.0, abs=0.05)


def test_a_clip_is_the_excerpt_that_the_plan_names(tmp_path):
    folder = make_study(tmp_path, listeners=2, pairs=4, share=0.25, count=8)
    study = Study.open(folder)
    name, facts = next((name, facts) for name, facts in study.clips.items() if facts["condition"] == "one")
    song = lakhnes.read(tmp_path / "sources" / "one" / f"{facts['song']}.tx1.txt")
    whole = lakhnes.render(song, sample_rate=8000)
    first = round(facts["start"] * 8000)
    sound, _ = soundfile.read(study.file_of(name), dtype="float32")
    expected = whole[first : first + len(sound)] * 10 ** (facts["gain_db"] / 20)
    assert np.abs(sound - expected).max() < 2e-3


def test_songs_that_are_too_short_or_lack_a_voice_are_passed_over():
    whole, thin = lakhnes.Song.from_tx1("P2_NOTEON_60\n" + tune(1)), lakhnes.Song.from_tx1(tune(1))
    short = lakhnes.Song.from_tx1("P2_NOTEON_60\nP1_NOTEON_60\nTR_NOTEON_40\nNO_NOTEON_3\nWT_5000\nP1_NOTEOFF")
    songs = [("short", short), ("thin", thin), ("whole", whole)]
    options = ClipOptions(count=1, length=1.0)
    (clip,) = excerpts("one", songs, options, 0)
    assert clip.song == "whole"
    with pytest.raises(
        lakhnes.LakhnesError, match=r"condition one: 1 of 3 songs last 1 s or more with 4 voices, expect"
    ):
        excerpts("one", songs, ClipOptions(count=2, length=1.0), 0)


def test_where_a_clip_would_be_too_loud_all_are_quieter_alike():
    songs = [(str(seed), lakhnes.Song.from_tx1("P2_NOTEON_60\n" + tune(seed))) for seed in range(4)]
    clips = excerpts("one", songs, ClipOptions(count=4, length=1.0), 0)
    reached = match_levels(clips, -10.0)
    peaks = [float(np.abs(clip.sound).max()) * 10 ** (clip.gain / 20) for clip in clips]
    assert max(peaks) <= 0.9801
    assert {round(clip.loudness + clip.gain, 6) for clip in clips} == {round(reached, 6)}


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('design = "preference"', 'design = "duel"', "line 3: design: is 'duel', expected one of"),
        ("pairs = 12", "pairs = 0", "line 6: pairs: is 0, expected a whole number from 1 to 200"),
        ("pairs = 12", "pears = 12", "line 6: pears: unknown key; expected one of title"),
        ("length = 0.5", "length = 0.1", "clips.length: is 0.1, expected 0.5 to 600 s, or 0 for whole songs"),
        ("seed = 7", "seed = true", "line 4: seed: is True, expected a whole number"),
        ("seed = 7", "", "seed: is missing"),
        ('folder = "one"', 'folder = "one"\nmodel = "bundled"', "conditions.one: expected one source"),
        ('folder = "one"', 'model = "5-gram"', "conditions.one: model 5-gram needs corpus and split"),
        ('folder = "one"', 'model = "bundled"\nsampling = {heat = 2}', "conditions.one.sampling: got an unexpected"),
        ('folder = "one"', 'model = "bundled"\nsampling = {top_k = 0}', "conditions.one.sampling: top_k is 0, ex"),
        ('[conditions."one"]', '[conditions."=one"]', "expected a name of 1 to 40 letters"),
        ('[conditions."random"]', '[conditions."dice"]', '"random" is no condition, and 2 controls need it'),
        ('[conditions."human"]', '[conditions."people"]', 'expected a condition "human" for control pairs'),
        ("[exclusion]", "[exclusion]\nmin_controls = 6", "exclusion.min_controls: is 6, but a listener hears 2 "),
        ("seed = 7", "seed = ", "line 4"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_plan_is_named_in_one_line(tmp_path, run, before, after, message):
    path = make_plan(tmp_path, count=1)
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))
    result = run("study", "create", path, "-o", tmp_path / "study")
    assert result.exit_code == 1
    assert message in result.stderr
    assert str(path) in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(("name", "optional"), [("plan.toml", ["human"]), ("turing.toml", [])])
def test_the_studies_of_the_examples_ask_about_every_model_and_have_clips_enough(name, optional):
    path = ROOT / "examples" / "study" / name
    whole = Plan.read(path)
    assert set(whole.names) == {"human", "uniform", "5-gram", "lstm", "bundled", "bundled-tx1"}
    assert [condition.name for condition in whole.conditions if condition.optional] == optional
    for plan in (whole, without(whole, optional, path)):
        assert max(most_heard(plan).values()) <= plan.clips.count
        assign(plan, names_of_clips(plan))
    with Sources(path.parent) as sources:
        for condition in whole.conditions:
            if condition.folder:
                songs = list(sources.songs(condition, 1))
                assert len(songs) >= 40
                assert all(song.duration >= 5 and all(map(len, song.voices.values())) for _, song in songs)


def test_the_study_of_the_examples_is_made_where_human_music_is_missing(tmp_path, run):
    """From files of the repository alone; other songs stand for those of the bundled models, which take a minute."""
    shutil.copytree(ROOT / "examples" / "study", tmp_path / "a" / "b" / "study")
    plan, study = tmp_path / "a" / "b" / "study" / "plan.toml", tmp_path / "s"
    text = plan.read_text()
    for model, folder in (("bundled", "lstm"), ("bundled-tx1", "5-gram")):
        text = text.replace(f'model = "{model}"\nseed = 1', f'folder = "songs/{folder}"')
    plan.write_text(text)
    result = run("study", "create", plan, "-o", study)
    assert result.exit_code == 0, result.stderr
    assert "condition human: left out, for its files are missing; --source human=PATH says where" in result.stderr
    assert "no control pairs" in result.stderr
    made = Study.open(study)
    assert made.plan.tested == ("uniform", "5-gram", "lstm", "bundled", "bundled-tx1")
    assert {len(items) for items in made.listeners} == {12 + made.plan.page.practice}
    assert not any(item.control for items in made.listeners for item in items)


def test_a_study_needs_as_many_clips_as_one_listener_hears(tmp_path, run):
    result = run("study", "create", make_plan(tmp_path, count=5), "-o", tmp_path / "study")
    assert "clips.count: is 5, but a listener hears up to 1" in result.stderr


def test_an_optional_condition_is_left_out_where_its_files_are_missing_and_another_is_an_error(tmp_path, run):
    path = make_plan(tmp_path, listeners=2, pairs=4, share=0.25)
    path.write_text(path.read_text() + '\n[conditions.lost]\nmodel = "lost"\noptional = true\n')
    result = run("study", "create", path, "-o", tmp_path / "study")
    assert result.exit_code == 0, result.stderr
    assert "condition lost: left out" in result.stderr
    assert "lost" not in (tmp_path / "study" / "plan.json").read_text()
    path.write_text(path.read_text().replace("optional = true", ""))
    result = run("study", "create", path, "-o", tmp_path / "other")
    assert result.exit_code == 1
    assert "condition lost: " in result.stderr


def test_another_source_can_be_given_for_a_condition(tmp_path, run):
    path = make_plan(tmp_path, listeners=2, pairs=4, share=0.25)
    (tmp_path / "one").rename(tmp_path / "elsewhere")
    result = run("study", "create", path, "-o", tmp_path / "study", "--source", f"one={tmp_path / 'elsewhere'}")
    assert result.exit_code == 0, result.stderr
    assert "no condition x" in run("study", "create", path, "-o", tmp_path / "x", "--source", "x=y").stderr


def test_models_compose_with_their_seed(tmp_path):
    path = make_plan(tmp_path, listeners=2, pairs=2, share=0.5, count=2, page="practice = 0", clips="min_voices = 0")
    sampling = 'model = "uniform"\nseed = 3\nsampling = {length = 40, min_length = 8, min_voices = 0}'
    path.write_text(path.read_text().replace('folder = "random"', sampling))
    study, _ = create(path, tmp_path / "study")
    songs = {facts["song"] for facts in study.clips.values() if facts["condition"] == "random"}
    assert songs <= {f"seed {seed}" for seed in range(3, 43)}
    assert len(songs) == 2


def test_a_study_with_answers_is_never_replaced(tmp_path, run):
    path = make_plan(tmp_path, listeners=2, pairs=4, share=0.25)
    assert run("study", "create", path, "-o", tmp_path / "study").exit_code == 0
    assert run("study", "create", path, "-o", tmp_path / "study").exit_code == 1
    assert run("study", "create", path, "-o", tmp_path / "study", "--force").exit_code == 0
    (tmp_path / "study" / "answers.sqlite").touch()
    result = run("study", "create", path, "-o", tmp_path / "study", "--force")
    assert result.exit_code == 1
    assert "holds answers already" in result.stderr


def test_a_missing_package_is_named_with_what_installs_it(tmp_path, run, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pyloudnorm", None)
    result = run("study", "create", make_plan(tmp_path, count=1), "-o", tmp_path / "study")
    assert result.exit_code == 1
    assert result.stderr.endswith("pyloudnorm: pip install 'lakhnes[study]'\n")


def test_the_headphone_check_has_every_order_once_and_tones_as_described(tmp_path):
    from lakhnes.study.headphones import tones

    folder = make_study(tmp_path, listeners=1, pairs=4, share=0.25, page="headphone_check = true")
    checks = Study.open(folder).headphones
    assert sorted(check["answer"] for check in checks) == [1, 1, 2, 2, 3, 3]
    sound = tones(0, 2, 8000)
    parts = [sound[index * 12_000 : index * 12_000 + 8_000] for index in range(3)]
    levels = [20 * np.log10(np.abs(part[:, 0]).max() / 0.2) for part in parts]
    assert levels == pytest.approx([-6, 0, 0], abs=0.1)
    assert np.array_equal(parts[1][:, 0], parts[1][:, 1])
    assert np.array_equal(parts[2][:, 0], -parts[2][:, 1])
