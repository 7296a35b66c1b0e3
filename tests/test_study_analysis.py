"""The analysis of listening studies against figures worked out by hand, and against simulated truth."""

import csv
import io
import json
import math
import os

import numpy as np
import pytest

from lakhnes.study.analysis import analyze
from lakhnes.study.estimates import (
    bradley_terry,
    bradley_terry_errors,
    cluster_interval,
    exact_binomial,
    holm,
    percentiles,
    wilcoxon,
)
from lakhnes.study.plan import Exclusion
from lakhnes.study.power import Simulation, power, simulate_preferences, simulate_turing
from lakhnes.study.report import answers_csv, defused, methods, write_report
from lakhnes.study.responses import Listener, Response, Responses, from_turk

SIMULATED = int(os.environ.get("LAKHNES_STUDIES", "40"))
"""Studies that the tests of coverage simulate; `make check-studies` simulates 400."""


def answered(design, rows, *, exclusion=None, conditions=("human", "random", "one", "two")):
    """Return answers: rows of listener, condition A, condition B, choice."""
    responses = [
        Response(listener, index + 1, tuple(pair), tuple(f"{name}-{index}" for name in pair), choice, "random" in pair)
        for index, (listener, *pair, choice) in enumerate(rows)
    ]
    names = dict.fromkeys(listener for listener, *_ in rows)
    listeners = [Listener(name, {"musical_training": 1}) for name in names]
    return Responses("Test", design, conditions, "random", exclusion or Exclusion(), listeners, responses)


def test_the_exact_interval_is_that_of_clopper_and_pearson():
    # 0 of n: 0 to 1 - (alpha / 2) ** (1 / n); p of k of n against 1/2 by the sum of the tails.
    interval, p = exact_binomial(0, 10)
    assert interval.low == 0.0
    assert interval.high == pytest.approx(1 - 0.025 ** (1 / 10))
    assert p == pytest.approx(2 / 1024)
    interval, p = exact_binomial(8, 10)
    assert p == pytest.approx(2 * (45 + 10 + 1) / 1024)
    assert (interval.low, interval.high) == pytest.approx((0.4439, 0.9748), abs=1e-4)


def test_holm_multiplies_the_smallest_by_their_number_and_never_falls():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    corrected = holm([math.nan, 0.02])
    assert math.isnan(corrected[0])
    assert corrected[1] == 0.02


def test_strengths_of_two_conditions_are_the_log_odds_of_their_wins():
    strengths = bradley_terry(np.array([[0.0, 60.0], [20.0, 0.0]]))
    assert strengths[0] - strengths[1] == pytest.approx(math.log(3), abs=1e-2)
    assert strengths.sum() == pytest.approx(0, abs=1e-9)


def test_strengths_agree_with_chances_of_a_known_model():
    truth = np.array([0.9, 0.1, -1.0])
    chance = 1 / (1 + np.exp(truth[None, :] - truth[:, None]))
    assert bradley_terry(1e5 * chance * (1 - np.eye(3))) == pytest.approx(truth, abs=1e-3)


def test_the_robust_error_of_two_conditions_is_that_of_a_share():
    # One answer of each of 40 listeners, 30 of them for the first: the variance of the log odds is 1 / (n p q).
    wins = np.zeros((40, 2, 2))
    wins[:30, 0, 1] = 1
    wins[30:, 1, 0] = 1
    covariance = bradley_terry_errors(wins, np.array([math.log(3) / 2, -math.log(3) / 2]))
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    assert variance == pytest.approx(40 / 39 / (40 * 0.75 * 0.25))


def test_a_condition_that_never_loses_has_a_finite_strength():
    strengths = bradley_terry(np.array([[0.0, 20.0, 20.0], [0.0, 0.0, 10.0], [0.0, 10.0, 0.0]]))
    assert np.isfinite(strengths).all()
    assert strengths.argmax() == 0
    assert strengths[1] == pytest.approx(strengths[2], abs=1e-6)


