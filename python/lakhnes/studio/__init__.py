"""The studio and the servers: compose, hear, see and change songs in a browser, or from any program by HTTP.

`lakhnes.studio.api` is the application (Starlette); `lakhnes.studio.table` lists its routes and their parameters, from
which requests are checked and ``/openapi.json`` is written. `lakhnes.studio.rpc` is the synthesis server of LakhNES and
needs nothing but the standard library.
"""

from lakhnes.extras import need

__all__ = ["check_extra"]


def check_extra() -> None:
    """Refuse to go on without the packages of the extra ``studio``.

    Raises
    ------
    MissingExtraError
        If one is missing; the message says how to install it.
    """
    for package in ("python_multipart", "starlette", "uvicorn"):
        need(package, "studio")
