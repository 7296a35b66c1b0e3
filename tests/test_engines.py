"""Incremental decoding: one interface, and the numbers of the torch module, whatever the engine, batch and threads."""

import json
import math
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import lakhnes
from lakhnes import LakhnesError, load_model
from lakhnes._native import DecoderModel
from lakhnes.benchmarks import generate
from lakhnes.benchmarks.original_decoding import OriginalDecoder
from lakhnes.model.cache import SPARE_POSITIONS
from lakhnes.model.config import LSTMConfig
from lakhnes.model.engine import DTYPES, losses_of
from lakhnes.model.estimation import estimate_ngram
from lakhnes.model.lstm import LSTM
from lakhnes.model.model import Model
from lakhnes.model.native_engine import NativeEngine, thread_count
from lakhnes.model.recurrent_engine import RecurrentEngine
from lakhnes.model.torch_engine import TorchEngine
from lakhnes.sampling import SamplingParams, compose, composer
from small import tune
from test_model import FORMS, in_segments, model_of, songs_of

VOCABULARY = lakhnes.Vocabulary.tx1()


def ids_of(batch, length, seed=1):
    return songs_of(batch, length, seed).numpy()


def in_steps(engine, tokens):
    """Feed one token of every sequence after the other: ``(B, T)`` to ``(B, T, V)``."""
    return np.stack([engine.feed(np.ascontiguousarray(column)) for column in tokens.T], axis=1)


def close(found, expected, tolerance=1e-4):
    np.testing.assert_allclose(found, expected, atol=tolerance, rtol=tolerance)


def recurrent_model(kind):
    if kind == "n-gram":
        songs = [np.array([0, *VOCABULARY.encode(tune(seed)), 0]) for seed in range(8)]
        return estimate_ngram(songs, 4)
    torch.manual_seed(3)
    return Model.of(LSTM(LSTMConfig(n_layer=2, d_model=24)))


def begin(kind, mem_len, sequences=1):
    """Begin an engine of each kind, all on the CPU."""
    if kind in ("lstm", "n-gram"):
        return recurrent_model(kind).begin(sequences)
    engine, _, form = kind.partition(" ")
    network = model_of(**FORMS[form])
    if engine == "torch":
        return TorchEngine(network, sequences, mem_len)
    return Model.of(network).begin(sequences, memory=mem_len, threads=2, keeps=True)


KINDS = [f"{engine} {form}" for engine in ("native", "torch") for form in FORMS] + ["lstm", "n-gram"]
FEW = ["native plain", "torch plain", "lstm", "n-gram"]


# --- the numbers of the torch module ---


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mem_len", [0, 1, 12, 100])
def test_the_native_engine_agrees_with_torch_while_its_memory_fills_and_after(form, mem_len):
    tokens = ids_of(2, 60)
    close(in_steps(begin(f"native {form}", mem_len, 2), tokens), in_steps(begin(f"torch {form}", mem_len, 2), tokens))


@settings(max_examples=15)
@given(
    heads=st.integers(1, 5),
    d_head=st.integers(1, 70),
    half=st.integers(1, 40),
    d_inner=st.integers(1, 150),
    data=st.data(),
)
def test_the_native_engine_takes_a_model_of_any_shape(heads, d_head, half, d_inner, data):
    shape = {"n_head": heads, "d_head": d_head, "d_model": 2 * half, "d_inner": d_inner, "vocab_size": 100}
    network = model_of(n_layer=2, pre_norm=data.draw(st.booleans()), **shape)
    tokens = ids_of(3, 8) % 100
    expected = in_steps(TorchEngine(network, 3, 5), tokens)
    engine = Model.of(network).begin(3, memory=5, threads=data.draw(st.integers(1, 4)))
    close(in_steps(engine, tokens), expected, 1e-3)