def test_the_interval_over_listeners_is_wide_where_each_always_answers_alike():
    counts = np.full(20, 12.0)
    alike = cluster_interval(np.repeat([12.0, 0.0], 10), counts)
    mixed = cluster_interval(np.full(20, 6.0), counts)
    assert mixed.low == mixed.high == 0.5
    assert alike.high - alike.low == pytest.approx(2 * 2.093 * math.sqrt(0.25 / 19), rel=0.1)  # Student, 19 degrees
    assert all(map(math.isnan, np.ravel(percentiles(np.ones((5, 1)), 1))))


def test_turing_answers_are_counted_for_each_condition():
    rows = [("L1", "human", "one", 1)] * 3 + [("L1", "one", "human", 1)] + [("L2", "two", "human", 2)] * 2
    rows += [("L1", "human", "random", 1), ("L2", "random", "human", 2)]
    result = analyze(answered("turing", rows))
    by_name = {row["condition"]: row for row in result.conditions}
    assert [by_name[name]["right"] for name in ("one", "two", "random")] == [3, 2, 2]
    assert [by_name[name]["count"] for name in ("one", "two", "random")] == [4, 2, 2]
    assert by_name["one"]["accuracy"] == 0.75
    assert by_name["one"]["p"] == pytest.approx(2 * (4 + 1) / 16)
    assert by_name["one"]["p_holm"] == 1.0
    assert by_name["random"]["control"]
    assert "p_holm" not in by_name["random"]
    assert (result.answers, result.controls, result.failed_controls) == (6, 2, 0)


def test_preferences_are_counted_without_controls():
    rows = [(f"L{listener}", "one", "two", 1) for listener in range(6)] + [("L0", "two", "one", 1)]
    rows += [(f"L{listener}", "human", "one", 1) for listener in range(6)] + [("L1", "one", "human", 1)]
    rows += [("L0", "human", "random", 1)]
    result = analyze(answered("preference", rows))
    assert [(row["condition"], row["wins"], row["losses"]) for row in result.conditions] == [
        ("human", 6, 1), ("one", 7, 7), ("two", 1, 6),
    ]  # fmt: skip
    first = result.comparisons[0]
    assert (first["first"], first["second"], first["wins"], first["losses"]) == ("human", "one", 6, 1)
    assert first["difference"] == pytest.approx(math.log(6), abs=0.02)
    assert first["p_holm"] >= first["p"]


def test_ratings_are_averaged_and_compared_listener_by_listener():
    rows = [(f"L{listener}", name, rating) for listener in range(8) for name, rating in (("one", 4), ("two", 2))]
    rows += [("L0", "one", 5)]
    result = analyze(answered("rating", rows))
    assert [(row["condition"], row["count"]) for row in result.conditions] == [("one", 9), ("two", 8)]
    assert result.conditions[0]["mean"] == pytest.approx(37 / 9)
    (comparison,) = result.comparisons
    assert comparison["p"] == pytest.approx(2 / 2**8)  # all of eight differences of one sign
    assert math.isnan(wilcoxon(np.ones(3), np.ones(3)))


@pytest.mark.parametrize(
    ("design", "failed", "controls", "kept"),
    [
        ("turing", 0, 6, True), ("turing", 1, 30, False), ("turing", 0, 5, False),
        ("preference", 1, 20, True), ("preference", 1, 19, False), ("preference", 0, 1, True),
    ],
)  # fmt: skip
def test_listeners_are_left_out_as_in_the_paper(design, failed, controls, kept):
    rows = [("L1", "human", "random", 2 if index < failed else 1) for index in range(controls)]
    rows += [("L1", "human", "one", 1), ("L2", "human", "one", 1)]
    rows += [("L2", "human", "random", 1)] * 6
    result = analyze(answered(design, rows, exclusion=Exclusion.of_the_paper(design)))
    assert ("L1" not in result.excluded) == kept
    assert "L2" not in result.excluded
    assert "L1" not in analyze(answered(design, rows), Exclusion(1.0)).excluded


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '=HYPERLINK("http://x")', "-2+3+cmd|' /C calc'!A0"]
)
def test_no_cell_of_a_table_is_run_as_a_formula(cell):
    data = answered("turing", [(cell, "human", "one", 1), (cell, "human", cell, 2)], conditions=("human", "one", cell))
    result = analyze(data)
    rows = list(csv.reader(io.StringIO(answers_csv(data, result), newline="")))
    assert len(rows) == 3
    assert not [text for row in rows for text in row if text.lstrip().startswith(("=", "+", "-", "@"))]
    assert rows[1][0] == "'" + cell.replace("\t", " ").replace("\r", " ").replace("\n", " ")
    assert defused(-1.5) == "-1.5"


