"""Songs in the memory of the device, and steps that are replayed there: the same run, without waiting."""

import dataclasses

import numpy as np
import pytest

from lakhnes import LakhnesError, Vocabulary

torch = pytest.importorskip("torch")

from lakhnes.checkpoint import load_model
from lakhnes.data.augmentation import Augmentation
from lakhnes.data.corpus import Corpus
from lakhnes.model.architectures import build
from lakhnes.model.recorder import CudaRecorder
from lakhnes.training.captured import CapturedLoss
from lakhnes.training.log import read_log
from lakhnes.training.resident import ResidentSongs
from lakhnes.training.segment_loss import SegmentLoss
from lakhnes.training.trainer import Trainer
from recorders import Recorder, Unable
from rows import row_model, song_text
from small import TINY, make_corpus, tiny_config

CPU = torch.device("cpu")
VARIED = Augmentation(transpose=1.0, controls=0.5)


@pytest.fixture
def trainer(tmp_path):
    """Make trainers whose songs are varied, but for those of the second half of a run."""
    corpus = Corpus.load(make_corpus(tmp_path / "data"), "train", Vocabulary.tx1())

    def make(name, **changes):
        (tmp_path / name).mkdir(exist_ok=True)
        config = tiny_config(**({"augmentation": VARIED, "plain_tail": 0.5, "fresh_every": 5} | changes))
        return Trainer(config, corpus, None, tmp_path / name, CPU)

    return make


def weights(run):
    return torch.cat([value.flatten() for value in run.model.state_dict().values()])


def test_a_run_on_resident_songs_is_the_run_on_songs_that_are_made_as_they_are_read(trainer):
    usual = trainer("usual", plain_tail=0.0)
    usual.run()
    resident = trainer("resident", plain_tail=0.0, resident=50)
    resident.run()
    assert resident.segments.resident is not None
    assert torch.equal(weights(usual), weights(resident))


def test_a_resumed_run_on_resident_songs_is_the_uninterrupted_one(trainer):
    whole = trainer("whole", resident=50)
    whole.run()
    first = trainer("parts", resident=50)
    first.segments.load()
    for _ in range(7):
        first.train_step()
    first.save()
    second = trainer("parts", resident=50)
    assert second.resume()
    second.run()
    assert torch.equal(weights(whole), weights(second))


def test_passes_return_when_all_have_been_read():
    songs = [np.arange(5), None, np.arange(100, 107)]
    table = ResidentSongs(lambda place, plain: None if plain else songs[place % 3], 3, 2, CPU, [np.array([41, 42])])
    assert table.places(1) is None
    assert table.places(0, plain=True) is None
    for place, song in ((0, 0), (2, 2), (3, 0), (6, 0), (8, 2)):
        places = torch.from_numpy(table.places(place))
        np.testing.assert_array_equal(table.inputs(places), songs[song])
        np.testing.assert_array_equal(table.targets(places), songs[song])
    np.testing.assert_array_equal(table.inputs(torch.from_numpy(table.streams[0])), [41, 42])
    np.testing.assert_array_equal(table.songs(table.streams)[0], [41, 42])
    with pytest.raises(LakhnesError, match="at most 32767"):
        ResidentSongs(lambda place, plain: np.array([40_000]), 1, 1, CPU, [])
    with pytest.raises(LakhnesError, match="no song"):
        ResidentSongs(lambda place, plain: None, 1, 1, CPU, [])


def test_the_preset_for_a_device_trains_a_model_of_rows(tmp_path, run):
    for split in ("train", "valid"):
        (tmp_path / "data" / split).mkdir(parents=True)
        for number in range(6):
            (tmp_path / "data" / split / f"{number}.tx3.txt").write_text(song_text(12, (60 + number, 64, 67, 72)))
    shape = dataclasses.asdict(row_model().config) | {"score_state": True}
    given = "".join(f"{name} = {str(value).lower()}\n" for name, value in shape.items() if name != "vocabulary")
    (tmp_path / "run.toml").write_text(f"[model]\n{given}")
    command = ["train", tmp_path / "data", "-o", tmp_path / "run", "--preset", "gpu", "--config", tmp_path / "run.toml"]
    small = ["--batch-size", 2, "--tgt-len", 16, "--mem-len", 32, "--steps", 4, "--device", "cpu"]
    trained = run(*command, *small)
    assert trained.exit_code == 0, trained.output
    assert load_model(tmp_path / "run" / "model").config.score_state
    assert [line["step"] for line in read_log(tmp_path / "run" / "log.jsonl") if "loss" in line] == [1, 2, 4]


def test_where_a_segment_cannot_be_recorded_the_run_goes_on_without_graphs(trainer):
    usual = trainer("usual")
    usual.run()
    run, notes = trainer("without"), []
    run.graphs = CapturedLoss(SegmentLoss(run.model, run.dtype), run.model.parameters(), Unable())
    run.note = notes.append
    run.run()
    assert len(notes) == 1
    assert notes[0].startswith("steps are computed without graphs: ")
    assert torch.equal(weights(usual), weights(run))


def test_a_run_whose_segments_are_replayed_is_the_run_that_computes_them(trainer):
    surely = dataclasses.replace(TINY, dropout=0.0)  # what is computed before it is recorded draws numbers
    usual = trainer("usual", model=surely)
    usual.run()
    run, recorder = trainer("replayed", model=surely), Recorder()
    run.graphs = CapturedLoss(SegmentLoss(run.model, run.dtype), run.model.parameters(), recorder)
    run.run()
    assert torch.equal(weights(usual), weights(run))
    assert 1 < len(recorder.replayed) < sum(recorder.replayed) == run.step  # one record for each length of the memory


@pytest.mark.skipif(not torch.cuda.is_available(), reason="graphs need a CUDA device")
def test_a_replayed_segment_has_the_loss_memory_and_gradients_of_a_computed_one():
    device = torch.device("cuda")
    torch.manual_seed(1)
    model = build(dataclasses.replace(TINY, dropout=0.0)).to(device)
    loss = SegmentLoss(model, torch.float32)
    captured, memory, memory_there = CapturedLoss(loss, model.parameters(), CudaRecorder(device)), None, None
    for step in range(6):
        ids = torch.randint(0, TINY.vocab_size, (2, 17), generator=torch.Generator().manual_seed(step)).to(device)
        model.zero_grad(set_to_none=True)
        expected, memory = loss(ids[:, :-1], ids[:, 1:], memory, 32)
        expected.backward()
        gradients = [parameter.grad.clone() for parameter in model.parameters()]
        found, memory_there = captured.backward(ids[:, :-1], ids[:, 1:], memory_there, 32)
        torch.testing.assert_close(found, expected.detach(), atol=1e-4, rtol=0)
        torch.testing.assert_close(memory_there, memory, atol=1e-4, rtol=0)
        for parameter, gradient in zip(model.parameters(), gradients, strict=True):
            torch.testing.assert_close(parameter.grad, gradient, atol=1e-3, rtol=1e-2)
