"""The native kernel: the numbers of torch, whatever the model, the batch, the threads and the length of a reading."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

import lakhnes
from lakhnes import LakhnesError, load_model
from lakhnes._native import DecoderModel
from lakhnes.benchmarks import generate
from lakhnes.benchmarks.original_decoding import OriginalDecoder
from lakhnes.model.transformer_xl import TransformerXL
from lakhnes.sampling import native_decoder, writing
from lakhnes.sampling.decoder import DTYPES, Decoder, make_decoder
from lakhnes.sampling.generate import compose
from lakhnes.sampling.native_decoder import NativeDecoder, packed
from lakhnes.sampling.torch_decoder import TorchDecoder
from small import TINY
from test_model import FORMS, model_of, songs_of


def in_steps(decoder, tokens):
    return torch.stack([decoder.step(tokens[:, place]) for place in range(tokens.shape[1])], 1)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mem_len", [0, 1, 12, 100])
def test_the_kernel_agrees_with_torch_while_its_memory_fills_and_after(form, mem_len):
    model, tokens = model_of(**FORMS[form]), songs_of(2, 60)
    expected = in_steps(TorchDecoder(model, 2, mem_len), tokens)
    torch.testing.assert_close(in_steps(NativeDecoder(model, 2, mem_len), tokens), expected, atol=1e-4, rtol=1e-5)


@settings(deadline=None, max_examples=15)
@given(
    heads=st.integers(1, 5),
    d_head=st.integers(1, 70),
    half=st.integers(1, 40),
    d_inner=st.integers(1, 150),
    data=st.data(),
)
def test_the_kernel_takes_a_model_of_any_shape(heads, d_head, half, d_inner, data):
    shape = {"n_head": heads, "d_head": d_head, "d_model": 2 * half, "d_inner": d_inner, "vocab_size": 100}
    model = model_of(n_layer=2, pre_norm=data.draw(st.booleans()), **shape)
    tokens = songs_of(3, 8) % 100
    expected = in_steps(TorchDecoder(model, 3, 5), tokens)
    found = in_steps(NativeDecoder(model, 3, 5, threads=data.draw(st.integers(1, 4))), tokens)
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("dtype", DTYPES)
def test_batch_threads_and_blocks_change_no_bit(dtype):
    model, tokens = model_of(n_head=4, d_head=8), songs_of(7, 50)
    expected = in_steps(NativeDecoder(model, 7, 16, dtype, threads=1), tokens)
    assert torch.equal(NativeDecoder(model, 7, 16, dtype, threads=3).read_all(tokens), expected)
    assert torch.equal(NativeDecoder(model, 7, 16, dtype, threads=2).read(tokens), expected[:, -1])
    for song in (0, 6):
        alone = NativeDecoder(model, 1, 16, dtype, threads=2)
        assert torch.equal(in_steps(alone, tokens[song : song + 1])[0], expected[song])


@pytest.mark.parametrize("dtype", ["bfloat16", "int8"])
def test_fewer_bits_leave_the_perplexity_of_the_bundled_model_within_a_hundredth(dtype):
    model = load_model("bundled", "cpu")
    songs = drawn(model, songs=2, length=200)
    exact, rounded = (NativeDecoder(model, 2, 896, form).read_all(songs[:, :-1]) for form in ("float32", dtype))
    assert not torch.equal(exact, rounded)
    losses = [functional.cross_entropy(logits.transpose(1, 2), songs[:, 1:]) for logits in (exact, rounded)]
    assert math.exp(abs(float(losses[0] - losses[1]))) < 1.01


def drawn(model, songs, length):
    """Songs that a model writes, ``(songs, length + 1)``."""
    decoder, generator = Decoder(model, songs, 896), torch.Generator().manual_seed(1)
    tokens = [torch.zeros(songs, dtype=torch.int64)]
    for _ in range(length):
        probabilities = decoder.step(tokens[-1]).softmax(-1)
        tokens.append(torch.multinomial(probabilities, 1, generator=generator)[:, 0])
    return torch.stack(tokens, 1)


def test_a_changed_weight_is_packed_again_and_an_unchanged_one_is_not():
    model, tokens = model_of(), songs_of(1, 5)
    before = in_steps(NativeDecoder(model, 1, 8), tokens)
    assert packed(model, "float32") is packed(model, "float32")
    with torch.no_grad():
        model.output_bias += 1.0
    after = in_steps(NativeDecoder(model, 1, 8), tokens)
    torch.testing.assert_close(after, before + 1.0)


def test_what_was_packed_goes_with_its_model():
    model = TransformerXL(TINY).eval()
    count = len(native_decoder._packed)
    packed(model, "int8")
    assert len(native_decoder._packed) == count + 1
    del model
    assert len(native_decoder._packed) == count


def test_the_decoder_takes_the_kernel_on_the_cpu_and_torch_where_it_must():
    model = model_of()
    assert isinstance(Decoder(model, 1, 8).kernel, NativeDecoder)
    assert isinstance(Decoder(model, 1, 70_000).kernel, TorchDecoder)
    half = Decoder(model, 1, 70_000, "bfloat16").kernel
    assert isinstance(half, TorchDecoder)
    assert half.keys.dtype == torch.bfloat16
    with pytest.raises(LakhnesError, match="int8 runs on the CPU"):
        Decoder(model, 1, 70_000, "int8")
    with pytest.raises(ValueError, match="float32, bfloat16, int8"):
        make_decoder(model, 1, 8, "float16")


def test_tokens_that_are_none_are_refused():
    state = NativeDecoder(model_of(), 2, 8).state
    for tokens in ([], [1], [1, -1], [1, 631]):
        with pytest.raises(ValueError, match="tokens: expected"):
            state.feed(np.array(tokens, dtype=np.int64))


def test_a_wrong_dtype_or_a_missing_weight_is_refused():
    shape = {"vocab_size": 3, "n_layer": 1, "n_head": 1, "d_model": 2, "d_head": 2, "d_inner": 2, "pre_norm": False}
    shape["clamp_len"] = 0
    with pytest.raises(ValueError, match=r"weights: embedding\.weight is missing"):
        DecoderModel({}, dtype="int8", **shape)
    with pytest.raises(ValueError, match="dtype: expected float32, bfloat16 or int8, found float16"):
        DecoderModel({}, dtype="float16", **shape)


def test_the_original_restated_for_comparison_says_the_same():
    for form in ("plain", "clamped"):
        model, tokens = model_of(**FORMS[form]), songs_of(2, 40)
        expected = in_steps(TorchDecoder(model, 2, 12), tokens)
        torch.testing.assert_close(in_steps(OriginalDecoder(model, 2, 12), tokens), expected, atol=1e-4, rtol=1e-4)


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
    options = ["--length", 70, "--seed", 1, "--format", "tx1", "--device", "cpu", "--dtype", dtype, "-o", tmp_path]
    result = run("generate", *options)
    assert result.exit_code == 0, result.stderr
    options = {"length": 70, "seed": 1, "memory": 512, "dtype": dtype}
    assert (tmp_path / "0.tx1.txt").read_text() == lakhnes.generate(load_model("bundled", "cpu"), **options)[0].to_tx1()


def test_a_prime_longer_than_what_is_read_at_once_is_read_to_its_end(monkeypatch):
    model = model_of(pre_norm=True)
    ids = compose(model, 1, length=64, seed=1, memory=16)[0].ids[:63]
    options = {"length": 10, "min_length": 10, "memory": 16, "seed": 2}
    expected = compose(model, 2, ids, **options)
    for at_once in (1, 16, 63):
        monkeypatch.setattr(writing, "READ_AT_ONCE", at_once)
        found = compose(model, 2, ids, **options)
        assert [song.ids for song in found] == [song.ids for song in expected]
        assert found[0].prime_ppl == pytest.approx(expected[0].prime_ppl)