def test_a_report_has_its_files_and_a_paragraph_that_says_what_was_done(tmp_path):
    rows = [(f"L{listener}", "one", "two", 1 + listener % 2) for listener in range(8)]
    for design in ("turing", "preference"):
        rows = [(f"L{listener}", "human", "one", 1 + listener % 3 % 2) for listener in range(8)]
        data = answered(design, rows)
        result = analyze(data)
        paths = write_report(data, result, tmp_path / design)
        assert sorted(path.name for path in paths) == sorted(path.name for path in (tmp_path / design).iterdir())
        assert json.loads((tmp_path / design / "analysis.json").read_text())["answers"] == 8
        assert (tmp_path / design / "figure.png").read_bytes().startswith(b"\x89PNG")
        assert "8 answers of 8 listeners were analysed" in methods(result, None)
        with pytest.raises(FileExistsError, match="force"):
            write_report(data, result, tmp_path / design)


def turk_files(folder, workers, pairs):
    """Write the two files of LakhNES's study: pairs are (condition A, condition B, answer), the same for each row."""
    names = sorted({name for pair in pairs for name in pair[:2]})
    (folder / "key.csv").write_text("\n".join(f"{number:032x},{name},song" for number, name in enumerate(names)))
    header = ["HITId", "WorkerId", "Answer.musical_expertise", "Answer.chiptune_expertise"]
    cells = []
    for index, (one, two, choice) in enumerate(pairs):
        header += [f"Input.pair_{index}_clip_a_url", f"Input.pair_{index}_clip_b_url", f"Answer.pair_{index}_pref"]
        cells += [f"http://example.org/mp3s/{names.index(name):032x}.mp3" for name in (one, two)] + [choice]
    with (folder / "results.csv").open("w", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(header)
        writer.writerows(["H", worker, "2", "3", *cells] for worker in workers)
    return folder / "results.csv", folder / "key.csv"


PAIRS = [
    ("real_data", "control", "A"), ("control", "real_data", "B"), ("lstm", "real_data", "A"),
    ("real_data", "ngram", "A"),
]  # fmt: skip


def test_results_of_mechanical_turk_in_the_layout_of_lakhnes_are_analysed(tmp_path, run):
    # W1 has three tasks, so six controls; W2 has one, so two controls, fewer than six.
    results, key = turk_files(tmp_path, ["W1", "W1", "W1", "W2"], PAIRS)
    data = from_turk(key, [results], "turing")
    assert len(data.responses) == 16
    assert data.listeners[0].questions == {"musical_expertise": 2, "chiptune_expertise": 3}
    result = analyze(data)
    assert list(result.excluded) == ["W2"]
    rights = {row["condition"]: (row["right"], row["count"]) for row in result.conditions}
    assert rights == {"control": (6, 6), "lstm": (0, 3), "ngram": (3, 3)}
    command = ("study", "analyze", results, "--turk-key", key, "--design", "turing", "-o", tmp_path / "report")
    printed = run(*command, "--min-controls", "2", "--json")
    assert printed.exit_code == 0, printed.stderr
    assert json.loads(printed.stdout)["excluded"] == {}


def test_a_mistake_in_results_of_mechanical_turk_is_named_with_its_line(tmp_path):
    results, key = turk_files(tmp_path, ["W1", "W2"], PAIRS)
    text = results.read_text()
    for before, after, message in (
        ('"W2"', '""', "line 3: no WorkerId"),
        ('mp3","B"', 'mp3","C"', r"line 2: Answer\.pair_1_pref: 'C', expected A or B"),
        ("mp3s/", "mp3s/other", "line 2: pair 0: a clip that .* does not have"),
    ):
        results.write_text(text.replace(before, after, 1))
        with pytest.raises(ValueError, match=message):
            from_turk(key, [results], "turing")
    key.write_text("one,two")
    with pytest.raises(ValueError, match=r"key\.csv: line 1: 2 cells, expected 3"):
        from_turk(key, [results], "turing")


def within(covered, studies, share=0.95, deviations=3.0):
    """Return whether a number of intervals that hold the truth is as expected, within sampling error."""
    return abs(covered / studies - share) <= deviations * math.sqrt(share * (1 - share) / studies)


def test_intervals_of_a_turing_test_hold_the_truth_as_often_as_they_say():
    random = np.random.default_rng(1)
    # The mean chance over listeners with a spread of 0.6, by quadrature.
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    truth = float((weights / (1 + np.exp(-(0.5 + 0.6 * nodes)))).sum() / weights.sum())
    covered = 0
    for _ in range(SIMULATED):
        right, counts = simulate_turing([0.5], 30, 12, 0.6, random)
        covered += truth in cluster_interval(right[:, 0], counts[:, 0], 1000)
    assert within(covered, SIMULATED)


def test_exact_intervals_hold_the_truth_at_least_as_often_as_they_say_where_listeners_do_not_differ():
    random = np.random.default_rng(2)
    truth, covered = 1 / (1 + math.exp(-0.5)), 0
    for _ in range(SIMULATED):
        right, counts = simulate_turing([0.5], 10, 12, 0.0, random)
        covered += truth in exact_binomial(int(right.sum()), int(counts.sum()))[0]
    assert covered / SIMULATED >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / SIMULATED)


