"""``lakhnes info``: what is in songs, and in files of several."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from lakhnes.cli.arranged import read_song
from lakhnes.cli.console import FAILED, Console, common_options, pass_console
from lakhnes.cli.options import arrange_options, from_option, track_option
from lakhnes.cli.targets import expand
from lakhnes.errors import LakhnesError
from lakhnes.files import FORMATS, format_to_read, one_line, read_limited
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
@arrange_options("Tell what becomes of any MIDI file that is arranged for four voices.")
@common_options
@pass_console
def info(
    console: Console, /, files: tuple[str, ...], source_format: str | None, track: int | None, **options: Any
) -> None:
    """Tell what is in songs.

    A folder stands for all songs in it. Of a score its length, its events, and the notes and range of each voice; of a
    VGM file its title, game and author, its chip, writes and loop; of an .nsf or .nsfe its game, its consoles and
    chips, how often its program is called, its playlist, and the titles and times of its tracks; with --track, what
    that track plays. Of every song what `generate` can be asked for (tempo, key, density and register of each voice)
    and where it repeats itself.
    """
    told, failed = [], []
    only = "mid" if options["arrange"] else source_format
    for file in [str(path) for given in files for path, _ in expand([given], only)]:
        try:
            facts = _facts(console, file, source_format or format_to_read(file), track, options)
        except (LakhnesError, OSError, ValueError) as error:
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


def _facts(
    console: Console, path: str, source_format: str, track: int | None, options: dict[str, Any]
) -> dict[str, Any]:
    from lakhnes import NsfFile, Song
    from lakhnes.songs import decode

    facts: dict[str, Any] = {"path": path, "format": source_format}
    if FORMATS[source_format].tracks:
        try:
            file = NsfFile.from_bytes(read_limited(path))
            return facts | (_file_facts(file) if track is None else _track_facts(file, track))
        except (LakhnesError, ValueError) as error:
            raise LakhnesError(f"{path}: {one_line(error)}") from None
    found: Song | RegisterLog
    if options["arrange"]:
        found = read_song(console, path, {**options}, source_format)
    else:
        found = decode(read_limited(path), source_format, name=path, track=track)
    facts |= {"duration": found.duration}
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
    return facts | _log_facts(log) | {"music": _music_facts(log.transcribe())}


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
    facts = {"tx1_events": song.count_events("tx1"), "tx2_events": song.count_events("tx2"), "voices": voices}
    return facts | {"loop_start": _seconds(song.loop_start)}


def _seconds(tick: int | None) -> float | None:
    return None if tick is None else tick / TICKS_PER_SECOND


def _log_facts(log: "RegisterLog") -> dict[str, Any]:
    return {
        "standard": log.standard,
        "clock_hz": log.clock_hz,
        "writes": len(log.writes),
        "loop_start": _seconds(log.loop_start),
        "tags": log.tags,
    }


def _lines(facts: dict[str, Any]) -> list[str]:
    lines = [str(facts["path"]), f"  format    {facts['format']}"]
    if "tracks" in facts:
        return lines + _file_lines(facts)
    if "track" in facts:
        lines.append(f"  track     {facts['track']} {facts['title']}".rstrip())
    lines.append(f"  duration  {facts['duration']:.3f} s")
    loop = "none" if facts["loop_start"] is None else f"from {facts['loop_start']:.3f} s"
    if "voices" not in facts:
        names = {"title": "title", "game": "game", "artist": "artist", "date": "date", "creator": "file by"}
        tags = facts["tags"]
        lines += [f"  {name:<8}  {tags[tag]}" for tag, name in names.items() if tag in tags]
        lines += [
            f"  chip      {facts['standard']}, {facts['clock_hz']} Hz",
            f"  writes    {facts['writes']}",
            f"  loop      {loop}",
            *_music_lines(facts["music"]),
        ]
        if "ending" in facts:
            lines += [f"  ends      {ENDINGS[facts['ending']]}", *(f"  warning   {text}" for text in facts["warnings"])]
        return lines
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
