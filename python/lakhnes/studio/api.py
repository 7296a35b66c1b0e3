"""The HTTP API and the page's routes, as an application for any ASGI server."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import json
import math
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from typing import Any
from urllib.parse import quote

from anyio import to_thread
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from lakhnes import __version__
from lakhnes.errors import FormatError, LakhnesError, LimitError
from lakhnes.files import one_line
from lakhnes.studio import table
from lakhnes.studio.jobs import BusyError, Job, JobError, Queue
from lakhnes.studio.live import Live
from lakhnes.studio.operations import COMPOSING, WORKING, File, Models, vocabulary_of
from lakhnes.studio.security import Guard, RefusedError
from lakhnes.studio.sessions import UnknownError
from lakhnes.units import TICKS_PER_SECOND

__all__ = ["Service", "application", "body_of", "error_response", "file_response"]

LOOK_SECONDS = 0.1
"""Seconds between two looks at a song that is being composed."""

LEFT_SECONDS = 0.05
"""Seconds between two looks whether a client that waits for an answer is still there."""

ALIVE_SECONDS = 10.0
"""Seconds of silence after which a stream gets a comment, so that nobody takes it for dead."""


class Service:
    """What the routes share.

    Parameters
    ----------
    models : Models
    waiting : int
        Jobs that may wait; a further one is answered with 429.
    time_limit : float
        Seconds that a job may take.
    """

    def __init__(self, models: Models, *, waiting: int = 16, time_limit: float = 120.0) -> None:
        self.models = models
        self.composing = Queue("compose", workers=1, waiting=waiting, time_limit=time_limit)
        self.working = Queue("work", workers=2, waiting=4 * waiting, time_limit=time_limit)

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the API."""
        routes: list[BaseRoute] = [
            Route("/health", self._health),
            Route("/models", self._models),
            Route("/openapi.json", self._openapi),
        ]
        for entry in table.ROUTES:
            if entry.path in COMPOSING or entry.path in WORKING:
                routes.append(Route(entry.path, functools.partial(self._run, entry), methods=["POST"]))
        return routes

    async def _health(self, request: Request) -> Response:
        queue = {"composing": len(self.composing), "working": len(self.working)}
        return JSONResponse({"status": "ok", "version": __version__, "queue": queue})

    async def _models(self, request: Request) -> Response:
        return JSONResponse({"models": await run_in_threadpool(self.models.facts)})

    async def _openapi(self, request: Request) -> Response:
        return JSONResponse(table.openapi(__version__))

    async def _run(self, route: table.Route, request: Request) -> Response:
        values = route.read(await body_of(request))
        if route.path in WORKING:
            job = self.working.add(lambda job: WORKING[route.path](job, self.models, values))
            made = await self.finished(job, request)
            return file_response(made, values.get("base64", False)) if isinstance(made, File) else JSONResponse(made)
        job = self.composing.add(lambda job: COMPOSING[route.path](job, self.models, values))
        if values["stream"]:
            events = self._events(job, values)
            return StreamingResponse(events, media_type="text/event-stream", headers={"cache-control": "no-store"})
        return JSONResponse(_finite(await self.finished(job, request)))

    async def finished(self, job: Job, request: Request) -> Any:
        """Return what a job gives; cancel it when the client leaves."""
        ended = _ended(job)
        try:
            while not await _within(ended, LEFT_SECONDS):
                if await request.is_disconnected():
                    raise ClientDisconnect
        finally:
            if not job.done:
                job.cancel()
        return job.result()

    async def _events(self, job: Job, values: Mapping[str, Any]) -> AsyncIterator[str]:
        """Give the server-sent events of a job: ``queued``, ``progress``, then ``result`` or ``error``."""
        live: Live | None = None
        place, silent, ended = -1, 0.0, _ended(job)
        try:
            while not await _within(ended, LOOK_SECONDS):
                silent += LOOK_SECONDS
                if not job.running and (now := self.composing.place(job)) != place:
                    place, silent = now, 0.0
                    yield _event("queued", {"place": place})
                elif job.watch is not None:
                    if live is None:
                        live = await run_in_threadpool(self._live, values)
                    # What a client leaves is cancelled at once, not when its news is complete.
                    news = await to_thread.run_sync(self._news, live, job, abandon_on_cancel=True)
                    if news is not None:
                        silent = 0.0
                        yield _event("progress", news)
                if silent >= ALIVE_SECONDS:
                    silent = 0.0
                    yield ": still here\n\n"
            yield _last_event(job)
        finally:  # also when the client has left
            if not job.done:
                job.cancel()

    def _live(self, values: Mapping[str, Any]) -> Live:
        """Return what shows a composition; only a new song is heard while it is written."""
        vocabulary = vocabulary_of(self.models, values["model"])
        if "song" in values:
            return Live(vocabulary, sound=False)
        return Live(vocabulary, sound=True, most=int(values["seconds"] * TICKS_PER_SECOND))

    @staticmethod
    def _news(live: Live, job: Job) -> dict[str, Any] | None:
        """Return what is new of a composition: of a new song its notes, else how many events were read."""
        return live.news(job.watch) if live.sound else {"events": max(map(len, job.watch.ids()), default=0)}

    def close(self) -> None:
        """Cancel every job."""
        self.composing.close()
        self.working.close()


