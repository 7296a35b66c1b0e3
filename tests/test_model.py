"""The Transformer-XL on models of our own: the formulas written out, and one result whichever way songs are read."""

import dataclasses
import json
import math

import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lakhnes import CheckpointError
from lakhnes.model.architectures import config_from_json
from lakhnes.model.attention import RelativeScores, attend
from lakhnes.model.cache import SPARE_POSITIONS
from lakhnes.model.config import MAX_DIMENSION, MAX_PARAMETERS, TransformerXLConfig
from lakhnes.model.torch_engine import TorchEngine
from lakhnes.model.transformer_xl import TransformerXL, distance_table

SMALL = TransformerXLConfig(n_layer=3, n_head=2, d_model=16, d_head=6, d_inner=20, dropout=0.3, mem_len=32)
FORMS = {
    "plain": {},
    "same length": {"same_length": True},
    "clamped": {"clamp_len": 7},
    "pre-norm": {"pre_norm": True},
    "all": {"same_length": True, "clamp_len": 7, "pre_norm": True},
}


def model_of(seed=0, **changes):
    """A model whose weights are drawn wide, so that errors show."""
    torch.manual_seed(seed)
    model = TransformerXL(dataclasses.replace(SMALL, **changes))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


def songs_of(batch, length, seed=1):
    return torch.randint(0, 631, (batch, length), generator=torch.Generator().manual_seed(seed))


# --- attention ---


def written_out(content, position, key, value, distances, mask):
    """Score by score: content plus the position's product with the distance from query to key."""
    heads, batch, rows, _ = content.shape
    keys = key.shape[2]
    result = []
    for head in range(heads):
        for song in range(batch):
            for row in range(rows):
                here = keys - rows + row
                scores = []
                for other in range(keys):
                    # The table goes from distance K - 1 down to 0; the future is masked whatever stands there.
                    place = min(keys - 1 - (here - other), keys - 1)
                    score = content[head, song, row] @ key[head, song, other]
                    score = score + position[head, song, row] @ distances[head, place]
                    hidden = other - (keys - mask.shape[1])
                    scores.append(score + (mask[row, hidden] if hidden >= 0 else 0.0))
                weights = torch.softmax(torch.stack(scores), 0)
                result.append(weights @ value[head, song])
    return torch.stack(result).view(heads, batch, rows, -1)


def attention_inputs(heads, batch, rows, memory, width, *, whole_mask, seed=0):
    random = torch.Generator().manual_seed(seed)
    keys = memory + rows

    def draw(*shape):
        return torch.randn(shape, generator=random, dtype=torch.float64, requires_grad=True)

    blocked = torch.ones(rows, keys).triu(memory + 1).bool()
    mask = torch.zeros(rows, keys, dtype=torch.float64).masked_fill(blocked, float("-inf"))
    return [
        draw(heads, batch, rows, width),
        draw(heads, batch, rows, width),
        draw(heads, batch, keys, width),
        draw(heads, batch, keys, width),
        draw(heads, keys, width),
        mask if whole_mask else mask[:, memory:],
    ]


@pytest.mark.parametrize("whole_mask", [False, True])
@pytest.mark.parametrize(("rows", "memory"), [(4, 3), (4, 0), (1, 5), (1, 0)])
def test_attention_is_the_formula_and_so_are_its_gradients(rows, memory, whole_mask):
    inputs = attention_inputs(2, 2, rows, memory, 3, whole_mask=whole_mask)
    found, expected = RelativeScores.apply(*inputs), written_out(*inputs)
    torch.testing.assert_close(found, expected)
    with torch.inference_mode():
        torch.testing.assert_close(attend(*inputs), expected)
    weight = torch.randn_like(expected)
    ours = torch.autograd.grad((found * weight).sum(), inputs[:5])
    theirs = torch.autograd.grad((expected * weight).sum(), inputs[:5])
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


def test_attentions_gradients_agree_with_differences():
    *inputs, mask = attention_inputs(2, 1, 3, 2, 2, whole_mask=False)
    assert torch.autograd.gradcheck(lambda *tensors: RelativeScores.apply(*tensors, mask), inputs)


def test_the_table_of_distances_is_sines_then_cosines():
    table = distance_table(torch.tensor([0, 1, 700]), 8)
    for row, distance in enumerate((0, 1, 700)):
        angles = [distance / 10_000 ** (2 * index / 8) for index in range(4)]
        expected = [math.sin(angle) for angle in angles] + [math.cos(angle) for angle in angles]
        torch.testing.assert_close(table[row], torch.tensor(expected), atol=1e-4, rtol=0)


# --- one result, whichever way a song is read ---


@torch.inference_mode()
def in_segments(model, tokens, length, mem_len):
    memory, found = None, []
    for start in range(0, tokens.shape[1], length):
        hidden, memory = model(tokens[:, start : start + length], memory, mem_len)
        found.append(model.logits(hidden))
    return torch.cat(found, 1)


