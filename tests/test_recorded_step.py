"""Steps of the torch engine, whose shapes never change: the native engine's numbers, recorded once and replayed."""

import contextlib
import warnings

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import lakhnes
from lakhnes import LimitError
from lakhnes.errors import LakhnesWarning
from lakhnes.model import recorded_step, ring
from lakhnes.model.model import Model
from lakhnes.model.recorded_step import SPAN
from lakhnes.model.recorder import WARMUP, CudaRecorder
from lakhnes.model.torch_engine import TorchEngine
from lakhnes.sampling import SamplingParams, compose
from lakhnes.sampling.batches import AT_ONCE_BYTES, DEVICE_SHARE, MOST_ON_A_DEVICE, most_at_once
from recorders import Recorder, Unable
from small import tiny_model
from test_engines import close, ids_of
from test_model import FORMS, model_of

ROWS = {"vocabulary": "tx3", "vocab_size": len(lakhnes.Vocabulary.tx3()), "score_state": True}

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def buffers_of(engine):
    return [tensor.data_ptr() for tensor in (engine._ring.buffer, engine._make_step.inputs, engine._make_step.logits)]


def both(form, mem_len, sequences, **options):
    """Begin the native engine and that of torch."""
    network = model_of(**FORMS[form])
    native = Model.of(network).begin(sequences, memory=mem_len, keeps=True)
    return native, TorchEngine(network, sequences, mem_len, **options)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mem_len", [1, 12, 100])
@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_read_forked_kept_and_taken_back_the_logits_are_those_of_the_native_engine(form, mem_len, seed):
    random, engines = np.random.default_rng(seed), both(form, mem_len, 4)
    for engine in engines:
        engine.feed(np.arange(5), [0] * 5)
        engine.keep(0)
        for target in (1, 2, 3):
            engine.fork(0, target)
    fed = np.ones(4, dtype=bool)  # which sequences have a token that can be taken back
    for _ in range(80):
        kind = random.choice(["all", "all", "all", "some", "some", "run", "fork", "restore", "rewind"])
        chosen, tokens = random.permutation(4)[: random.integers(1, 5)].tolist(), random.integers(0, 600, 4)
        first, last = chosen[0], chosen[-1]
        if kind == "rewind" and not fed[first]:
            continue
        call, *arguments = {
            "all": ("feed", tokens),
            "some": ("feed", tokens[: len(chosen)], chosen),
            "run": ("feed", tokens, [first] * 4),
            "fork": ("fork", first, last),
            "restore": ("restore", chosen),
            "rewind": ("rewind", first),
        }[kind]
        for engine in engines:
            getattr(engine, call)(*arguments)
        if kind == "fork":
            fed[last] = fed[first]
        else:
            fed[{"all": [0, 1, 2, 3], "run": first, "rewind": first}.get(kind, chosen)] = kind != "rewind"
        close(engines[1].logits, engines[0].logits)


@pytest.mark.parametrize("vocabulary", ["tx1", "tx3"])
def test_songs_that_end_and_begin_in_turns_are_those_of_the_native_engine(vocabulary):
    native = tiny_model(**ROWS) if vocabulary == "tx3" else tiny_model()
    torch_model = Model(native.config, native.weights, "cpu:0")
    params = SamplingParams(length=50, min_length=5, min_duration=0.0, memory=16, min_voices=0)
    expected = compose(native, 11, (), params, seed=3, batch_size=4)
    found = compose(torch_model, 11, (), params, seed=3, batch_size=4)
    assert [song.ids for song in found] == [song.ids for song in expected]
    assert len({len(song.ids) for song in found}) > 1  # some ended before others
    np.testing.assert_allclose([song.ppl for song in found], [song.ppl for song in expected], rtol=1e-3)


def test_a_step_is_recorded_once_for_each_span_and_replayed_in_the_same_buffers():
    recorder, memory = Recorder(), SPAN + 40
    native, engine = both("plain", memory, 3, recorder=recorder)
    before, tokens = buffers_of(engine), ids_of(3, SPAN + 60)
    for step, column in enumerate(tokens.T):
        expected, found = native.feed(column.copy()), engine.feed(column.copy())
        if step in (0, SPAN - 1, SPAN, memory, SPAN + 59):
            close(found, expected)
    assert recorder.replayed == [SPAN, 60]
    native.restore([1])
    native.keep(0)
    engine.keep(0)
    engine.restore([1])
    engine.fork(0, 2)
    engine.feed(tokens[0, :2].copy(), [0, 2])
    assert buffers_of(engine) == before
    assert recorder.replayed == [SPAN, 61]


def test_logits_that_were_given_do_not_change_when_a_step_is_replayed():
    _, engine = both("plain", 8, 2, recorder=Recorder())
    first = engine.feed(np.array([3, 4]))
    copy = first.copy()
    engine.feed(np.array([5, 6]))
    np.testing.assert_array_equal(first, copy)


