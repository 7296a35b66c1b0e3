"""``lakhnes info``: what is in a song."""

from typing import TYPE_CHECKING, Any

import click

from lakhnes.cli.console import FAILED, Console, common_options, pass_console
from lakhnes.cli.options import from_option
from lakhnes.errors import LakhnesError
from lakhnes.files import PLAYABLE, format_of, one_line, read_limited
from lakhnes.units import TICKS_PER_SECOND

if TYPE_CHECKING:
    from lakhnes import RegisterLog, Song

__all__ = ["info"]


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@from_option("files")
@common_options
@pass_console
def info(console: Console, files: tuple[str, ...], source_format: str | None) -> None:
    """Tell what is in songs.

    Of a score its length, its events, and the notes and range of each voice; of a VGM file its chip, writes and loop.
    """
    told, failed = [], []
    for file in files:
        try:
            facts = _facts(file, source_format or format_of(file, PLAYABLE))
        except (LakhnesError, OSError, ValueError) as error:
            failed.append({"path": file, "error": one_line(error)})
            console.error(f"Error: {one_line(error)}")
            continue
        told.append(facts)
        for line in _lines(facts):
            console.result(line)
    console.summary({"files": told, "failed": failed})
    if failed:
        raise click.exceptions.Exit(FAILED)


def _facts(path: str, source_format: str) -> dict[str, Any]:
    from lakhnes import Song
    from lakhnes.songs import decode

    found = decode(read_limited(path), source_format, name=path)
    facts = {"path": path, "format": source_format, "duration": found.duration}
    return facts | (_score_facts(found) if isinstance(found, Song) else _log_facts(found))


def _score_facts(song: "Song") -> dict[str, Any]:
    voices = {}
    for name, notes in song.voices.items():
        pitches = notes[:, 2]
        voices[name] = {
            "notes": len(notes),
            "lowest": int(pitches.min()) if len(notes) else None,
            "highest": int(pitches.max()) if len(notes) else None,
            "sounding_seconds": float((notes[:, 1] - notes[:, 0]).sum()) / TICKS_PER_SECOND,
        }
    tx1, tx2 = song.to_tx1().splitlines(), song.to_tx2().splitlines()
    return {"tx1_events": len(tx1), "tx2_events": len(tx2), "voices": voices}


def _log_facts(log: "RegisterLog") -> dict[str, Any]:
    loop = None if log.loop_start is None else log.loop_start / TICKS_PER_SECOND
    return {"standard": log.standard, "clock_hz": log.clock_hz, "writes": len(log.writes), "loop_start": loop}


def _lines(facts: dict[str, Any]) -> list[str]:
    lines = [
        str(facts["path"]),
        f"  format    {facts['format']}",
        f"  duration  {facts['duration']:.3f} s",
    ]
    if "voices" not in facts:
        loop = "none" if facts["loop_start"] is None else f"from {facts['loop_start']:.3f} s"
        return [
            *lines,
            f"  chip      {facts['standard']}, {facts['clock_hz']} Hz",
            f"  writes    {facts['writes']}",
            f"  loop      {loop}",
        ]
    lines.append(f"  events    {facts['tx1_events']} (TX1), {facts['tx2_events']} (TX2)")
    for name, voice in facts["voices"].items():
        reach = f", pitch {voice['lowest']} to {voice['highest']}" if voice["notes"] else ""
        lines.append(f"  {name:<8}  {voice['notes']} notes, {voice['sounding_seconds']:.1f} s{reach}")
    return lines
