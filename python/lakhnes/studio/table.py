"""The routes of the HTTP API and their parameters: one table, by which requests are checked and OpenAPI is written."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any, Literal, get_args

from lakhnes.errors import FormatError
from lakhnes.files import AUDIO_FORMATS, PLAYABLE, WRITABLE
from lakhnes.model.engine import DTYPES
from lakhnes.sampling.params import CONTINUATION, SONG
from lakhnes.songs import Expression, Filter, Mixer
from lakhnes.units import VOICES

__all__ = ["ROUTES", "Parameter", "Route", "openapi"]

Kind = Literal["integer", "number", "boolean", "string", "strings", "mapping", "song"]

MOST_SONGS = 8
"""Songs of one request."""

MOST_SECONDS = 600.0
"""Seconds of music that one request composes at the most."""

MOST_EVENTS = 20_000
"""Events of one request's song at the most."""


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A parameter of a request.

    Attributes
    ----------
    name, text : str
    kind : str
        What it is; a ``song`` is an object, see the documentation, or an uploaded file.
    default
        Its value where it is not given; None may stand for one that the library chooses.
    least, most : float, optional
        Its range.
    choices : tuple of str
        What a string, or each of several, may be; empty for anything.
    required : bool
    """

    name: str
    kind: Kind
    text: str
    default: Any = None
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    required: bool = False

    def read(self, value: Any) -> Any:
        """Return a value that was given; that of a form is a string.

        Raises
        ------
        FormatError
            If it is not such a value; the message says what is expected.
        """
        if isinstance(value, str) and self.kind not in ("string", "song"):
            value = self._from_form(value)
        if not self._fits(value):
            raise FormatError(f"{self.name}: expected {self.expected()}")
        return float(value) if self.kind == "number" else value

    def _from_form(self, text: str) -> Any:
        if self.kind == "strings" and not text.startswith("["):
            return [part.strip() for part in text.split(",")]
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text

    def _fits(self, value: Any) -> bool:
        if self.kind in ("integer", "number"):
            number = isinstance(value, int if self.kind == "integer" else (int, float)) and not isinstance(value, bool)
            return number and self._in_range(value)
        if self.kind == "boolean":
            return isinstance(value, bool)
        if self.kind == "string":
            return isinstance(value, str) and len(value) <= 200 and (not self.choices or value in self.choices)
        if self.kind == "strings":
            return isinstance(value, list) and all(isinstance(item, str) and item in self.choices for item in value)
        if self.kind == "mapping":
            return isinstance(value, dict) and all(isinstance(v, str) and k in VOICES for k, v in value.items())
        return True

    def _in_range(self, value: float) -> bool:
        if isinstance(value, int) and abs(value) > 2**63:
            return False
        above = self.least is None or value >= self.least
        return math.isfinite(value) and above and (self.most is None or value <= self.most)

    def expected(self) -> str:
        """Say what it has to be."""
        if self.choices:
            return f"{'some' if self.kind == 'strings' else 'one'} of {', '.join(self.choices)}"
        what = {
            "integer": "a whole number",
            "number": "a number",
            "boolean": "true or false",
            "string": "a text of at most 200 characters",
            "mapping": "an object with texts for some of p1, p2, tr, no",
        }.get(self.kind, "a song")
        bounds = [f"at least {self.least:g}"] if self.least is not None else []
        bounds += [f"at most {self.most:g}"] if self.most is not None else []
        return what + (" of " + ", ".join(bounds) if bounds else "")

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        if self.kind == "song":
            return {"$ref": "#/components/schemas/Song"}
        kinds = {"strings": "array", "mapping": "object"}
        schema: dict[str, Any] = {"type": kinds.get(self.kind, self.kind), "description": self.text}
        if self.kind == "strings":
            schema["items"] = {"type": "string", "enum": list(self.choices)}
        elif self.kind == "mapping":
            schema["additionalProperties"] = {"type": "string"}
        elif self.choices:
            schema["enum"] = list(self.choices)
        bounds = {"minimum": self.least, "maximum": self.most, "default": self.default}
        return schema | {name: value for name, value in bounds.items() if value is not None}


@dataclasses.dataclass(frozen=True)
class Route:
    """A route of the API.

    Attributes
    ----------
    path, method, text : str
    parameters : tuple of Parameter
    answer : str
        ``"json"``; ``"songs"``, which may also be streamed; or ``"file"``, the bytes themselves.
    """

    path: str
    text: str
    method: str = "POST"
    parameters: tuple[Parameter, ...] = ()
    answer: Literal["json", "songs", "file"] = "json"

    def read(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters of a request, with defaults for those that are not given (or null).

        Raises
        ------
        FormatError
            If one is unknown, missing, or not what it has to be.
        """
        names = [parameter.name for parameter in self.parameters]
        for name in given:
            if name not in names:
                raise FormatError(f"{str(name)[:50]}: no parameter of {self.path}; expected {', '.join(names)}")
        values = {}
        for parameter in self.parameters:
            value = given.get(parameter.name)
            if value is None and parameter.required:
                raise FormatError(f"{parameter.name}: missing; expected {parameter.expected()}")
            values[parameter.name] = parameter.default if value is None else parameter.read(value)
        return values


