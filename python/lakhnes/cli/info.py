"""``lakhnes info``: what is in songs, and in files of several."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from lakhnes.cli.console import FAILED, Console, common_options, pass_console
from lakhnes.cli.options import from_option, track_option
from lakhnes.cli.targets import expand
from lakhnes.errors import LakhnesError
from lakhnes.files import FORMATS, PLAYABLE, format_of, one_line, read_limited
from lakhnes.units import TICKS_PER_SECOND

if TYPE_CHECKING:
    from lakhnes import NsfFile, RegisterLog, Song

__all__ = ["info"]

ENDINGS = {
    "silence": "with its last sound",
    "loop": "where it repeats itself",
    "repetition": "where it seems to repeat itself",
    "max_duration": "nowhere: it is cut off",
    "halted": "where the program does",
}
"""What is said of the endings of `NsfFile.run`."""


@click.command()
@click.argument("files", metavar="FILE|DIR...", nargs=-1, required=True)
@from_option("files")
@track_option
@common_options
@pass_console
def info(console: Console, files: tuple[str, ...], source_format: str | None, track: int | None) -> None:
    """Tell what is in songs.

    A folder stands for all songs in it. Of a score its length, its events, and the notes and range of each voice; of a
    VGM file its chip, writes and loop; of an .nsf or .nsfe its game, its consoles and chips, how often its program is
    called, its playlist, and the titles and times of its tracks; with --track, what that track plays.
    """
    told, failed = [], []
    for file in [str(path) for given in files for path, _ in expand([given], source_format)]:
        try:
            facts = _facts(file, source_format or format_of(file, PLAYABLE), track)
        except (LakhnesError, OSError) as error:
            failed.append({"path": file, "error": one_line(error)})
            console.error(f"Error: {one_line(error)}")
            continue
        told.append(facts)
        for line in _lines(facts):
            console.result(line)
    if len(told) > 1:
        console.note(_summary(told))
    console.summary({"files": told, "failed": failed})
    if failed:
        raise click.exceptions.Exit(FAILED)


def _facts(path: str, source_format: str, track: int | None) -> dict[str, Any]:
    from lakhnes import NsfFile, Song
    from lakhnes.songs import decode

    facts: dict[str, Any] = {"path": path, "format": source_format}
    if FORMATS[source_format].tracks:
        try:
            file = NsfFile.from_bytes(read_limited(path))
            return facts | (_file_facts(file) if track is None else _track_facts(file, track))
        except (LakhnesError, ValueError) as error:
            raise LakhnesError(f"{path}: {one_line(error)}") from None
    found = decode(read_limited(path), source_format, name=path, track=track)
    facts |= {"duration": found.duration}
    return facts | (_score_facts(found) if isinstance(found, Song) else _log_facts(found))


def _file_facts(file: "NsfFile") -> dict[str, Any]:
    effects = set(file.effects)
    rows = zip(file.track_titles, file.track_artists, file.times, file.fades, strict=True)
    tracks = [
        {"track": number, "title": title, "artist": artist, "time": time, "fade": fade, "effect": number in effects}
        for number, (title, artist, time, fade) in enumerate(rows, 1)
    ]
    texts = {name: getattr(file, name) for name in ("title", "artist", "copyright", "ripper", "notes")}
    console = {"standards": file.standards, "standard": file.standard, "call_rate": file.call_rate()}
    return (
        {"duration": None}
        | texts
        | console
        | {"chips": file.chips, "first": file.first, "playlist": file.playlist, "tracks": tracks}
    )


def _track_facts(file: "NsfFile", track: int) -> dict[str, Any]:
    log, ending, warnings = file.run(track)
    title = file.track_titles[track - 1]
    facts = {"track": track, "title": title, "duration": log.duration, "ending": ending, "warnings": warnings}
    return facts | _log_facts(log)


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
    lines = [str(facts["path"]), f"  format    {facts['format']}"]
    if "tracks" in facts:
        return lines + _file_lines(facts)
    if "track" in facts:
        lines.append(f"  track     {facts['track']} {facts['title']}".rstrip())
    lines.append(f"  duration  {facts['duration']:.3f} s")
    if "voices" not in facts:
        loop = "none" if facts["loop_start"] is None else f"from {facts['loop_start']:.3f} s"
        lines += [
            f"  chip      {facts['standard']}, {facts['clock_hz']} Hz",
            f"  writes    {facts['writes']}",
            f"  loop      {loop}",
        ]
        if "ending" in facts:
            lines += [f"  ends      {ENDINGS[facts['ending']]}", *(f"  warning   {text}" for text in facts["warnings"])]
        return lines
    lines.append(f"  events    {facts['tx1_events']} (TX1), {facts['tx2_events']} (TX2)")
    for name, voice in facts["voices"].items():
        reach = f", pitch {voice['lowest']} to {voice['highest']}" if voice["notes"] else ""
        lines.append(f"  {name:<8}  {voice['notes']} notes, {voice['sounding_seconds']:.1f} s{reach}")
    return lines


def _file_lines(facts: dict[str, Any]) -> list[str]:
    texts = [(name, facts[name]) for name in ("title", "artist", "copyright", "ripper") if facts[name]]
    lines = [f"  {name:<8}  {text}" for name, text in texts]
    others = [name for name in facts["standards"] if name != facts["standard"]]
    lines.append(
        f"  console   {', '.join([facts['standard'], *others])}, called {facts['call_rate']:.2f} times a second"
    )
    if facts["chips"]:
        lines.append(f"  chips     {', '.join(facts['chips'])} (their voices are not played)")
    if facts["playlist"]:
        lines.append(f"  playlist  {' '.join(map(str, facts['playlist']))}")
    lines.append(f"  tracks    {len(facts['tracks'])}, begins with {facts['first']}")
    lines += [f"  {track['track']:>8}  {_track_line(track)}".rstrip() for track in facts["tracks"]]
    return lines


def _track_line(track: dict[str, Any]) -> str:
    parts = [track["title"], track["artist"] and f"by {track['artist']}"]
    if track["time"] is not None:
        parts.append(_clock(track["time"]) + (f" and {_clock(track['fade'])} of fade" if track["fade"] else ""))
    if track["effect"]:
        parts.append("sound effect")
    return ", ".join(filter(None, parts))


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02}"


def _summary(told: list[dict[str, Any]]) -> str:
    """Say how many files there are of each format, and how much is in them."""
    counts = Counter(facts["format"] for facts in told)
    formats = ", ".join(f"{count} {name}" for name, count in counts.most_common())
    tracks = sum(len(facts.get("tracks", ())) for facts in told)
    seconds = sum(facts["duration"] or 0.0 for facts in told)
    lengths = [f"{tracks} tracks"] * (tracks > 0) + [f"{_clock(seconds)} min"] * (seconds > 0)
    return f"{len(told)} files ({formats}): {', '.join(lengths)}"
