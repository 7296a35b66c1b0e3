"""``lakhnes info``: what is in a song."""

from typing import Any

import click

from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.errors import LakhnesError
from lakhnes.files import PLAYABLE, format_of, one_line

__all__ = ["info"]


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--from", "source_format", type=click.Choice(PLAYABLE), help="Format of the files, if not by name.")
@common_options
@pass_console
def info(console: Console, files: tuple[str, ...], source_format: str | None) -> None:
    """Tell what is in songs: length, events, and for each voice its notes and range."""
    told, failed = [], []
    for file in files:
        try:
            facts = _facts(file, source_format or format_of(file, PLAYABLE))
        except (LakhnesError, OSError) as error:
            failed.append({"path": file, "error": one_line(error)})
            console.error(f"Error: {one_line(error)}")
            continue
        told.append(facts)
        for line in _lines(facts):
            console.result(line)
    console.summary({"files": told, "failed": failed})
    if failed:
        raise click.exceptions.Exit(1)


def _facts(path: str, source_format: str) -> dict[str, Any]:
    from lakhnes.songs import read

    song = read(path, source_format)
    voices = {}
    for name, notes in song.voices.items():
        pitches = notes[:, 2]
        voices[name] = {
            "notes": len(notes),
            "lowest": int(pitches.min()) if len(notes) else None,
            "highest": int(pitches.max()) if len(notes) else None,
            "sounding_seconds": float((notes[:, 1] - notes[:, 0]).sum()) / 44_100,
        }
    return {
        "path": path,
        "format": source_format,
        "duration": song.duration,
        "tx1_events": _events(song.to_tx1()),
        "tx2_events": _events(song.to_tx2()),
        "voices": voices,
    }


def _events(text: str) -> int:
    return text.count("\n") + 1 if text else 0


def _lines(facts: dict[str, Any]) -> list[str]:
    lines = [
        str(facts["path"]),
        f"  format    {facts['format']}",
        f"  duration  {facts['duration']:.3f} s",
        f"  events    {facts['tx1_events']} (TX1), {facts['tx2_events']} (TX2)",
    ]
    for name, voice in facts["voices"].items():
        reach = f", pitch {voice['lowest']} to {voice['highest']}" if voice["notes"] else ""
        lines.append(f"  {name}        {voice['notes']} notes, {voice['sounding_seconds']:.1f} s{reach}")
    return lines
