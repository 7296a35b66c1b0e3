"""New parts: candidates are weighed by what was kept, branches read as songs do, and the measure measures."""

import importlib
import math
from collections import Counter

import numpy as np
import pytest
import torch

import lakhnes
from lakhnes import Song, Vocabulary
from lakhnes.evaluation.infilling import compare, part_of, summary, without
from lakhnes.model.config import LSTMConfig
from lakhnes.model.lstm import LSTM
from lakhnes.sampling import candidates, infill_texts
from lakhnes.sampling.branches import ROOM, NativeBranches, SegmentBranches, TransformerBranches, make_branches
from lakhnes.sampling.candidates import Kept, Proposals
from lakhnes.sampling.decoder import SegmentDecoder
from lakhnes.sampling.native_decoder import NativeDecoder
from lakhnes.sampling.options import Options
from lakhnes.sampling.torch_decoder import SLACK, TorchDecoder
from small import tune
from test_model import FORMS, model_of, songs_of

VOCABULARY = Vocabulary.tx1()
infill = importlib.import_module("lakhnes.sampling.infill")  # `lakhnes.sampling.infill` is the function


@pytest.fixture(scope="module")
def bundled():
    return lakhnes.load_model()


# --- branches ---


def branches_and_decoders(kind, mem_len):
    if kind == "lstm":
        torch.manual_seed(3)
        model = LSTM(LSTMConfig(n_layer=2, d_model=24)).eval()
        return SegmentBranches(model, 3, mem_len), [SegmentDecoder(model, mem_len) for _ in range(3)]
    model = model_of(**FORMS[kind.removeprefix("native ")])
    if kind.startswith("native"):
        alone = [NativeDecoder(model, 1, mem_len, threads=1) for _ in range(3)]
        return NativeBranches(model, 3, mem_len, threads=2), alone
    return TransformerBranches(model, 3, mem_len), [TorchDecoder(model, 1, mem_len) for _ in range(3)]