def _ended(job: Job) -> asyncio.Event:
    """Return an event that is set when a job has ended."""
    loop, event = asyncio.get_running_loop(), asyncio.Event()

    def tell(future: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(event.set)

    job.future.add_done_callback(tell)
    return event


async def _within(event: asyncio.Event, seconds: float) -> bool:
    """Return whether an event is set within some seconds."""
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()


def _last_event(job: Job) -> str:
    try:
        return _event("result", _finite(job.result()))
    except Exception as error:  # whatever a job raises is said to its client
        return _event("error", {"error": one_line(error)})


def _event(name: str, data: Any) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def _finite(value: Any) -> Any:
    """Return a value as JSON has it, which knows neither NaN nor infinity."""
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


async def body_of(request: Request) -> dict[str, Any]:
    """Return the parameters of a request: a JSON object, or a form with an uploaded song.

    Raises
    ------
    FormatError
        If the body is neither.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _form_of(request)
    if kind != "application/json":
        raise HTTPException(415, "expected a body of application/json or multipart/form-data")
    body = await request.body()
    try:
        given = await run_in_threadpool(json.loads, body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise FormatError("the body is no JSON") from None
    if not isinstance(given, dict):
        raise FormatError("the body: expected a JSON object")
    return given


def _no_constant(name: str) -> Any:
    raise ValueError(name)


async def _form_of(request: Request) -> dict[str, Any]:
    given: dict[str, Any] = {}
    async with request.form(max_files=1, max_fields=50, max_part_size=2**20) as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                given[name] = {"data": await value.read(), "name": value.filename or ""}
            elif name == "from":
                given["from"] = value
            else:
                given[name] = value
    source = given.pop("from", None)
    if source is not None and isinstance(given.get("song"), dict):
        given["song"]["format"] = source
    return given


def file_response(file: File, as_base64: bool) -> Response:
    """Answer with a file, or with JSON that holds it."""
    if as_base64:
        data = base64.b64encode(file.data).decode("ascii")
        return JSONResponse({"format": file.format, "mime": file.mime, "name": file.name, "data": data})
    headers = {"content-disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}"}
    return Response(file.data, media_type=file.mime, headers=headers)


STATUS: tuple[tuple[type[BaseException], int], ...] = (
    (UnknownError, 404),
    (LimitError, 413),
    (LakhnesError, 400),
    (ValueError, 400),
)
"""The status of each kind of error, the first that fits."""


def error_response(request: Request, error: Exception) -> Response:
    """Answer with a sentence about what went wrong."""
    if isinstance(error, BusyError):
        return JSONResponse({"error": str(error)}, 429, {"retry-after": str(error.retry_after)})
    if isinstance(error, JobError):
        return JSONResponse({"error": str(error)}, 503, {"retry-after": "1"})
    if isinstance(error, RefusedError):
        return JSONResponse({"error": str(error)}, error.status, {"connection": "close"})
    if isinstance(error, HTTPException):
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)
    if isinstance(error, ClientDisconnect):
        return Response(status_code=499)
    status = next((status for kind, status in STATUS if isinstance(error, kind)), 500)
    return JSONResponse({"error": one_line(error)}, status)


def application(
    service: Service,
    *,
    hosts: Collection[str],
    token: str | None = None,
    extra: Callable[[Service], list[BaseRoute]] | None = None,
) -> Guard:
    """Return the application.

    Parameters
    ----------
    service : Service
    hosts, token
        See `Guard`.
    extra
        Gives further routes, such as those of the page.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(service.close)

    kinds: list[Any] = [LakhnesError, ValueError, OSError, RefusedError, HTTPException, ClientDisconnect, Exception]
    app = Starlette(
        routes=[*service.routes(), *(extra(service) if extra else ())],
        exception_handlers=dict.fromkeys(kinds, error_response),
        lifespan=lifespan,
    )
    return Guard(app, hosts=hosts, token=token)