@torch.inference_mode()
def in_cached_segments(model, tokens, length, mem_len):
    memory, found = model.cache(), []
    for start in range(0, tokens.shape[1], length):
        hidden, memory = model(tokens[:, start : start + length], memory, mem_len)
        found.append(model.logits(hidden))
    return torch.cat(found, 1)


def in_steps(model, tokens, mem_len):
    engine = TorchEngine(model, tokens.shape[0], mem_len)
    steps = [torch.from_numpy(engine.feed(tokens[:, place].numpy())) for place in range(tokens.shape[1])]
    return torch.stack(steps, 1)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("length", [1, 5, 16])
def test_one_pass_and_segments_with_a_memory_of_everything_agree(form, length):
    model, tokens = model_of(**FORMS[form]), songs_of(2, 33)
    whole = in_segments(model, tokens, 33, 100)
    torch.testing.assert_close(in_segments(model, tokens, length, 100), whole, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(in_steps(model, tokens, 100), whole, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("form", FORMS)
def test_single_tokens_with_a_memory_that_fills_and_the_decoder_agree(form):
    """Past the point where the memory is full, and where the decoder moves its buffers."""
    model, tokens = model_of(**FORMS[form]), songs_of(2, SPARE_POSITIONS + 60)
    torch.testing.assert_close(in_steps(model, tokens, 12), in_segments(model, tokens, 1, 12), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mem_len", [0, 5, 40])
def test_kept_keys_and_values_give_what_kept_states_give(form, mem_len):
    """With segments of 16 and a shorter one at the end, beyond where the buffers are moved."""
    if "same_length" in FORMS[form] and mem_len == 0:
        pytest.skip("attention of length 0")
    model, tokens = model_of(**FORMS[form]), songs_of(3, SPARE_POSITIONS + 5 * 16 + 7)
    found = in_cached_segments(model, tokens, 16, mem_len)
    torch.testing.assert_close(found, in_segments(model, tokens, 16, mem_len), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("form", ["same length", "all"])
@pytest.mark.parametrize("length", [1, 4, 8])
def test_with_same_length_the_segments_do_not_matter(form, length):
    """Every position sees the last 16 keys, in one pass, in segments and step by step."""
    model, tokens = model_of(**FORMS[form]), songs_of(2, 48)
    whole = in_segments(model, tokens, 48, 16)
    torch.testing.assert_close(in_segments(model, tokens, length, 16), whole, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(in_steps(model, tokens, 16), whole, atol=1e-4, rtol=1e-4)


def test_the_window_of_same_length_is_as_wide_as_it_says():
    """One layer: what lies 16 positions back is not seen, what lies 15 back is; without the option both are."""
    for same_length, back, seen in ((True, 15, True), (True, 16, False), (False, 16, True)):
        model, tokens = model_of(n_layer=1, same_length=same_length), songs_of(1, 40)
        other = tokens.clone()
        other[0, 39 - back] = (other[0, 39 - back] + 1) % 631
        one, two = (in_segments(model, song, 40, 16)[0, -1] for song in (tokens, other))
        assert bool((one - two).abs().max() > 1e-6) is seen


def test_no_position_sees_the_future():
    for form in FORMS.values():
        model, tokens = model_of(**form), songs_of(1, 20)
        other = tokens.clone()
        other[0, 12:] = 5
        one, two = (in_segments(model, song, 20, 20)[0] for song in (tokens, other))
        torch.testing.assert_close(one[:12], two[:12])
        assert (one[12:] - two[12:]).abs().max() > 1e-3


def test_songs_of_a_batch_do_not_see_each_other():
    model, tokens = model_of(), songs_of(3, 20)
    together = in_segments(model, tokens, 7, 20)
    for song in range(3):
        alone = in_segments(model, tokens[song : song + 1], 7, 20)
        torch.testing.assert_close(together[song], alone[0], atol=1e-5, rtol=1e-5)


def test_clamping_makes_far_distances_one():
    table = model_of(clamp_len=7).distances(12)
    torch.testing.assert_close(table[:5], table[:1].expand(5, -1))
    torch.testing.assert_close(table[4:], model_of().distances(12)[4:])
    assert not torch.allclose(table[4], table[5])


def test_the_memory_holds_the_last_positions_of_every_layer_without_gradients():
    model, tokens = model_of().train(), songs_of(2, 10)
    hidden, memory = model(tokens[:, :6], None, 8)
    assert memory.shape == (4, 2, 6, 16)
    assert not memory.requires_grad
    assert hidden.requires_grad
    torch.testing.assert_close(memory[-1], hidden.detach())
    _, longer = model(tokens[:, 6:], memory, 8)
    assert longer.shape == (4, 2, 8, 16)
    torch.testing.assert_close(longer[:, :, :4], memory[:, :, 2:])
    assert model(tokens, memory, 0)[1].shape == (4, 2, 0, 16)


def test_gradients_stop_at_the_memory():
    """What was read before the segment moves its result, and is not moved by it."""
    model = model_of()
    first, second = torch.tensor([[1, 2, 3]]), torch.tensor([[11, 12, 13]])
    _, memory = model(first, None, 8)
    hidden, _ = model(second, memory, 8)
    hidden.square().sum().backward()
    moved = model.embedding.weight.grad.abs().sum(1).nonzero().flatten()
    assert moved.tolist() == [11, 12, 13]
    assert not torch.allclose(hidden, model(second, None, 8)[0])


def test_input_and_output_share_their_embedding():
    model = model_of()
    hidden = torch.randn(2, 16)
    expected = hidden @ model.embedding.weight.t() + model.output_bias
    torch.testing.assert_close(model.logits(hidden), expected)
    torch.testing.assert_close(model.embed(torch.tensor([3])), model.embedding.weight[3:4] * 4.0)


def test_pre_norm_is_another_model_and_normalises_its_end():
    post, pre = model_of(), model_of(pre_norm=True)
    assert set(pre.state_dict()) - set(post.state_dict()) == {"final_norm.weight", "final_norm.bias"}
    shared = {name: tensor for name, tensor in pre.state_dict().items() if name in post.state_dict()}
    post.load_state_dict(shared)
    tokens = songs_of(1, 8)
    assert (in_segments(post, tokens, 8, 8) - in_segments(pre, tokens, 8, 8)).abs().max() > 1e-2


def test_dropout_is_off_while_composing():
    model, tokens = model_of(), songs_of(1, 8)
    torch.testing.assert_close(in_segments(model, tokens, 8, 8), in_segments(model, tokens, 8, 8), atol=0, rtol=0)
    model.train()
    assert not torch.equal(in_segments(model, tokens, 8, 8), in_segments(model, tokens, 8, 8))


# --- the shape ---


@pytest.mark.parametrize("form", FORMS)
def test_the_number_of_parameters_is_counted_right(form):
    model = model_of(**FORMS[form])
    assert model.config.num_parameters == sum(parameter.numel() for parameter in model.parameters())
    assert model.config.tensors == {name: tuple(weight.shape) for name, weight in model.state_dict().items()}


def test_the_published_size_has_41_million_parameters():
    assert TransformerXLConfig().num_parameters == pytest.approx(41.3e6, rel=0.01)


@settings(max_examples=30)
@given(
    st.builds(
        TransformerXLConfig,
        vocabulary=st.sampled_from(["tx1", "tx2"]),
        n_layer=st.integers(1, 40),
        n_head=st.integers(1, 16),
        d_model=st.integers(1, 512).map(lambda half: 2 * half),
        dropout=st.floats(0, 0.99),
        pre_norm=st.booleans(),
        same_length=st.booleans(),
        clamp_len=st.integers(0, MAX_DIMENSION),
        mem_len=st.integers(0, MAX_DIMENSION),
    )
)
def test_a_config_survives_its_file(config):
    assert config_from_json(config.to_json()) == config


def changed(**changes):
    facts = json.loads(SMALL.to_json()) | changes
    return json.dumps({name: value for name, value in facts.items() if value is not ...})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "expected an object with an architecture among 'transformer-xl'"),
        (changed(architecture="gru"), "expected an object with an architecture among"),
        (changed(architecture="lstm"), "unknown entry 'clamp_len'"),
        (changed(format_version=2), "format_version is 2, expected 1"),
        (changed(format_version=...), "format_version is None, expected 1"),
        (changed(n_layer=...), "entry 'n_layer' is missing"),
        (changed(colour="red"), "unknown entry 'colour'"),
        (changed(n_layer=0), "n_layer is 0, expected a whole number from 1"),
        (changed(n_layer=True), "n_layer is True"),
        (changed(d_model=2.5), "d_model is 2.5"),
        (changed(d_model="64"), "d_model is '64'"),
        (changed(d_model=15), "d_model is 15, expected an even number"),
        (changed(d_inner=MAX_DIMENSION + 1), "d_inner"),
        (changed(n_layer=1_000, d_model=8_192, d_inner=60_000), f"expected at most {MAX_PARAMETERS}"),
        (changed(mem_len=-1), "mem_len is -1"),
        (changed(clamp_len=None), "clamp_len is None"),
        (changed(dropout=1.0), "dropout is 1.0"),
        (changed(dropout="none"), "dropout is 'none'"),
        (changed(vocabulary="tx4"), "expected 'tx1' or 'tx2' or 'tx3'"),
    ],
)
def test_a_wrong_config_is_told_in_one_line(text, message):
    with pytest.raises(CheckpointError) as caught:
        config_from_json(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
