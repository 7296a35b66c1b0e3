"""A server of the studio in a thread of the test, with a small model."""

import contextlib
import threading
import time

import httpx
import uvicorn

from lakhnes.studio.api import Service, application
from lakhnes.studio.operations import Models
from lakhnes.studio.pages import Pages
from lakhnes.studio.serving import listen
from lakhnes.studio.sessions import Sessions


class FixedModels(Models):
    """Models that are there already."""

    def __init__(self, **models):
        super().__init__(tuple(models))
        self._loaded = dict(models)


@contextlib.contextmanager
def served(model, folder=None, *, token=None, hosts=("127.0.0.1", "localhost"), **limits):
    """Serve; give the address, and the service."""
    service = Service(FixedModels(tiny=model), **limits)
    extra = None if folder is None else Pages(Sessions(folder)).routes
    listener = listen("127.0.0.1", 0)
    app = application(service, hosts=hosts, token=token, extra=extra)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        for _ in range(200):
            with contextlib.suppress(httpx.HTTPError):
                httpx.get(f"{address}/health", timeout=5)
                break
            time.sleep(0.05)
        yield address, service
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        listener.close()
