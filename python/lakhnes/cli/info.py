"""``lakhnes info``: what is in a song."""

from typing import TYPE_CHECKING, Any

import click

from lakhnes.cli.arranged import read_song
from lakhnes.cli.console import FAILED, Console, common_options, pass_console
from lakhnes.cli.options import arrange_options, from_option
from lakhnes.errors import LakhnesError
from lakhnes.files import PLAYABLE, format_of, one_line, read_limited
from lakhnes.units import TICKS_PER_SECOND

if TYPE_CHECKING:
    from lakhnes import RegisterLog, Song

__all__ = ["info"]


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@from_option("files")
@arrange_options("Tell what becomes of any MIDI file that is arranged for four voices.")
@common_options
@pass_console
def info(console: Console, /, files: tuple[str, ...], source_format: str | None, **options: Any) -> None:
    """Tell what is in songs.

    Of a score its length, its events, and the notes and range of each voice; of a VGM file its chip, writes and loop.
    Of both what `generate` can be asked for (tempo, key, density and register of each voice) and where they repeat
    themselves.
    """
    told, failed = [], []
    for file in files:
        try:
            facts = _facts(console, file, source_format or format_of(file, PLAYABLE), options)
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


def _facts(console: Console, path: str, source_format: str, options: dict[str, Any]) -> dict[str, Any]:
    from lakhnes import Song
    from lakhnes.songs import decode

    found: Song | RegisterLog
    if options["arrange"]:
        found = read_song(console, path, {**options}, source_format)
    else:
        found = decode(read_limited(path), source_format, name=path)
    facts = {"path": path, "format": source_format, "duration": found.duration}
    if isinstance(found, Song):
        return facts | _score_facts(found) | {"music": _music_facts(found)}
    return facts | _log_facts(found) | {"music": _music_facts(found.transcribe())}


def _music_facts(song: "Song") -> dict[str, Any] | None:
    """Measure what may be asked of a song (docs/tx3.md, Facts); nothing of one without notes."""
    import dataclasses

    from lakhnes._native import tx3_facts
    from lakhnes.bars import repeat_of

    if not any(len(notes) for notes in song.voices.values()):
        return None
    facts = tx3_facts(song)
    stated = {token.partition("_")[0]: token for token in facts["controls"]}
    repeat = repeat_of(song)
    return facts | {
        "length_class": int(stated["LENGTH"].removeprefix("LENGTH_")),
        "repeats": None if repeat is None else dataclasses.asdict(repeat),
    }


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
    facts = {"tx1_events": len(tx1), "tx2_events": len(tx2), "voices": voices}
    return facts | {"loop_start": _seconds(song.loop_start)}


def _seconds(tick: int | None) -> float | None:
    return None if tick is None else tick / TICKS_PER_SECOND


def _log_facts(log: "RegisterLog") -> dict[str, Any]:
    return {
        "standard": log.standard,
        "clock_hz": log.clock_hz,
        "writes": len(log.writes),
        "loop_start": _seconds(log.loop_start),
    }


def _lines(facts: dict[str, Any]) -> list[str]:
    lines = [
        str(facts["path"]),
        f"  format    {facts['format']}",
        f"  duration  {facts['duration']:.3f} s",
    ]
    loop = "none" if facts["loop_start"] is None else f"from {facts['loop_start']:.3f} s"
    if "voices" not in facts:
        return [
            *lines,
            f"  chip      {facts['standard']}, {facts['clock_hz']} Hz",
            f"  writes    {facts['writes']}",
            f"  loop      {loop}",
            *_music_lines(facts["music"]),
        ]
    lines.append(f"  events    {facts['tx1_events']} (TX1), {facts['tx2_events']} (TX2)")
    for name, voice in facts["voices"].items():
        reach = f", pitch {voice['lowest']} to {voice['highest']}" if voice["notes"] else ""
        lines.append(f"  {name:<8}  {voice['notes']} notes, {voice['sounding_seconds']:.1f} s{reach}")
    return [*lines, f"  loop      {loop}", *_music_lines(facts["music"])]


def _music_lines(music: dict[str, Any] | None) -> list[str]:
    if music is None:
        return []
    changes = f", {music['tempo_changes']} changes" if music["tempo_changes"] else ""
    repeat = music["repeats"]
    again = (
        "none" if repeat is None else f"from {repeat['start']:.3f} s to {repeat['end']:.3f} s, {repeat['bars']} bars"
    )
    lines = [
        f"  tempo     {music['beats_a_minute']:.1f} beats a minute{changes}",
        f"  bars      {music['bars']}, {music['rows_a_bar']} rows of {music['frames_a_row']:g} frames",
        f"  on rows   {music['on_rows']:.0%} of onsets",
        f"  key       {music['key'] or 'none'}",
        f"  class     at most {music['length_class']} s" if music["length_class"] < 180 else "  class     over 90 s",
    ]
    for what in ("density", "register"):
        classes = {name: voice[f"{what}_class"] for name, voice in music["voices"].items()}
        named = [f"{name}={value}" for name, value in classes.items() if value is not None]
        lines.append(f"  {what:<8}  {','.join(named)}")
    return [*lines, f"  repeats   {again}"]
