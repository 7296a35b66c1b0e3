"""The page of the studio and its sessions: the routes that only the page calls."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from lakhnes import __version__
from lakhnes._native import RegisterLog, Song
from lakhnes.errors import FormatError
from lakhnes.files import FORMATS, WRITABLE, suffix_of
from lakhnes.songs import encode
from lakhnes.studio.api import Service, body_of, file_response
from lakhnes.studio.opening import opened_bytes
from lakhnes.studio.operations import File, bytes_of, song_of
from lakhnes.studio.scores import score_of
from lakhnes.studio.sessions import Sessions

__all__ = ["EXPORTS", "PAGE", "Pages"]

PAGE = Path(__file__).with_name("page")
"""The folder of the page's files."""

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

EXPORTS = ("wav", "flac", "ogg", "mid", "nsf", "vgm", "tx1", "tx2", "tx3", "ftm", "fms")
"""The formats of a ZIP of everything."""


class Pages:
    """The routes of the page.

    Parameters
    ----------
    sessions : Sessions
    opened : str, optional
        The session that is shown first.
    """

    def __init__(self, sessions: Sessions, opened: str | None = None) -> None:
        self._sessions, self._opened = sessions, opened
        self._service: Service

    def routes(self, service: Service) -> list[BaseRoute]:
        """Return the routes of the page."""
        self._service = service
        return [
            Route("/", self._index),
            Route("/favicon.ico", self._icon),
            Route("/page/{name}", self._file),
            Route("/studio", self._facts),
            Route("/sessions", self._list, methods=["GET"]),
            Route("/sessions", self._create, methods=["POST"]),
            Route("/sessions/{id}", self._get, methods=["GET"]),
            Route("/sessions/{id}", self._change, methods=["PATCH"]),
            Route("/sessions/{id}", self._delete, methods=["DELETE"]),
            Route("/sessions/{id}/states", self._add, methods=["POST"]),
            Route("/sessions/{id}/export", self._export, methods=["POST"]),
        ]

    async def _index(self, request: Request) -> Response:
        return FileResponse(PAGE / "index.html", media_type=TYPES[".html"], headers={"cache-control": "no-cache"})

    async def _icon(self, request: Request) -> Response:
        return FileResponse(PAGE / "icon.svg", media_type=TYPES[".svg"])

    async def _file(self, request: Request) -> Response:
        name = request.path_params["name"]
        known = {path.name: path for path in PAGE.iterdir() if path.suffix in TYPES}
        if name not in known:
            raise HTTPException(404, "the page has no such file")
        return FileResponse(known[name], media_type=TYPES[known[name].suffix], headers={"cache-control": "no-cache"})

    async def _facts(self, request: Request) -> Response:
        """Say what the page has to know when it opens."""
        readable = [suffix for row in FORMATS.values() if row.readable for suffix in row.suffixes]
        formats = [{"name": name, "suffix": suffix_of(name)} for name in WRITABLE]
        models = await run_in_threadpool(self._service.models.facts)
        facts = {"version": __version__, "opened": self._opened, "models": models}
        return JSONResponse(facts | {"readable": readable, "formats": formats})

    async def _list(self, request: Request) -> Response:
        return JSONResponse({"sessions": await run_in_threadpool(self._sessions.listed)})

    async def _create(self, request: Request) -> Response:
        given = await body_of(request)
        return JSONResponse(await run_in_threadpool(self._sessions.create, _text(given, "name")), 201)

    async def _get(self, request: Request) -> Response:
        return await self._answer(request.path_params["id"])

    async def _change(self, request: Request) -> Response:
        identity, given = request.path_params["id"], await body_of(request)
        if "name" in given:
            await run_in_threadpool(self._sessions.rename, identity, _text(given, "name"))
        if "current" in given:
            await run_in_threadpool(self._sessions.move, identity, given["current"])
        return await self._answer(identity)

    async def _delete(self, request: Request) -> Response:
        await run_in_threadpool(self._sessions.delete, request.path_params["id"])
        return JSONResponse({})

    async def _add(self, request: Request) -> Response:
        """Add a state: the song of an answer, a file, or what the page made of the present song."""
        identity, given = request.path_params["id"], await body_of(request)
        lineage = given.get("lineage", {})
        if not isinstance(lineage, Mapping):
            raise FormatError("lineage: expected an object")

        def add() -> None:
            song, told = self._read(identity, given.get("song"))
            self._sessions.add(identity, song, _text(given, "label", told), lineage)

        await self._work(request, add)
        return await self._answer(identity)

    def _read(self, identity: str, given: Any) -> tuple[Song, str]:
        """Return the song of a new state.

        A score without a file is one over the song of a state, of this session if none is named; without a score it is
        that song itself.
        """
        if isinstance(given, Mapping) and given.get("data") is None and given.get("over") is not None:
            data = self._sessions.song(str(given.get("session", identity)), given["over"]).to_midi()
            given = {**given, "data": data, "format": "mid"}
        if isinstance(given, Mapping) and given.get("format") == "mid" and given.get("name"):
            return opened_bytes(bytes_of(given.get("data")), str(given["name"])[:100])
        played, name = song_of(given)
        song = played.transcribe() if isinstance(played, RegisterLog) else played
        loop = given.get("loop_start") if isinstance(given, Mapping) else None
        if loop is not None:
            song = song.with_loop(int(loop) if int(loop) >= 0 else None)
        return song, f"opened {name}"

    async def _export(self, request: Request) -> Response:
        """Answer with the present song in a format, or in all of them as a ZIP with its lineage."""
        identity, given = request.path_params["id"], await body_of(request)
        format = given.get("format")
        if format != "zip" and format not in WRITABLE:
            raise FormatError(f"format: expected zip or one of {' '.join(WRITABLE)}")
        if format == "zip":
            name, data = await self._work(request, lambda: self._zip(identity))
            disposition = {"content-disposition": f'attachment; filename="{name}.zip"'}
            return Response(data, media_type="application/zip", headers=disposition)
        return file_response(await self._work(request, lambda: self._file_of(identity, format)), False)

    def _file_of(self, identity: str, format: str) -> File:
        facts, song = self._sessions.get(identity), self._sessions.song(identity)
        return File(encode(song, format, expression="natural", title=facts["name"]), format, _file_name(facts["name"]))

    def _zip(self, identity: str) -> tuple[str, bytes]:
        facts, song = self._sessions.get(identity), self._sessions.song(identity)
        name, file = _file_name(facts["name"]), io.BytesIO()
        lineage = {"name": facts["name"], "version": __version__, "states": self._sessions.lineage(identity)}
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for format in EXPORTS:
                data = encode(song, format, expression="natural", title=facts["name"])
                archive.writestr(f"{name}/{name}{suffix_of(format)}", data)
            archive.writestr(f"{name}/lineage.json", json.dumps(lineage, indent=2))
        return name, file.getvalue()

    async def _work(self, request: Request, work: Callable[[], Any]) -> Any:
        """Do work in the queue, within its limits."""
        job = self._service.working.add(lambda job: work())
        return await self._service.finished(job, request)

    async def _answer(self, identity: str) -> Response:
        """Answer with a session and the score of its present state."""

        def read() -> dict[str, Any]:
            facts = self._sessions.get(identity)
            score = None if facts["current"] is None else score_of(self._sessions.song(identity))
            return facts | {"score": score}

        return JSONResponse(await run_in_threadpool(read))


def _text(given: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = given.get(name, default)
    if not isinstance(value, str) or not value.strip():
        raise FormatError(f"{name}: expected a text")
    return " ".join(value.split())


def _file_name(name: str) -> str:
    """Return a name for files: letters and numbers of ASCII, and hyphens."""
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name.lower())
    return "-".join(part for part in kept.split("-") if part)[:60] or "song"
