"""What each route of the API does with its parameters; nothing here knows of HTTP."""

from __future__ import annotations

import base64
import binascii
import io
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lakhnes import _native
from lakhnes._native import RegisterLog, Song, Vocabulary
from lakhnes.arranging import arrange
from lakhnes.audio import open_encoder
from lakhnes.checkpoint import load_model
from lakhnes.errors import FormatError
from lakhnes.files import FORMATS, PLAYABLE, base_name, format_of, suffix_of
from lakhnes.model.config import TransformerXLConfig
from lakhnes.model.engine import DTYPES
from lakhnes.model.model import Model
from lakhnes.sampling import accompany, continue_song, generate, infill
from lakhnes.sampling.composing import new_seed
from lakhnes.songs import decode, encode, render
from lakhnes.studio.jobs import Job
from lakhnes.studio.scores import cut, edited, repitched, score_of
from lakhnes.studio.watching import Watch, WatchedModel
from lakhnes.units import TICKS_PER_SECOND, VOICES

__all__ = ["COMPOSING", "WORKING", "File", "Models", "bytes_of", "song_of", "vocabulary_of"]

LONGEST_SOUND = 3600.0
"""Seconds of sound of one request at the most."""

WHOLE = 1_000_000
"""Events of a prime, or of a song that gets new pitches: all of them."""

CONTROLS = ("tempo", "key", "density", "register", "voices", "loop")
"""What may be asked of a song, where library and model know it."""


class File:
    """A file as an answer.

    Parameters
    ----------
    data : bytes
    format : str
        One of `lakhnes.files.FORMATS`.
    name : str
        Without its suffix.
    """

    def __init__(self, data: bytes, format: str, name: str) -> None:
        self.data, self.format, self.name = data, format, f"{name}{suffix_of(format)}"
        self.mime = FORMATS[format].mime


class Models:
    """The models that compose here, each loaded at its first use.

    Parameters
    ----------
    names : sequence of str
        As `lakhnes.load_model` takes them; the first is that of requests which name none.
    device : str
        See `lakhnes.load_model`.
    """

    def __init__(self, names: Sequence[str] = ("bundled",), device: str = "auto") -> None:
        self.names, self._device = tuple(dict.fromkeys(names)), device
        self._loaded: dict[str, Model] = {}
        self._lock = threading.Lock()

    def get(self, name: str | None = None) -> Model:
        """Return a model.

        Raises
        ------
        FormatError
            If it is not one of the models that compose here.
        CheckpointError
            If it cannot be loaded.
        """
        chosen = self.names[0] if name is None else name
        if chosen not in self.names:
            raise FormatError(f"model: expected one of {', '.join(self.names)}")
        with self._lock:
            if chosen not in self._loaded:
                self._loaded[chosen] = load_model(chosen, self._device)
            return self._loaded[chosen]

    def load(self) -> None:
        """Load all models, so that one that cannot be loaded is refused before anyone asks for it.

        Raises
        ------
        CheckpointError
            As `get`.
        """
        for name in self.names:
            self.get(name)

    def facts(self) -> list[dict[str, Any]]:
        """Return what a page has to know of each model."""
        return [{"name": name, **self._facts(self.get(name))} for name in self.names]

    @staticmethod
    def _facts(model: Model) -> dict[str, Any]:
        controls = [*CONTROLS, "repetition"] if model.config.vocabulary == "tx3" else []
        on_cpu = model.device in ("auto", "cpu") and isinstance(model.config, TransformerXLConfig)
        dtypes = list(DTYPES if on_cpu else DTYPES[:1])
        return {"vocabulary": model.config.vocabulary, "controls": controls, "dtypes": dtypes}


