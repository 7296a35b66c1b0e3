"""``lakhnes tokenize``: songs as one array of token ids."""

from pathlib import Path
from typing import Any

import click

from lakhnes.cli.console import FAILED, Console, common_options, pass_console
from lakhnes.cli.options import force_option, from_option, jobs_option
from lakhnes.cli.place import Place
from lakhnes.cli.targets import expand
from lakhnes.data.layout import TEXTS
from lakhnes.errors import FormatError
from lakhnes.files import one_line
from lakhnes.outputs import check_target, replacing

__all__ = ["tokenize"]


@click.command()
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    metavar="FILE.npz",
    required=True,
    type=Place(path_type=Path),
    help="The arrays that are written.",
)
@click.option("--vocabulary", default="tx1", show_default=True, type=click.Choice(TEXTS), help="Whose ids.")
@from_option("inputs")
@jobs_option("Songs")
@force_option("Replace the file if it exists.")
@common_options
@pass_console
def tokenize(
    console: Console,
    inputs: tuple[str, ...],
    output: Path,
    vocabulary: str,
    source_format: str | None,
    jobs: int,
    force: bool,
) -> None:
    """Write songs as one array of token ids.

    INPUT is a song in any readable format, or a folder of songs. FILE.npz gets the arrays ids (int32, the songs in a
    row), offsets (int64: song i is ids[offsets[i]:offsets[i + 1]]) and names. Songs that cannot be read are left out.
    """
    import numpy as np

    from lakhnes.tokenizing import tokenize_files

    if output.suffix != ".npz":
        raise FormatError(f"{output}: the name must end in .npz")
    check_target(output, overwrite=force)
    songs = expand(inputs, source_format)
    failed: list[tuple[Path, Exception]] = []
    ids, offsets = tokenize_files([path for path, _ in songs], vocabulary, jobs=jobs, failed=failed)
    lost = {path for path, _ in failed}
    names = [str(path) for path, _ in songs if path not in lost]
    if names:
        with replacing(output, overwrite=force) as temporary, temporary.open("wb") as file:
            np.savez(file, ids=ids, offsets=offsets, names=np.array(names))
    errors = [{"path": str(path), "error": one_line(error)} for path, error in failed]
    for each in errors:
        console.error(f"Error: {each['error']}")
    console.note(f"{len(names):,} songs, {len(ids):,} events, {len(failed)} failed")
    files = [str(output)] if names else []
    console.results("\n".join(files))
    summary: dict[str, Any] = {"files": files, "songs": len(names), "events": len(ids), "failed": errors}
    console.summary(summary)
    if failed:
        raise click.exceptions.Exit(FAILED)
