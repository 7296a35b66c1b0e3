"""``lakhnes play``: hear songs, and those that are being composed."""

import contextlib
import time
from typing import TYPE_CHECKING, Any

import click

from lakhnes.cli.composing import limit_options, params_of, sampling_options
from lakhnes.cli.console import FAILED, INTERRUPTED, Console, common_options, pass_console
from lakhnes.cli.options import adding, arrange_options, force_option, from_option, sound_options, tracks_option
from lakhnes.cli.targets import STDIO, expand, read_input
from lakhnes.cli.tracks import pieces
from lakhnes.sampling.params import SONG

if TYPE_CHECKING:
    from lakhnes.playback import Sink

__all__ = ["play"]


@click.command()
@click.argument("inputs", metavar="[FILE]...", nargs=-1)
@click.option("--radio", is_flag=True, help="Compose and play song after song, without end.")
@from_option("files")
@tracks_option("Which songs of an .nsf or .nsfe.  [default: all, in the order of its playlist]")
@click.option(
    "--sink",
    default="device",
    show_default=True,
    metavar="device|null|FILE",
    help="Where the sound goes: to the sound card; nowhere, but as slowly; into a .wav, .flac or .ogg file.",
)
@click.option("--audio-device", metavar="NAME", help="Which sound card (python -m sounddevice lists them).")
@arrange_options()
@sound_options("natural")
@click.option("--duration", type=click.FloatRange(min=0, min_open=True), help="Stop after this many seconds of sound.")
@force_option("Replace a sound file that exists.")
@click.option("-n", "--num", type=click.IntRange(min=1), help="Radio: stop after this many songs.")
@click.option("-m", "--model", "model_name", default="bundled", show_default=True, help="Radio: which model composes.")
@click.option("--seed", type=click.IntRange(min=0), help="Radio: song I is that of seed SEED + I.")
@adding(*limit_options(SONG, "Radio: "))
@click.option("--device", default="auto", show_default=True, help="Radio: auto (the CPU), cpu, cuda or mps composes.")
@sampling_options("Radio: ")
@common_options
@pass_console
def play(
    console: Console,
    /,
    inputs: tuple[str, ...],
    radio: bool,
    sink: str,
    audio_device: str | None,
    sample_rate: int,
    force: bool,
    **options: Any,
) -> None:
    """Hear songs in any readable format, or with --radio songs that are composed while they are heard.

    FILE may be a folder, or - for stdin (with --from); of an .nsf or .nsfe all tracks are played. Ctrl-C ends it; a
    sound file then holds what was played.
    """
    from lakhnes.playback import open_sink

    if radio == bool(inputs):
        raise click.UsageError("expected either files to play or --radio")
    is_number = audio_device is not None and audio_device.isdecimal() and len(audio_device) < 10
    device = int(audio_device) if audio_device is not None and is_number else audio_device
    started = time.monotonic()
    with open_sink(sink, sample_rate, device=device, overwrite=force) as output:
        begin = _broadcast if radio else _play_files
        facts, stopped = begin(console, output, inputs, sample_rate=sample_rate, **options)
    console.summary(facts | {"seconds": time.monotonic() - started})
    if stopped or facts.get("failed"):
        raise click.exceptions.Exit(INTERRUPTED if stopped else FAILED)


def _play_files(
    console: Console,
    output: "Sink",
    inputs: tuple[str, ...],
    *,
    sample_rate: int,
    source_format: str | None,
    tracks: tuple[int, ...] | None,
    duration: float | None,
    arrange: bool,
    arpeggio: bool,
    parts: dict[str, str],
    **options: Any,
) -> tuple[dict[str, Any], bool]:
    """Play files one after the other; return the facts, and whether the user stopped it."""
    from lakhnes import arranging
    from lakhnes.errors import LakhnesError
    from lakhnes.files import one_line
    from lakhnes.songs import decode, render

    sound = {name: options[name] for name in ("mixer", "filter", "expression", "loops", "fade")}
    played: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    left, stopped = duration, True
    with contextlib.suppress(KeyboardInterrupt):
        only = "mid" if arrange else source_format
        for source, track, title in [song for given in inputs for song in _songs(given, only, tracks)]:
            try:
                data, format_name, name = read_input(source, source_format)
                if arrange:
                    song, report = arranging.arrange(data, format_name, name=name, arpeggio=arpeggio, parts=parts)
                    console.note(f"{source}: {arranging.told(report)}")
                    samples = render(song, sample_rate=sample_rate, **sound)
                else:
                    read = decode(data, format_name, name=name, track=track, fade=options["fade"])
                    samples = render(read, sample_rate=sample_rate, **sound)
            except (LakhnesError, OSError) as error:
                console.error(f"Error: {one_line(error)}")
                failed.append({"path": source, "error": one_line(error)})
                continue
            if left is not None:
                samples = samples[: round(left * sample_rate)]
                left -= len(samples) / sample_rate
            which = "" if track is None else f", track {track}: {title}"
            console.note(f"{source}{which} ({len(samples) / sample_rate:.0f} s)")
            played.append(
                {"path": source, "duration": len(samples) / sample_rate} | ({} if track is None else {"track": track})
            )
            output.write(samples)
            output.finish()
            if left is not None and left <= 0:
                break
        stopped = False
    facts = {"files": played, "failed": failed, "audio_seconds": sum(song["duration"] for song in played)}
    return facts, stopped


def _songs(given: str, source_format: str | None, tracks: tuple[int, ...] | None) -> list[tuple[str, int | None, str]]:
    """List the songs of a file or a folder: path, track, title."""
    if given == STDIO:
        if tracks is not None and len(tracks) != 1:
            raise click.UsageError("- is read once: --track then names one")
        return [(given, tracks[0] if tracks else None, "")]
    found = pieces(expand([given], source_format), source_format, tracks, playlist=True)
    return [(str(piece.path), piece.track, piece.title) for piece in found]


def _broadcast(
    console: Console,
    output: "Sink",
    inputs: tuple[str, ...],
    *,
    sample_rate: int,
    mixer: str,
    filter: str,
    expression: str,
    duration: float | None,
    num: int | None,
    model_name: str,
    seed: int | None,
    device: str,
    **options: Any,
) -> tuple[dict[str, Any], bool]:
    """Compose and play; return the facts, and whether the user stopped it."""
    import dataclasses
    import statistics

    from lakhnes._native import LivePlayer
    from lakhnes.checkpoint import load_model
    from lakhnes.sampling.composing import new_seed
    from lakhnes.sampling.radio import Radio

    player = LivePlayer(sample_rate=sample_rate, mixer=mixer, filter=filter, expression=expression)
    programme = Radio(load_model(model_name, device), output, player, params_of(options))
    stopped = True
    with contextlib.suppress(KeyboardInterrupt):
        first = new_seed() if seed is None else seed
        programme.run(first, duration=duration, num=num, begun=lambda song: console.note(f"seed {song}"))
        stopped = False
    latencies = programme.latencies or [0.0]
    latency = {"median": statistics.median(latencies), "max": max(latencies)}
    facts = {
        "songs": [dataclasses.asdict(song) for song in programme.songs],
        "audio_seconds": programme.played,
        "latency": latency,
        "underruns": output.underruns,
    }
    console.note(
        f"{programme.played:.0f} s; from token to sound {1e3 * latency['median']:.0f} ms (median), "
        f"{1e3 * latency['max']:.0f} ms at the most; {output.underruns} times out of sound"
    )
    return facts, stopped