def song_of(given: Any) -> tuple[Song | RegisterLog, str]:
    """Return the song of a request, and a name for it.

    Parameters
    ----------
    given
        ``{"data": BASE64, "format": NAME}``; with ``"score"``, what a page made of it. In place of the base64, bytes.

    Raises
    ------
    FormatError, TokenError, LimitError
        If it is no song; the message says where.
    """
    if not isinstance(given, Mapping):
        raise FormatError("song: expected an object with data and format, or an uploaded file named song")
    name = base_name(str(given.get("name") or "song"))[:100] or "song"
    score = given.get("score")
    played: Song | RegisterLog | None = None
    if given.get("data") is not None:
        format = given.get("format") or format_of(str(given.get("name") or ""), PLAYABLE)
        if format not in PLAYABLE:
            raise FormatError(f"format: expected one of {' '.join(PLAYABLE)}")
        played = decode(bytes_of(given["data"]), format, name="song", score=score is not None)
    if score is not None:
        if not isinstance(score, Mapping):
            raise FormatError("score: expected an object with length and voices")
        return edited(played if isinstance(played, Song) or played is None else played.transcribe(), score), name
    if played is None:
        raise FormatError("song: expected data (a file in base64) and its format, or a score")
    return played, name


def bytes_of(data: Any) -> bytes:
    """Return the bytes of a file in a request: themselves, or from base64."""
    if isinstance(data, bytes):
        return data
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise FormatError("song: data is no base64") from None


def _score(given: Any) -> tuple[Song, str]:
    played, name = song_of(given)
    return (played if isinstance(played, Song) else played.transcribe()), name


def _composed(
    job: Job, models: Models, values: Mapping[str, Any], compose: Callable[[WatchedModel, dict[str, Any]], list[Song]]
) -> dict[str, Any]:
    """Compose, watched, and return the answer; `compose` gets the model and the options of sampling."""
    started = time.monotonic()
    job.watch = Watch(job.check)
    model = WatchedModel(models.get(values["model"]), job.watch)
    seed = new_seed() if values["seed"] is None else values["seed"]
    options = {name: values[name] for name in ("temperature", "top_p", "min_p", "typical_p")}
    options |= {"top_k": values["top_k"] or None, "seed": seed, "num": values["num"], "dtype": values["dtype"]}
    songs = compose(model, options)
    facts = []
    for index, song in enumerate(songs):
        data = base64.b64encode(encode(song, values["format"])).decode("ascii")
        facts.append(
            {
                "seed": seed + index,
                "duration": song.duration,
                "format": values["format"],
                "data": data,
                "score": score_of(song),
            }
        )
    return {"songs": facts, "seed": seed, "seconds": time.monotonic() - started}