@pytest.mark.parametrize("kind", ["lstm", "n-gram"])
def test_recurrent_engines_agree_with_their_torch_modules(kind):
    model, tokens = recurrent_model(kind), songs_of(3, 40)
    tokens[:, 20] = 0  # a boundary, behind which n-grams know nothing
    tokens[0, :20] = torch.from_numpy(VOCABULARY.encode(tune(1))[:20])
    with torch.inference_mode():
        expected = model.network.logits(model.network(tokens)[0])
    engine = model.begin(3)
    assert isinstance(engine, RecurrentEngine)
    close(in_steps(engine, tokens.numpy()), expected)


# --- feed, fork, rewind, logits ---


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mem_len", [0, 12, 100])
def test_sequences_are_read_at_their_own_pace_as_by_themselves(kind, mem_len):
    if "same_length" in FORMS.get(kind.partition(" ")[2], {}) and mem_len == 0:
        pytest.skip("attention of length 0")
    engine, alone = begin(kind, mem_len, 3), [begin(kind, mem_len) for _ in range(3)]
    tokens = ids_of(3, 40)
    engine.feed(tokens[0, :20], [1] * 20)
    for target in (0, 2):
        engine.fork(1, target)
    for one in alone:
        close(one.feed(tokens[0, :20], [0] * 20)[-1], engine.logits[0])
    places = [0, 0, 2, 1, 2, 2, 0, 1, 1, 2, 0, 0] * 3
    taken = Counter()
    for first in range(0, len(places), 3):  # some twice at once
        here, read = places[first : first + 3], []
        for place in here:
            read.append(tokens[place][20 + taken[place]])
            taken[place] += 1
        rows = engine.feed(np.array(read), here)
        for place, token, row in zip(here, read, rows, strict=True):
            close(row, alone[place].feed(np.array([token]))[0])
        for place in set(here):
            close(engine.logits[place], alone[place].logits[0])


