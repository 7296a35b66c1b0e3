"""The page for listeners and what it asks for, as an ASGI application (Starlette).

The secret of a listener's link stands behind the ``#`` of the address, which no browser sends; the page hands it over
in the header ``Authorization``. Whatever is asked for is the listener's own present step: clips are named by step and
side alone, so that neither conditions nor files nor other listeners can be seen or guessed.
"""

from __future__ import annotations

import html
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakhnes.extras import load
from lakhnes.files import FORMATS
from lakhnes.study.creation import DEFAULT_TEXTS, TEXTS, Study
from lakhnes.study.steps import Steps, UnheardError
from lakhnes.study.store import ANSWERS, Store, id_of
from lakhnes.study.texts import Texts

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["Server", "answer_requests", "listen"]

PAGE = Path(__file__).with_name("page")

FILES = {"/study.js": "text/javascript", "/study.css": "text/css"}

MAX_BODY = 16 * 2**10
"""Bytes of a request at the most."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; media-src blob:; img-src data:;"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every reply: no code and no style but the page's own files, nothing from elsewhere, nothing kept."""


class Server:
    """What listeners may do in a study.

    Parameters
    ----------
    study : Study
    store : Store
    texts : Texts
    """

    def __init__(self, study: Study, store: Store, texts: Texts) -> None:
        self.study, self.store, self.texts = study, store, texts
        self._steps: dict[int, Steps] = {}

    @classmethod
    def open(cls, folder: Path) -> Server:
        """Open the study of a folder.

        Raises
        ------
        LakhnesError
            If a file of it is damaged, or a package is not installed.
        OSError
            If a file of it is missing.
        """
        load("starlette", "study")
        study = Study.open(folder)
        texts = Texts.read(folder / TEXTS, like=DEFAULT_TEXTS)
        return cls(study, Store(folder / ANSWERS), texts)

    def invite(self, count: int) -> list[str]:
        """Add listeners; return their secrets, fewer than `count` where the limit is met."""
        secrets = (self.store.enrol(self.study.plan.limit) for _ in range(count))
        return [secret for secret in secrets if secret is not None]

    def app(self) -> Starlette:
        """Return the application."""
        from starlette.applications import Starlette
        from starlette.middleware import Middleware
        from starlette.routing import Route

        routes = [
            Route("/", self._index),
            *(Route(path, self._file) for path in FILES),
            Route("/api/study", self._about),
            Route("/api/listeners", self._enrol, methods=["POST"]),
            Route("/api/state", self._state),
            Route("/api/clip/{step:int}/{side:int}", self._clip),
            Route("/api/answer", self._answer, methods=["POST"]),
        ]
        return Starlette(routes=routes, middleware=[Middleware(_Headers)], max_body_size=MAX_BODY)

    def steps(self, slot: int) -> Steps:
        """Return the steps of one of the plan's listeners."""
        if slot not in self._steps:
            self._steps[slot] = Steps(self.study, self.texts, slot)
        return self._steps[slot]

    def state(self, listener: str, slot: int) -> dict[str, Any]:
        """Return where a listener is."""
        steps, step = self.steps(slot), self.store.next_step(listener)
        if step >= len(steps):
            return {"kind": "done", "step": step, "code": self.store.code(listener)}
        return steps.describe(step)

    def answer(self, listener: str, slot: int, step: Any, value: Any) -> tuple[int, dict[str, Any]]:
        """Keep an answer; return the HTTP status and where the listener is then.

        An answer to an earlier step is one that was sent again: what was kept first stays.
        """
        following = self.store.next_step(listener)
        if isinstance(step, bool) or not isinstance(step, int) or not 0 <= step <= following:
            return 409, {"error": f"step: expected {following}"} | self.state(listener, slot)
        if step == following and step < len(self.steps(slot)):
            try:
                self.steps(slot).check(step, value, self.store.heard(listener, step))
            except UnheardError:
                return 409, {"error": "unheard"}
            except ValueError as error:
                return 400, {"error": f"value: {error}"}
            self.store.answer(listener, step, value)
        return 200, self.state(listener, slot)

    def _listener(self, request: Request) -> tuple[str, int] | None:
        """Return the id and the slot of who asks, by the secret in the header."""
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            return None
        listener = id_of(secret)
        slot = self.store.slot(listener)
        return None if slot is None or slot >= len(self.study.listeners) else (listener, slot)

    def _index(self, request: Request) -> Response:
        from starlette.responses import HTMLResponse

        page = (PAGE / "index.html").read_text(encoding="utf-8")
        for name, words in (
            ("language", self.texts.language), ("title", self.study.plan.title),
            ("loading", self.texts.words["loading"]), ("noscript", self.texts.words["noscript"]),
        ):  # fmt: skip
            page = page.replace(f"{{{{{name}}}}}", html.escape(words))
        return HTMLResponse(page)

    def _file(self, request: Request) -> Response:
        from starlette.responses import Response

        path = request.url.path
        return Response((PAGE / path[1:]).read_bytes(), media_type=FILES[path])

    def _about(self, request: Request) -> Response:
        plan = self.study.plan
        questions = [
            {"id": each.id, "question": each.question, "options": each.options} for each in self.texts.questions
        ]
        return _json(
            {
                "title": plan.title, "design": plan.design, "signup": plan.page.signup, "contact": plan.page.contact,
                "minutes": self.steps(0).minutes(), "words": self.texts.words, "questions": questions,
            }
        )  # fmt: skip

    def _enrol(self, request: Request) -> Response:
        plan = self.study.plan
        secret = self.store.enrol(plan.limit) if plan.page.signup == "open" else None
        return _json({"secret": secret}) if secret is not None else _json({"error": "closed"}, 403)

    def _state(self, request: Request) -> Response:
        known = self._listener(request)
        return _json(self.state(*known)) if known else _json({"error": "unknown"}, 401)

    def _clip(self, request: Request) -> Response:
        from starlette.responses import Response

        known = self._listener(request)
        if known is None:
            return _json({"error": "unknown"}, 401)
        listener, slot = known
        steps, step, side = self.steps(slot), request.path_params["step"], request.path_params["side"]
        if step != self.store.next_step(listener) or step >= len(steps) or side >= len(steps.clips(step)):
            return _json({"error": "not this step's"}, 404)
        sound = self.study.file_of(steps.clips(step)[side]).read_bytes()
        self.store.hear(listener, step, side)
        return Response(sound, media_type=FORMATS[self.study.plan.clips.format].mime)

    async def _answer(self, request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool

        try:
            given = await request.json()
            step, value = given["step"], given["value"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return _json({"error": "expected an object with step and value"}, 400)
        return await run_in_threadpool(self._answered, request, step, value)

    def _answered(self, request: Request, step: Any, value: Any) -> Response:
        known = self._listener(request)
        if known is None:
            return _json({"error": "unknown"}, 401)
        status, facts = self.answer(*known, step, value)
        return _json(facts, status)


def _json(facts: dict[str, Any], status: int = 200) -> Response:
    from starlette.responses import JSONResponse

    return JSONResponse(facts, status)


class _Headers:
    """Middleware that adds `HEADERS` to every reply."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app
        self.headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *self.headers]
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


def listen(host: str, port: int) -> socket.socket:
    """Open the socket of a server; port 0 takes a free one.

    Raises
    ------
    OSError
        If the address is not to be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        opened = socket.create_server((host, port), family=family, backlog=512)
    except OSError as error:
        raise OSError(f"{host}:{port}: {error.strerror or error}") from None
    # For each connection: without it, Nagle's algorithm delays an answer until the client acknowledges its head.
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


def answer_requests(server: Server, opened: socket.socket) -> None:
    """Answer requests until the process is interrupted."""
    uvicorn = load("uvicorn", "study")
    config = uvicorn.Config(server.app(), log_level="warning", access_log=False, server_header=False)
    try:
        uvicorn.Server(config).run(sockets=[opened])
    finally:
        server.store.close()