_SONG = Parameter("song", "song", "The song.", required=True)
_VOICES = Parameter("voices", "strings", "The voices.", choices=VOICES)
_MODEL = Parameter("model", "string", "One of those that /models lists.")
_SEED = Parameter("seed", "integer", "Song i is that of seed + i; a new one if not given.", least=0, most=2**53)
_NUM = Parameter("num", "integer", "How many songs, alternatives to each other.", 1, 1, MOST_SONGS)
_STREAM = Parameter("stream", "boolean", "Answer with server-sent events while it is composed.", False)
_FORMAT = Parameter("format", "string", "Of the songs in the answer.", "mid", choices=WRITABLE)
_SAMPLING = (
    Parameter("temperature", "number", "Higher is more varied; 0: the most likely event.", SONG.temperature, 0, 10),
    Parameter("top_k", "integer", "Sample from the k most likely events (0: all).", SONG.top_k or 0, 0, 100_000),
    Parameter("top_p", "number", "Sample from the most likely events that together reach p.", None, 0, 1),
    Parameter("min_p", "number", "Sample from events at least p times as likely as the first.", None, 0, 1),
    Parameter("typical_p", "number", "Sample from the most typical events that reach p.", SONG.typical_p, 0, 1),
    Parameter("dtype", "string", "How numbers are stored; int8 is several times as fast on the CPU.", choices=DTYPES),
)
_COMMON = (*_SAMPLING, _SEED, _NUM, _MODEL, _FORMAT, _STREAM)
_SECONDS = Parameter("seconds", "number", "Seconds of music at the most.", 30.0, 0.5, MOST_SECONDS)
_MIN_DURATION = Parameter("min_duration", "number", "Seconds before a song may end by itself.", None, 0, MOST_SECONDS)
_LENGTH = Parameter("length", "integer", "Events at the most.", None, 1, MOST_EVENTS)
_PASSAGE = (
    Parameter("start", "number", "Where the passage begins, in seconds; the beginning if not given.", least=0),
    Parameter("end", "number", "Where it ends, in seconds; the end if not given.", least=0),
)
_REPETITION = Parameter(
    "repetition",
    "number",
    "Nats by which what an earlier bar predicts is more probable; below 0: less repetition.",
    SONG.repetition,
    -100,
    100,
)
_CONTROLS = (
    Parameter("tempo", "number", "Beats a minute.", least=30, most=500),
    Parameter("key", "string", "Such as A minor or Eb major."),
    Parameter("density", "mapping", "How many notes a voice plays: none, low, mid, high."),
    Parameter("register", "mapping", "How high a voice is: low, mid, high."),
    dataclasses.replace(_VOICES, text="The voices that play; all if not given."),
    Parameter("loop", "boolean", "Whether the song goes on after its end.", False),
)
_SOUND = (
    Parameter("rate", "integer", "Samples a second.", 44_100, 8_000, 192_000),
    Parameter("mixer", "string", "How voices add up.", "nes", choices=get_args(Mixer)),
    Parameter("filter", "string", "The console's output filter.", "nes", choices=get_args(Filter)),
    Parameter("expression", "string", "How scores without dynamics are played.", "plain", choices=get_args(Expression)),
    Parameter("loops", "integer", "How often a loop is played.", 1, 1, 100),
    Parameter("fade", "number", "Fade after the loops, in seconds.", 0.0, 0, 60),
    Parameter("downsample", "number", "Reduce the score to a frame rate in Hz first.", least=1, most=44_100),
)
_BASE64 = Parameter("base64", "boolean", "Answer with JSON that holds the file in base64.", False)