@pytest.mark.parametrize("kind", FEW)
def test_a_fork_continues_on_its_own_and_a_rewound_token_is_as_if_never_read(kind):
    engine, other = begin(kind, 12, 3), begin(kind, 12)
    engine.feed(np.array([5, 6, 7]), [0, 0, 1])
    engine.fork(0, 2)
    engine.feed(np.array([8]), [0])
    other.feed(np.array([5]))
    before = engine.logits.copy()
    engine.rewind(2)
    close(engine.logits[2], other.logits[0])
    np.testing.assert_array_equal(engine.logits[:2], before[:2])
    close(engine.feed(np.array([9]), [2]), other.feed(np.array([9])))
    engine.rewind(2)
    with pytest.raises(ValueError, match=r"rewind|taken back|rewound"):
        engine.rewind(2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mem_len", [0, 3, 12, 100])
def test_a_sequence_begins_again_with_what_was_kept_while_the_others_are_read_in_step(kind, mem_len):
    if "same_length" in FORMS.get(kind.partition(" ")[2], {}) and mem_len == 0:
        pytest.skip("attention of length 0")

    def begun():
        one = begin(kind, mem_len)
        one.feed(prime, [0] * len(prime))
        return one

    engine, tokens = begin(kind, mem_len, 3), ids_of(3, 40)
    prime, forward = ids_of(1, 5, 2)[0], Counter()
    if hasattr(engine, "_make_step"):
        passes = engine._make_step
        engine._make_step = lambda *inputs: (forward.update(["calls"]), passes(*inputs))[1]
    engine.feed(prime, [1] * len(prime))
    engine.keep(1)
    engine.fork(1, 0)
    engine.fork(1, 2)
    forward.clear()
    alone = [begun() for _ in range(3)]
    for step, column in enumerate(tokens.T):
        for place in {7: [1], 15: [0], 16: [0], 30: [2, 1]}.get(step, []):
            engine.restore([place])
            alone[place] = begun()
            close(engine.logits[place], alone[place].logits[0])
        rows = engine.feed(np.ascontiguousarray(column))
        for place, row in enumerate(rows):
            close(row, alone[place].feed(column[place : place + 1])[0])
    assert forward["calls"] in (0, 40)  # of the torch engine: one pass a step, however long each sequence is
    engine.restore([0, 1])
    alone[0] = begun()
    engine.rewind(1)
    without = begin(kind, mem_len)
    without.feed(prime[:-1], [0] * (len(prime) - 1))
    close(engine.logits[1], without.logits[0])
    close(engine.feed(tokens[1, :1], [1]), without.feed(tokens[1, :1]))
    engine.feed(tokens[:, 1].copy())
    engine.rewind(0)  # one of one that is shorter than another
    alone[0].feed(np.array([3]))
    close(engine.feed(np.array([3]), [0])[0], alone[0].logits[0])


@pytest.mark.parametrize("kind", FEW)
def test_logits_are_never_changed_in_place(kind):
    engine = begin(kind, 12, 2)
    kept = [engine.logits]
    kept += [engine.feed(np.array([3, 4])), engine.feed(np.array([5]), [1]), engine.logits]
    copies = [array.copy() for array in kept]
    engine.feed(np.array([6]), [0])
    engine.rewind(0)
    engine.fork(1, 0)
    engine.feed(np.array([7, 8]))
    for array, copy in zip(kept, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("kind", ["native plain", "torch plain"])
def test_sequences_that_part_and_are_forked_again_read_on_beyond_their_buffers(kind):
    engine, alone = begin(kind, 12, 3), begin(kind, 12)
    for place, token in enumerate(ids_of(1, 2 * SPARE_POSITIONS)[0]):
        reader = place // 7 % 3
        (row,) = engine.feed(np.array([token]), [reader])
        close(row, alone.feed(np.array([token]))[0])
        if place % 7 == 6:
            for target in {0, 1, 2} - {reader}:
                engine.fork(reader, target)
    together, tokens = begin(kind, 12, 3), ids_of(1, 30)[0]
    together.feed(tokens, [2] * 30)
    together.fork(2, 0)
    together.fork(2, 1)
    last = together.feed(np.array([1, 2, 3]))
    for place in range(3):
        by_itself = begin(kind, 12)
        close(last[place], by_itself.feed(np.append(tokens, place + 1), [0] * 31)[-1])


@pytest.mark.parametrize("kind", FEW)
def test_tokens_that_are_none_are_refused(kind):
    engine = begin(kind, 8, 2)
    for tokens in ([], [1], [1, 2, 3]):
        with pytest.raises(ValueError, match="tokens: expected one for each of 2 sequences"):
            engine.feed(np.array(tokens, dtype=np.int64))
    for tokens in ([1, -1], [1, 631]):
        with pytest.raises(ValueError, match="tokens: expected"):
            engine.feed(np.array(tokens))


# --- exactness ---


@pytest.mark.parametrize("dtype", DTYPES)
def test_batch_threads_and_blocks_change_no_bit(dtype):
    model, tokens = Model.of(model_of(n_head=4, d_head=8)), ids_of(7, 50)
    expected = in_steps(model.begin(7, memory=16, dtype=dtype, threads=1), tokens)
    np.testing.assert_array_equal(in_steps(model.begin(7, memory=16, dtype=dtype, threads=3), tokens), expected)
    for song in (0, 6):
        alone = model.begin(1, memory=16, dtype=dtype, threads=2)
        np.testing.assert_array_equal(in_steps(alone, tokens[song : song + 1])[0], expected[song])
        at_once = model.begin(2, memory=16, dtype=dtype).feed(tokens[song], [1] * 50)
        np.testing.assert_array_equal(at_once, expected[song])


def test_a_recurrent_song_does_not_depend_on_the_batch():
    model, tokens = recurrent_model("lstm"), ids_of(5, 20)
    together = in_steps(model.begin(5), tokens)
    np.testing.assert_array_equal(in_steps(model.begin(1), tokens[3:4])[0], together[3])


@pytest.mark.parametrize("dtype", ["bfloat16", "int8"])
def test_fewer_bits_leave_the_perplexity_of_the_bundled_model_within_a_hundredth(dtype):
    model = load_model()
    (song,) = compose(model, 1, (), SamplingParams(length=300, min_voices=0), seed=1)
    ids = np.array([0, *song.ids])
    count = len(ids) - 1
    exact, rounded = (model.begin(dtype=form).feed(ids[:-1], [0] * count) for form in ("float32", dtype))
    assert not np.array_equal(exact, rounded)
    losses = [float(losses_of(logits, ids[1:]).mean()) for logits in (exact, rounded)]
    assert math.exp(abs(losses[0] - losses[1])) < 1.01


def test_the_score_is_what_the_torch_module_says():
    model, ids = Model.of(model_of()), ids_of(1, 700)[0]
    logits = in_segments(model.network, torch.from_numpy(ids[None, :-1]), 1, 32)
    close(model.score(ids), losses_of(logits[0].numpy(), ids[1:]), 1e-3)
    assert model.score(ids[:1]).shape == (0,)


# --- which engine, and what it takes ---


def test_the_native_engine_is_chosen_on_the_cpu_and_torch_where_it_must():
    model = Model.of(model_of())
    assert isinstance(model.begin(memory=8), NativeEngine)
    assert isinstance(model.begin(memory=70_000), TorchEngine)
    assert isinstance(model.begin(memory=70_000, length=100), NativeEngine)
    with pytest.raises(LakhnesError, match="int8 runs on the CPU"):
        model.begin(memory=70_000, dtype="int8")
    with pytest.raises(ValueError, match="float32, bfloat16, int8"):
        model.begin(dtype="float16")
    with pytest.raises(LakhnesError, match="Transformer-XL"):
        recurrent_model("lstm").begin(dtype="bfloat16")


def test_the_torch_engine_keeps_less_if_asked_to():
    network, tokens = model_of(), ids_of(2, 12)
    exact, rounded = (in_steps(TorchEngine(network, 2, 8, dtype), tokens) for dtype in ("float32", "bfloat16"))
    assert not np.array_equal(rounded, exact)
    np.testing.assert_allclose(rounded, exact, atol=0.5, rtol=0.1)
    assert network.embedding.weight.dtype == torch.float32


def test_a_model_of_a_module_stays_as_it_was():
    network, tokens = model_of(), ids_of(1, 5)
    model = Model.of(network)
    before = in_steps(model.begin(memory=8), tokens)
    with torch.no_grad():
        network.output_bias += 1.0
    np.testing.assert_array_equal(in_steps(Model.of(network).begin(memory=8), tokens).argmax(-1), before.argmax(-1))
    close(in_steps(Model.of(network).begin(memory=8), tokens), before + 1.0)
    np.testing.assert_array_equal(in_steps(model.begin(memory=8), tokens), before)


def test_weights_are_packed_once_for_each_dtype(monkeypatch):
    import lakhnes.model.native_engine as native_engine

    made = []
    monkeypatch.setattr(native_engine, "DecoderModel", lambda _, **options: made.append(options["dtype"]))
    monkeypatch.setattr(native_engine.NativeEngine, "__init__", lambda *_, **options: None)
    model = Model.of(model_of())
    for dtype in ("float32", None, "int8", "int8"):
        model.begin(memory=8, dtype=dtype)
    assert made == ["float32", "int8"]


def test_a_wrong_dtype_or_a_missing_weight_is_refused():
    shape = {"vocab_size": 3, "n_layer": 1, "n_head": 1, "d_model": 2, "d_head": 2, "d_inner": 2}
    shape |= {"pre_norm": False, "clamp_len": 0}
    with pytest.raises(ValueError, match=r"weights: embedding\.weight is missing"):
        DecoderModel({}, dtype="int8", **shape)
    with pytest.raises(ValueError, match="dtype: expected float32, bfloat16 or int8, found float16"):
        DecoderModel({}, dtype="float16", **shape)


def test_the_number_of_threads_is_that_of_the_environment(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert thread_count() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert thread_count() >= 1


def test_the_original_restated_for_comparison_says_the_same():
    for form in ("plain", "clamped"):
        network, tokens = model_of(**FORMS[form]), ids_of(2, 40)
        expected = in_steps(TorchEngine(network, 2, 12), tokens)
        decoder = OriginalDecoder(network, 2, 12)
        found = [decoder.step(torch.from_numpy(column)).numpy() for column in tokens.T]
        close(np.stack(found, axis=1), expected)


def test_bench_tells_how_fast_composing_is(run, monkeypatch):
    for name, value in {"MEMORY": 4, "STEPS": 2, "SLOW_STEPS": 2, "BATCHED_STEPS": 2, "BATCH": 2, "LENGTH": 70}.items():
        monkeypatch.setattr(generate, name, value)
    result = run("bench", "generate", "--json")
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert set(figures) == {
        "decode_original",
        "decode_float32",
        "decode_bfloat16",
        "decode_int8",
        "decode_int8_batch_2",
        "generate",
    }
    for figure in figures.values():
        assert figure["ratio"] == pytest.approx(figure["value"] / figure["reference"])


@pytest.mark.parametrize("dtype", DTYPES)
def test_generate_takes_a_dtype(run, tmp_path, dtype):
    options = ["--length", 70, "--seed", 1, "--format", "tx1", "--dtype", dtype, "-o", tmp_path]
    result = run("generate", *options)
    assert result.exit_code == 0, result.stderr
    (song,) = lakhnes.generate(load_model(), length=70, seed=1, dtype=dtype)
    assert (tmp_path / "0.tx1.txt").read_text() == song.to_tx1()


def test_a_prime_longer_than_what_is_read_at_once_is_read_to_its_end(monkeypatch):
    model = Model.of(model_of(pre_norm=True))
    ids = compose(model, 1, (), SamplingParams(length=64, memory=16), seed=1)[0].ids[:63]
    params = SamplingParams(length=10, min_length=10, memory=16, min_voices=0)
    expected = compose(model, 2, ids, params, seed=2)
    for at_once in (1, 16, 63):
        monkeypatch.setattr(composer, "READ_AT_ONCE", at_once)
        found = compose(model, 2, ids, params, seed=2)
        assert [song.ids for song in found] == [song.ids for song in expected]
        assert found[0].prime_ppl == pytest.approx(expected[0].prime_ppl)


# --- without torch, and without more memory than is needed ---


PROBE = """
import sys
import lakhnes
from lakhnes.cli import cli

class Blocked:
    def find_spec(self, name, *_):
        assert name.partition(".")[0] != "torch", "torch was imported"

sys.meta_path.insert(0, Blocked())
try:
    cli.main(sys.argv[1:], prog_name="lakhnes")
except SystemExit as stop:
    sys.exit(stop.code)
"""


def test_nothing_that_composes_on_the_cpu_imports_torch(song_file, tmp_path):
    lstm = tmp_path / "lstm"
    lakhnes.checkpoint.save_checkpoint(recurrent_model("lstm"), lstm)
    short = ["--length", 20, "--seed", 1]
    for number, command in enumerate(
        (
            ["generate", "--max-duration", 1, *short],
            ["generate", "-m", lstm, *short],
            ["continue", song_file, *short],
            ["accompany", song_file, *short],
            ["infill", song_file, "--voices", "p2", "--seed", 1],
            ["play", "--radio", *short, "-n", 1, "--sink", tmp_path / "radio.wav"],
        )
    ):
        out = [] if command[0] == "play" else ["-o", tmp_path / str(number)]
        line = [sys.executable, "-c", PROBE, *map(str, [*command, *out])]
        finished = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)
        assert finished.returncode == 0, (command, finished.stderr)


def test_memory_beyond_the_length_of_a_song_costs_nothing_and_changes_nothing():
    model, params = load_model(), {"length": 60, "min_voices": 0, "seed": 2}
    assert lakhnes.generate(model, memory=300_000, **params) == lakhnes.generate(model, memory=61, **params)