def _course(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return how long a song may be and how much it repeats, in the words of the library."""
    return {name: values[name] for name in ("seconds", "length", "repetition") if values[name] is not None}


def _generate(job: Job, models: Models, values: Mapping[str, Any]) -> dict[str, Any]:
    asked = {name: values[name] for name in CONTROLS if values[name]}
    known = models._facts(models.get(values["model"]))["controls"]
    for name in asked:
        if name not in known:
            raise FormatError(
                f"{name}: this model does not know it; it can be asked for {', '.join(known) or 'nothing'}"
            )
    course = _course(values)
    if values["min_duration"] is not None:
        course["min_duration"] = values["min_duration"]

    def compose(model: WatchedModel, options: dict[str, Any]) -> list[Song]:
        # A song that a page has begun to play is not written again for having few voices.
        whole: dict[str, Any] = {"min_voices": 0} if values["stream"] else {}
        return generate(model, batch_size=values["num"], **options, **course, **asked, **whole)

    return _composed(job, models, values, compose)


def _continue(job: Job, models: Models, values: Mapping[str, Any]) -> dict[str, Any]:
    song, _ = _score(values["song"])
    prime = song if values["start"] is None else cut(song, _tick(values["start"], song))
    course = _course(values)

    def compose(model: WatchedModel, options: dict[str, Any]) -> list[Song]:
        return continue_song(model, prime, prime_length=WHOLE, batch_size=values["num"], **options, **course)

    return _composed(job, models, values, compose)


def _accompany(job: Job, models: Models, values: Mapping[str, Any]) -> dict[str, Any]:
    song, _ = _score(values["song"])
    voices, start, end = values["voices"] or list(VOICES), *_passage(values, song)

    def compose(model: WatchedModel, options: dict[str, Any]) -> list[Song]:
        taken = cut(song, end)
        made = accompany(model, taken, batch_size=values["num"], length=WHOLE, **options)
        return [repitched(song, version, voices, start, end) for version in made]

    return _composed(job, models, values, compose)


def _infill(job: Job, models: Models, values: Mapping[str, Any]) -> dict[str, Any]:
    song, _ = _score(values["song"])
    voices, start, end = values["voices"], *_passage(values, song)

    def compose(model: WatchedModel, options: dict[str, Any]) -> list[Song]:
        passage: dict[str, Any] = {"start": start / TICKS_PER_SECOND, "end": end / TICKS_PER_SECOND}
        return infill(model, song, voices, **passage, **options)

    return _composed(job, models, values, compose)


def _tick(seconds: float, song: Song) -> int:
    tick = round(seconds * TICKS_PER_SECOND)
    if not 0 < tick <= song.length:
        raise FormatError(f"start: {seconds:g} s, expected within the song's {song.duration:.3f} s")
    return tick


def _passage(values: Mapping[str, Any], song: Song) -> tuple[int, int]:
    """Return the passage of a request in ticks."""
    start = round((values["start"] or 0.0) * TICKS_PER_SECOND)
    end = song.length if values["end"] is None else min(round(values["end"] * TICKS_PER_SECOND), song.length)
    if not start < end:
        raise FormatError(f"start, end: expected a passage within the song's {song.duration:.3f} s")
    return start, end


def _arrange(job: Job, models: Models, values: Mapping[str, Any]) -> dict[str, Any]:
    given = values["song"]
    if not isinstance(given, Mapping) or given.get("data") is None:
        raise FormatError("song: expected a MIDI file, as data in base64 or uploaded")
    song, report = arrange(bytes_of(given["data"]), "mid", name="song", arpeggio=values["arpeggio"])
    data = base64.b64encode(encode(song, values["format"])).decode("ascii")
    return {"format": values["format"], "data": data, "score": score_of(song), "report": report}


def _render(job: Job, models: Models, values: Mapping[str, Any]) -> File:
    played, name = song_of(values["song"])
    if not values["stems"]:
        return File(encode(played, values["format"], **_sound(values)), values["format"], name)
    log = played if isinstance(played, RegisterLog) else played.perform(**_performance(values))
    chosen = {name: values[name] for name in ("filter", "loops", "fade")}
    stems = render(log, stems=True, sample_rate=values["rate"], max_duration=LONGEST_SOUND, **chosen)
    frames = np.ascontiguousarray(np.clip(np.rint(stems.T * 32_767), -32_768, 32_767).astype(np.int16))
    file = io.BytesIO()
    _native.export_samples(frames, values["rate"], file, values["format"], open_encoder)
    return File(file.getvalue(), values["format"], name)


def _convert(job: Job, models: Models, values: Mapping[str, Any]) -> File:
    played, name = song_of(values["song"])
    title = {"title": values["title"] or name}
    return File(encode(played, values["format"], **_sound(values), **title), values["format"], name)


def _performance(values: Mapping[str, Any]) -> dict[str, Any]:
    return {"expression": values["expression"], "downsample": values["downsample"]}


def _sound(values: Mapping[str, Any]) -> dict[str, Any]:
    chosen = {name: values[name] for name in ("mixer", "filter", "loops", "fade")}
    return chosen | _performance(values) | {"sample_rate": values["rate"], "max_duration": LONGEST_SOUND}


COMPOSING: dict[str, Callable[[Job, Models, Mapping[str, Any]], dict[str, Any]]] = {
    "/generate": _generate,
    "/continue": _continue,
    "/accompany": _accompany,
    "/infill": _infill,
}
"""The routes that compose: their jobs take seconds."""

WORKING: dict[str, Callable[[Job, Models, Mapping[str, Any]], dict[str, Any] | File]] = {
    "/arrange": _arrange,
    "/render": _render,
    "/convert": _convert,
}
"""The other routes that have work to do."""


def vocabulary_of(models: Models, name: str | None) -> Vocabulary:
    """Return the vocabulary of a model."""
    return Vocabulary(models.get(name).config.vocabulary)
