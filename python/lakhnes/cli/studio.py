"""``lakhnes studio``: the page."""

from typing import TYPE_CHECKING

import click

from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.cli.options import from_option, token_option
from lakhnes.cli.place import Place

if TYPE_CHECKING:
    from lakhnes.studio.sessions import Sessions

__all__ = ["studio"]


@click.command()
@click.argument("file", metavar="[FILE]", required=False, type=Place())
@from_option("file")
@click.option("-m", "--model", "models", multiple=True, help="Which model composes; several are a choice.  [bundled]")
@click.option("--device", default="auto", show_default=True, help="auto (the CPU), cpu, cuda or mps composes.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; another needs --token.")
@click.option("--port", default=0, type=click.IntRange(0, 65_535), help="Where to listen.  [default: a free one]")
@token_option("What the page has to be given before it works.")
@click.option("--no-browser", is_flag=True, help="Print the address, and open no browser.")
@common_options
@pass_console
def studio(
    console: Console,
    /,
    file: str | None,
    source_format: str | None,
    models: tuple[str, ...],
    device: str,
    host: str,
    port: int,
    token: str | None,
    no_browser: bool,
) -> None:
    """Open the studio in a browser: compose, hear, see, change and export songs.

    FILE is a song in any readable format; a MIDI file that is not in the form of NES-MDB is arranged. The address
    of the page goes to stdout. Ctrl-C ends it; the songs stay, in $LAKHNES_SESSIONS or the user's data.
    """
    from lakhnes.studio import check_extra

    check_extra()
    import webbrowser

    from lakhnes.studio.api import Service
    from lakhnes.studio.operations import Models
    from lakhnes.studio.pages import Pages
    from lakhnes.studio.serving import listen, serve
    from lakhnes.studio.sessions import Sessions, sessions_directory

    sessions = Sessions(sessions_directory())
    sessions.check()
    opened = None if file is None else _opened(sessions, file, source_format)
    composing = Models(models or ("bundled",), device)
    composing.load()
    service, pages = Service(composing), Pages(sessions, opened)
    listener = listen(host, port, token)
    name = f"[{host}]" if ":" in host else host
    address = f"http://{name}:{listener.getsockname()[1]}/"

    def ready() -> None:
        console.result(address)
        console.note("Ctrl-C ends it")
        if not no_browser:
            webbrowser.open(address)

    serve(service, listener, host, token=token, extra=pages.routes, ready=ready)


def _opened(sessions: "Sessions", file: str, source_format: str | None) -> str:
    """Make a session of a file; return its id."""
    from lakhnes.files import base_name
    from lakhnes.studio.opening import opened_file

    song, label = opened_file(file, source_format)
    session = sessions.create(base_name(file))
    sessions.add(session["id"], song, label, {"operation": "open", "file": base_name(file)})
    return str(session["id"])