@pytest.mark.parametrize("kind", [*FORMS, *(f"native {form}" for form in FORMS), "lstm"])
@pytest.mark.parametrize("mem_len", [0, 12, 100])
def test_branches_read_at_their_own_pace_what_songs_by_themselves_read(kind, mem_len):
    branches, decoders = branches_and_decoders(kind, mem_len)
    tokens = songs_of(3, 40).tolist()
    for token in tokens[0][:20]:  # all the same
        (row,) = branches.read([1], [token])
        for decoder in decoders:
            expected = decoder.step(torch.tensor([token]))[0]
        torch.testing.assert_close(row, expected, atol=1e-4, rtol=1e-4)
    branches.unite(1)
    places = [0, 0, 2, 1, 2, 2, 0, 1, 1, 2, 0, 0] * 3
    taken = Counter()
    for first in range(0, len(places), 3):  # some twice at once
        here = places[first : first + 3]
        read = []
        for place in here:
            read.append(tokens[place][20 + taken[place]])
            taken[place] += 1
        rows = branches.read(here, read)
        for place, token, row in zip(here, read, rows, strict=True):
            torch.testing.assert_close(row, decoders[place].step(torch.tensor([token]))[0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", ["plain", "native plain", "lstm"])
def test_a_branch_goes_on_from_where_another_is_and_forgets_a_token(kind):
    branches, decoders = branches_and_decoders(kind, 12)
    branches.read([0, 0, 1], [5, 6, 7])
    branches.copy(0, 2)
    branches.read([0], [8])
    branches.forget(2)
    (row,) = branches.read([2], [9])
    for token in (5, 9):
        expected = decoders[0].step(torch.tensor([token]))[0]
    torch.testing.assert_close(row, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", ["plain", "native plain"])
def test_a_branch_may_outgrow_its_room_and_the_trunk_its_buffer(kind):
    branches, (decoder, *_) = branches_and_decoders(kind, 12)
    for place, token in enumerate(songs_of(1, 2 * SLACK)[0].tolist()):
        (row,) = branches.read([place // 7 % 3], [token])
        torch.testing.assert_close(row, decoder.step(torch.tensor([token]))[0], atol=1e-4, rtol=1e-4)
        if place % 7 == 6 or place == 3 * ROOM:
            branches.unite(place // 7 % 3)
    for token in songs_of(1, 3 * ROOM)[0].tolist():
        (row,) = branches.read([1], [token])
        expected = decoder.step(torch.tensor([token]))[0]
        torch.testing.assert_close(row, expected, atol=1e-4, rtol=1e-4)


def test_branches_keep_less_if_asked_to_and_refuse_what_they_cannot(bundled):
    (exact,) = make_branches(bundled, 2, 8).read([0], [0])
    for dtype in ("bfloat16", "int8"):
        (rounded,) = make_branches(bundled, 2, 8, dtype).read([0], [0])
        assert not torch.equal(rounded, exact)
        torch.testing.assert_close(rounded, exact, atol=0.3, rtol=0.05)
    with pytest.raises(ValueError, match="expected float32, bfloat16, int8"):
        make_branches(bundled, 2, 8, "float16")
    with pytest.raises(lakhnes.LakhnesError, match="Transformer-XL"):
        make_branches(LSTM(LSTMConfig(n_layer=1, d_model=8)), 2, 8, "bfloat16")


# --- proposals and their weights ---


def proposals(densities, **options):
    return Proposals(VOCABULARY, densities, 10.0, Options(**options), np.random.default_rng(0))


def says(**shares):
    """Return logits that give these events these shares, and all others next to nothing."""
    logits = np.full(len(VOCABULARY), -60.0)
    for symbol, share in shares.items():
        logits[VOCABULARY.id(symbol)] = math.log(share)
    return logits


def test_the_weights_make_up_for_what_is_proposed_too_often_or_not_at_all(monkeypatch):
    """On the average a weight is the model's probability of what was proposed, whatever share of it was."""
    monkeypatch.setattr(candidates, "STRENGTH", 0.0)
    ways = proposals({1: 4.0})
    kept = Kept(5_000, 0, VOCABULARY.id("P1_NOTEON_60"), "P1_NOTEON_60")
    logits = says(P2_NOTEON_60=0.2, WT_5000=0.1, WT_2000=0.3, WT_9000=0.15, P2_NOTEON_64=0.05, TR_NOTEON_40=0.2)
    total, count = Counter(), 4_000
    for _ in range(count):
        candidate = ways.begin()
        candidate.place, candidate.sounding = int(ways.rules.place[VOCABULARY.id("P1_NOTEON_60")]), 1
        ways.look(candidate, logits)
        first, *_ = ways.next(candidate, kept)
        total[VOCABULARY.symbol(first)] += math.exp(candidate.weight) / count
    assert total.keys() == {"P2_NOTEON_60", "P2_NOTEON_64", "WT_2000", "WT_5000"}
    for symbol, share in {"P2_NOTEON_60": 0.2, "P2_NOTEON_64": 0.05, "WT_2000": 0.3, "WT_5000": 0.1}.items():
        # Draws are a little cooler than the model.
        assert total[symbol] == pytest.approx(share, abs=0.03)


def test_a_candidate_that_waited_for_a_new_voice_is_weighed_by_how_probable_it_was_to_speak():
    ways = proposals({3: 1.0})
    candidate = ways.begin()
    candidate.has_to_speak = True
    ways.look(candidate, says(P1_NOTEON_60=0.9, NO_NOTEON_3=0.1))
    assert ways.next(candidate, Kept(9_000, 0, VOCABULARY.id("P1_NOTEON_60"), "P1_NOTEON_60")) == [
        VOCABULARY.id("NO_NOTEON_3")
    ]
    assert candidate.weight == pytest.approx(math.log(0.1), abs=0.01)


def test_notes_become_more_probable_while_there_are_too_few_and_less_while_there_are_too_many():
    ways = proposals({3: 4.0})
    candidate = ways.begin()
    assert ways.tilt(candidate, 3) == 0.0
    candidate.tick = 44_100
    few = ways.tilt(candidate, 3)
    assert few > 1.0
    candidate.notes[3] = (44_100, 44_100, 12.0, 12.0)
    assert ways.tilt(candidate, 3) < -1.0
    candidate.notes[3] = (44_100, 44_100, 4.0, 4.0)  # now as many as there should be
    assert abs(ways.tilt(candidate, 3)) < few / 3
    candidate.tick = 30 * 44_100
    candidate.notes[3] = (candidate.tick, candidate.tick, 16.0, 32.0)  # and now, but half as many as before
    assert ways.tilt(candidate, 3) > 1.0
    candidate.notes[3] = (44_100, 44_100, 12.0, 12.0)  # all that is long ago, and the voice has rested
    assert ways.tilt(candidate, 3) > candidates.MOST


def test_options_narrow_what_is_drawn():
    logits = says(P2_NOTEON_60=0.5, P2_NOTEON_61=0.3, P2_NOTEON_62=0.15, P2_NOTEON_63=0.05)

    def drawn(**options):
        ways = proposals({1: 4.0}, **({"top_k": None} | options))
        candidate = ways.begin()
        ways.look(candidate, logits)
        return {ways.draw(candidate, ways.is_written) - VOCABULARY.id("P2_NOTEON_60") for _ in range(300)}

    assert drawn() == {0, 1, 2, 3}
    assert drawn(top_k=2) == {0, 1}
    assert drawn(top_p=0.85, temperature=1.0) == {0, 1, 2}
    assert drawn(min_p=0.5, temperature=1.0) == {0, 1}
    assert drawn(temperature=0.0) == {0}


# --- whole songs ---


def test_many_candidates_make_the_kept_voices_more_probable_than_one(bundled, monkeypatch):
    given = Song.from_tx1(tune(2))

    def surprise(count):
        monkeypatch.setattr(infill, "CANDIDATES", count)
        return np.mean([math.log(infill_texts(bundled, 1, given, ["tr"], seed=seed)[0].kept_ppl) for seed in range(2)])

    assert surprise(8) < surprise(1) - 0.1


def test_a_new_part_is_about_as_dense_as_the_old_one_was(bundled):
    bar = "P1_NOTEON_72\n{}TR_NOTEON_48\nWT_22050\nP1_NOTEON_76\n{}WT_22050\n"
    note = "P2_NOTEON_60\n"
    densities = []
    for often in (False, True):
        text = bar.format(note, "") * 8
        if often:
            text = text.replace("WT_22050\n", "WT_4410\n" + 4 * f"{note}WT_4410\n")
        given = Song.from_tx1(text + "P1_NOTEOFF\nP2_NOTEOFF\nTR_NOTEOFF\nWT_100")
        made = lakhnes.infill(bundled, given, ["p2"], num=2, seed=0)
        densities.append(np.mean([part_of(song, "p2").density for song in made]))
    assert densities[1] > 1.5 * densities[0]


def test_drums_that_a_song_never_had_are_no_few_strokes(bundled):
    given = without(Song.from_tx1(tune(1)), "no")
    (made,) = lakhnes.infill(bundled, given, ["no"], seed=0)
    assert len(made.voices["no"]) / made.duration > 2.0
    assert made.duration == given.duration


def test_a_long_rest_of_the_kept_voices_takes_no_more_memory_and_ends_as_it_should(bundled, monkeypatch):
    made = []
    monkeypatch.setattr(infill, "make_branches", lambda *args: made.append(TransformerBranches(*args[:3])) or made[-1])
    given = Song.from_tx1(
        f"P1_NOTEON_60\nWT_9000\nP1_NOTEOFF\nWT_{40 * 44_100}\nP1_NOTEON_62\nWT_9000\nP1_NOTEOFF\nWT_9"
    )
    (version,) = infill_texts(bundled, 1, given, ["no"], seed=2, memory=64)
    assert version.song.voices["p1"].tolist() == given.voices["p1"].tolist()
    assert version.song.length == given.length
    starts = version.song.voices["no"][:, 0]
    assert len(starts) > 40
    assert made[0].own.shape[4] <= 2 * ROOM


def test_the_same_seed_makes_the_same_part_and_another_makes_another(bundled):
    given = Song.from_tx1(tune(0))
    texts = [infill_texts(bundled, 1, given, ["tr"], seed=seed, memory=64)[0].text for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


# --- the measure ---


def test_a_part_is_counted():
    song = Song.from_tx1(
        "P1_NOTEON_60\nTR_NOTEON_36\nNO_NOTEON_5\nWT_22050\nP1_NOTEON_61\nWT_11025\nNO_NOTEON_5\nWT_11025\nP1_NOTEOFF\nWT_44100"
    )
    melody, drums = part_of(song, "p1"), part_of(song, "no")
    assert (melody.density, melody.together, melody.harmonic, melody.length) == (1.0, 0.5, 0.5, 0.5)
    assert (drums.density, drums.together) == (1.0, 0.5)
    assert math.isnan(drums.harmonic)
    silent = without(song, "p1")
    assert silent.duration == song.duration
    assert part_of(silent, "p1").density == 0.0
    assert len(silent.voices["tr"]) == 1


def test_replacements_are_summed_up_by_voice(bundled):
    song = Song.from_tx1(tune(0))
    found = [compare(bundled, song, song, "tr"), compare(bundled, song, without(song, "tr"), "tr")]
    found += [compare(bundled, song, song, "no")]
    assert found[0].old_loss == found[0].new_loss != found[1].new_loss
    heading, drums_last = summary(found)[0], summary(found)[-1]
    assert "within 2x" in heading
    assert summary(found)[1].split()[:3] == ["tr", "2", "0.50"]
    assert "50%" in summary(found)[1]
    assert drums_last.split()[:3] == ["no", "1", "1.00"]
