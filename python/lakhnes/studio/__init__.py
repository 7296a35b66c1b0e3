"""The studio and the servers: compose, hear, see and change songs in a browser, or from any program by HTTP.

`lakhnes.studio.api` is the application (Starlette); `lakhnes.studio.table` lists its routes and their parameters, from
which requests are checked and ``/openapi.json`` is written. `lakhnes.studio.rpc` is the synthesis server of LakhNES and
needs nothing but the standard library.
"""

from lakhnes.errors import LakhnesError

__all__ = ["check_extra"]


def check_extra() -> None:
    """Refuse to go on without the packages of the extra ``studio``.

    Raises
    ------
    LakhnesError
        If one is missing; the message says how to install it.
    """
    try:
        import python_multipart  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        raise LakhnesError(f"this needs the package {error.name}: pip install 'lakhnes[studio]'") from None