def simulated(strengths, listeners, pairs, spread, random):
    """Return the answers of a simulated study of preferences."""
    names = [f"c{index}" for index in range(len(strengths))]
    wins = simulate_preferences(strengths, listeners, pairs, spread, random)
    rows = []
    for listener, one, two in zip(*np.nonzero(wins), strict=True):
        rows += [(f"L{listener}", names[one], names[two], 1)] * int(wins[listener, one, two])
    return answered("preference", rows, conditions=tuple(names))


def test_intervals_of_strengths_hold_the_truth_as_often_as_they_say(monkeypatch):
    monkeypatch.setattr("lakhnes.study.analysis.REFITS", 200)
    random = np.random.default_rng(3)
    truth, covered, count = [0.4, 0.0, -0.4], 0, 0
    for _ in range(SIMULATED):
        result = analyze(simulated(truth, 30, 12, 0.0, random))
        for row in result.conditions:
            covered += row["low"] <= truth[int(row["condition"][1:])] <= row["high"]
            count += 1
    assert count == 3 * SIMULATED
    assert within(covered, count, deviations=3.0 * math.sqrt(2.0))  # three strengths of mean 0 are two figures


def test_the_order_of_strengths_is_found_in_19_of_20_studies():
    random = np.random.default_rng(4)
    truth = [0.9, 0.3, -0.3, -0.9]
    found = 0
    for _ in range(100):
        wins = simulate_preferences(truth, 30, 12, 0.3, random)
        found += np.argsort(-bradley_terry(wins.sum(axis=0))).tolist() == [0, 1, 2, 3]
    assert found >= 95


def test_power_grows_with_listeners_and_is_the_level_where_there_is_no_difference():
    none = power(Simulation("preference", 0.0, 3, 12), [20], studies=SIMULATED)[0]
    assert none.power <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / SIMULATED)
    for design in ("turing", "preference", "rating"):
        few, many = power(Simulation(design, 0.6, 3, 12), [5, 60], studies=20)
        assert few.power < many.power
        assert many.power >= 0.9


def test_power_is_printed_as_a_table_and_as_json(run):
    options = ("--listeners", "5,10", "--pairs", "6", "--studies", "3", "--conditions", "3")
    result = run("study", "power", *options)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[0] == "| listeners | 6 pairs |"
    rows = json.loads(run("study", "power", *options, "--json").stdout)["power"]
    assert [(row["listeners"], row["pairs"]) for row in rows] == [(5, 6), (10, 6)]
    assert run("study", "power", "--listeners", "many").exit_code == 2