ROUTES = (
    Route("/health", "Whether the server is there, and how long its queue is.", "GET"),
    Route("/models", "The models that compose here, their vocabularies, and what may be asked of a song.", "GET"),
    Route(
        "/generate",
        "Compose new songs.",
        parameters=(_SECONDS, _MIN_DURATION, _LENGTH, _REPETITION, *_CONTROLS, *_COMMON),
        answer="songs",
    ),
    Route(
        "/continue",
        "Continue a song from some second on; what is before it stays.",
        parameters=(
            _SONG,
            Parameter("start", "number", "From where it is continued, in seconds; its end if not given.", least=0),
            dataclasses.replace(_SECONDS, default=None, text="Seconds that are added at the most."),
            dataclasses.replace(
                _LENGTH, text=f"Events that are added at the most; {CONTINUATION.length} without seconds."
            ),
            _REPETITION,
            *_COMMON,
        ),
        answer="songs",
    ),
    Route(
        "/accompany",
        "Choose new pitches for the pulses and the triangle, in a passage; the rhythm stays.",
        parameters=(_SONG, _VOICES, *_PASSAGE, *_COMMON),
        answer="songs",
    ),
    Route(
        "/infill",
        "Write a passage of some voices again; the rest of the song stays as it is.",
        parameters=(_SONG, dataclasses.replace(_VOICES, required=True), *_PASSAGE, *_COMMON),
        answer="songs",
    ),
    Route(
        "/arrange",
        "Make a song of four voices of any MIDI file, and report which notes found none.",
        parameters=(
            _SONG,
            Parameter("arpeggio", "boolean", "Play the rest of a chord as an arpeggio.", False),
            _FORMAT,
        ),
    ),
    Route(
        "/render",
        "Play a song on the chip.",
        parameters=(
            _SONG,
            Parameter("format", "string", "Of the sound.", "wav", choices=AUDIO_FORMATS),
            Parameter("stems", "boolean", "A channel a voice, p1 p2 tr no (and the sample channel).", False),
            *_SOUND,
            _BASE64,
        ),
        answer="file",
    ),
    Route(
        "/convert",
        "Turn a song into another format.",
        parameters=(
            _SONG,
            Parameter("format", "string", "What it becomes.", choices=WRITABLE, required=True),
            Parameter("title", "string", "What an NSF file is called."),
            *_SOUND,
            _BASE64,
        ),
        answer="file",
    ),
)
"""Every route of the API."""

_SONG_SCHEMA = {
    "description": "The bytes of a file and its format; or the score of a page, over such a file if it names one.",
    "type": "object",
    "properties": {
        "data": {"type": "string", "contentEncoding": "base64"},
        "format": {"type": "string", "enum": list(PLAYABLE)},
        "score": {
            "type": "object",
            "description": "Its length in ticks of 1/44,100 s; of each voice the notes: start, end, pitch, velocity.",
            "properties": {
                "length": {"type": "integer", "minimum": 1},
                "voices": {
                    "type": "object",
                    "additionalProperties": {
                        "type": "array",
                        "items": {"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 5},
                    },
                },
            },
        },
    },
}


def openapi(version: str) -> dict[str, Any]:
    """Return the description of the API (OpenAPI 3.1) of a version of the package."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "lakhnes", "version": version, "license": {"name": "MIT", "identifier": "MIT"}},
        "paths": paths,
        "components": {
            "schemas": {
                "Song": _SONG_SCHEMA,
                "Error": {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]},
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    content: dict[str, Any] = {"application/json": {"schema": {"type": "object"}}}
    if route.answer == "songs":
        content["text/event-stream"] = {"schema": {"type": "string"}}
    if route.answer == "file":
        content["application/octet-stream"] = {"schema": {"type": "string", "format": "binary"}}
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    operation: dict[str, Any] = {
        "summary": route.text,
        "operationId": route.path.strip("/"),
        "responses": {
            "200": {"description": "Done.", "content": content},
            "4XX": {"description": "Refused, with a sentence that says why.", "content": error},
        },
    }
    if route.parameters:
        schema = {
            "type": "object",
            "properties": {parameter.name: parameter.schema() for parameter in route.parameters},
            "required": [parameter.name for parameter in route.parameters if parameter.required],
        }
        kinds = {"application/json": {"schema": schema}, "multipart/form-data": {"schema": schema}}
        operation["requestBody"] = {"required": True, "content": kinds}
    return operation
