"""``lakhnes serve``: the HTTP API, and the synthesis server of LakhNES."""

from pathlib import Path

import click

from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.cli.options import token_option
from lakhnes.cli.place import Place
from lakhnes.errors import shown

__all__ = ["serve"]

RPC_PORT = 1337


@click.command()
@click.option("--http", "http_place", metavar="HOST:PORT", help="Serve the HTTP API there.")
@click.option(
    "--rpc",
    "rpc_port",
    is_flag=False,
    flag_value=RPC_PORT,
    type=click.IntRange(0, 65_535),
    metavar="[PORT]",
    help=f"Serve tx1_to_wav and tx2_to_wav by XML-RPC on this machine ({RPC_PORT} if no PORT is given).",
)
@click.option("--root", type=Place(path_type=Path), help="With --rpc: the only folder that is read and written.")
@click.option("-m", "--model", "models", multiple=True, help="With --http: which models compose.  [default: bundled]")
@click.option("--device", default="auto", show_default=True, help="auto (the CPU), cpu, cuda or mps composes.")
@token_option("With --http: what each request has to give; needed where other machines reach it.")
@click.option("--queue", default=16, show_default=True, type=click.IntRange(min=1), help="Jobs that may wait.")
@click.option(
    "--time-limit",
    default=120.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds that a job may take.",
)
@common_options
@pass_console
def serve(
    console: Console,
    /,
    http_place: str | None,
    rpc_port: int | None,
    root: Path | None,
    models: tuple[str, ...],
    device: str,
    token: str | None,
    queue: int,
    time_limit: float,
) -> None:
    """Serve the HTTP API, or the synthesis server of LakhNES.

    The address goes to stdout when requests are answered. Ctrl-C ends it.
    """
    if (http_place is None) == (rpc_port is None):
        raise click.UsageError("expected either --http HOST:PORT or --rpc [PORT]")
    if rpc_port is not None:
        from lakhnes.studio.rpc import serve_rpc

        serve_rpc(rpc_port, root, ready=lambda port: console.result(f"http://localhost:{port}"))
        return
    if root is not None:
        raise click.UsageError("--root is for --rpc; the HTTP API reads and writes no files")
    from lakhnes.studio import check_extra

    check_extra()
    from lakhnes.studio.api import Service
    from lakhnes.studio.operations import Models
    from lakhnes.studio.serving import listen
    from lakhnes.studio.serving import serve as serve_http

    host, port = _place(http_place or "")
    composing = Models(models or ("bundled",), device)
    composing.load()
    service = Service(composing, waiting=queue, time_limit=time_limit)
    listener = listen(host, port, token)
    name = f"[{host}]" if ":" in host else host
    address = f"http://{name}:{listener.getsockname()[1]}"
    serve_http(service, listener, host, token=token, ready=lambda: console.result(address))


def _place(text: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT`` or ``PORT``."""
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or len(port) > 5 or int(port) > 65_535:
        raise click.BadParameter(f"{shown(text)}: expected HOST:PORT, such as 127.0.0.1:8080", param_hint="--http")
    return host.strip("[]") or "127.0.0.1", int(port)