def test_a_device_that_cannot_record_computes_each_step_and_says_so_once():
    native, engine = both("plain", 8, 2, recorder=Unable())
    with pytest.warns(LakhnesWarning, match=r"without CUDA graphs: operation not permitted when stream is capturing$"):
        engine.feed(np.array([3, 4]))
    native.feed(np.array([3, 4]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        close(engine.feed(np.array([5, 6])), native.feed(np.array([5, 6])))


def test_a_memory_that_the_device_does_not_have_is_refused_before_it_is_taken(monkeypatch):
    network = model_of()
    needed = 3 * ring.row_bytes(network.config, 9, torch.float32)
    monkeypatch.setattr(ring, "free_bytes", lambda device: needed - 1)
    with pytest.raises(LimitError, match=r"^3 sequences with 9 positions take .* expected at most the .*bfloat16$"):
        TorchEngine(network, 3, 8)
    TorchEngine(network, 3, 8, "bfloat16")
    monkeypatch.setattr(ring, "free_bytes", lambda device: needed)
    assert TorchEngine(network, 3, 8)._ring.buffer.nbytes == needed


def test_on_a_device_as_many_songs_are_composed_at_once_as_its_memory_holds(monkeypatch):
    def most(**options):
        return most_at_once(device, SamplingParams(length=10**6, memory=2_000, **options))

    device = Model(tiny_model().config, {}, "cuda")
    song = 2 * 4 * 2 * 32 * 2_001
    monkeypatch.setattr(Model, "device_bytes", lambda model: 2_000 * song)
    assert (most(), most(dtype="bfloat16")) == (int(DEVICE_SHARE * 2_000), int(DEVICE_SHARE * 4_000))
    monkeypatch.setattr(Model, "device_bytes", lambda model: 10**6 * song)
    assert most() == MOST_ON_A_DEVICE
    monkeypatch.setattr(Model, "device_bytes", lambda model: None)
    assert most() == AT_ONCE_BYTES // song


def test_a_cuda_recorder_warms_up_beside_the_stream_and_records_into_one_pool(monkeypatch):
    log = []

    class Stream:
        def wait_stream(self, other):
            log.append("wait")

    class Graph:
        def pool(self):
            return "pool"

        def replay(self):
            log.append("replay")

    def graph(recorded, pool, capture_error_mode):
        log.append(("record", pool, capture_error_mode))
        return contextlib.nullcontext()

    fakes = {"Stream": Stream, "current_stream": Stream, "CUDAGraph": Graph, "graph": graph}
    fakes |= dict.fromkeys(("device", "stream"), contextlib.nullcontext)
    for name, fake in fakes.items():
        monkeypatch.setattr(torch.cuda, name, fake)
    recorder = CudaRecorder(torch.device("cuda"))
    first, second = (recorder.record(lambda: log.append("work")) for _ in range(2))
    once = ["wait", *["work"] * WARMUP, "wait"]
    recorded = [[("record", pool, "thread_local"), "work"] for pool in (None, "pool")]
    assert log == once + recorded[0] + once + recorded[1]
    first()
    second()
    assert log[-2:] == ["replay", "replay"]


@pytest.mark.parametrize("rows", [False, True])
def test_no_part_of_a_step_asks_for_a_number_that_is_on_the_device(rows):
    # Tensors of the device "meta" have shapes and no numbers: to look at one, as no graph can, raises an error.
    network = tiny_model(**(ROWS if rows else {})).network.to("meta")
    keys = ring.Ring(network, 3, SPAN + 40)
    step = recorded_step.RecordedStep(network, keys)
    step.compute(SPAN)
    step.compute(keys.slots)
    with pytest.raises(RuntimeError, match="meta"):
        step.logits.max().item()


# --- on a CUDA device ---


@needs_cuda
@pytest.mark.parametrize("form", FORMS)
def test_graphs_of_a_cuda_device_say_what_the_native_engine_says(form):
    network, tokens = model_of(**FORMS[form]), ids_of(64, SPAN + 60)
    native = Model.of(network).begin(64, memory=SPAN + 40, keeps=True)
    engine = TorchEngine(network.cuda(), 64, SPAN + 40)
    with warnings.catch_warnings():
        warnings.simplefilter("error", LakhnesWarning)  # that nothing could be recorded
        for step, column in enumerate(tokens.T):
            for one in (native, engine):
                one.feed(column.copy())
                if step == 20:
                    one.keep(1)
                if step in (90, 200):
                    one.restore([5, 7])
            if step % 50 == 0:
                close(engine.logits, native.logits, 1e-3)
    close(engine.logits, native.logits, 1e-3)


@needs_cuda
def test_a_thousand_songs_are_composed_on_a_cuda_device():
    model = tiny_model(**ROWS)
    device = Model(model.config, model.weights, "cuda")
    params = SamplingParams(length=40, memory=32, min_voices=0, dtype="bfloat16")
    songs = compose(device, 1_100, (), params, seed=1, batch_size=1_024)
    assert len({tuple(song.ids) for song in songs}) > 1_000
