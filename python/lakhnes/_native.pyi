"""Types of the extension module. What each name does stands here; `mypy.stubtest` holds the file to the extension."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias, final

import numpy as np
import numpy.typing as npt
from pretty_midi import PrettyMIDI

__all__ = [
    "VOICE_COLORS",
    "Apu",
    "DecoderModel",
    "Format",
    "LivePlayer",
    "MelodyIndex",
    "NsfFile",
    "RegisterLog",
    "SampleBlocks",
    "ScoreStates",
    "SequenceState",
    "Song",
    "Tx3Grammar",
    "Vocabulary",
    "__version__",
    "adapt_files",
    "augment_events",
    "build_info",
    "convert_texts",
    "decode",
    "events_from_text",
    "export",
    "export_album",
    "export_files",
    "export_samples",
    "formats",
    "group_melodies",
    "quantize_events",
    "sample_tokens",
    "score_state_tables",
    "source_bars",
    "stem_path",
    "tokenize_files",
    "tx3_facts",
    "tx3_key_profile",
    "tx3_song_and_loop",
    "tx3_thirds",
    "with_score_state",
    "write_nsf_album",
]

_Encoder: TypeAlias = Callable[[Path, str, int, int], Any]

__version__: str

VOICE_COLORS: dict[str, str]
"""The colour of each voice in drawings, ``#rrggbb``."""

def build_info() -> dict[str, str]:
    """Tell the ``profile`` and ``target`` of the build, and the ``instructions`` that the decoder has chosen.

    Those are ``avx512``, ``avx2`` or ``portable``: the best that the processor has, up to the one that the variable
    ``LAKHNES_SIMD`` of the environment names.
    """

@final
class Song:
    """A score of four voices, ``p1 p2 tr no``, timed in ticks of 1/44,100 s.

    The voices are the two pulses, the triangle and the noise. Pitches are MIDI notes; those of the noise, 1 to 16, are
    16 less its period, so that 16 is the brightest. A song does not change.
    """

    @staticmethod
    def from_bytes(data: bytes, format: str) -> Song:
        """Read a song from the bytes of a file in any readable format; register writes are transcribed.

        Raises
        ------
        FormatError, TokenError, LimitError
            If the bytes are not what the format asks for; the message names the place.
        """
    @staticmethod
    def from_tx1(text: str) -> Song:
        """Read a TX1 text; every note gets its voice's default velocity."""
    @staticmethod
    def from_tx2(text: str) -> Song:
        """Read a TX2 text."""
    @staticmethod
    def from_tx3(text: str) -> Song:
        """Read a TX3 text (docs/tx3.md): every event lies on a frame."""
    @staticmethod
    def from_midi(data: bytes) -> Song:
        """Read a MIDI file in the form of NES-MDB: tracks named ``p1 p2 tr no``."""
    @staticmethod
    def arrange(
        data: bytes, *, arpeggio: bool = False, parts: Mapping[str, str] | None = None, name: str | None = None
    ) -> tuple[Song, dict[str, Any]]:
        """Make one song of four voices of any MIDI file of format 0 or 1.

        The melody (the leading part, or else the highest notes) goes to P1, a counter-melody to P2, the bass to the
        triangle, the drums of General MIDI to the noise. Tempo, pitch bend, velocity, volume, expression and the
        sustain pedal count; notes out of reach move by octaves; envelopes and duties are those of a natural
        performance.

        Parameters
        ----------
        data
            The bytes of the file.
        arpeggio
            Whether the notes of a chord that find no voice join P2, which plays them in turn, two frames each.
        parts
            Which voice plays which part, such as ``{"tr": "3", "p1": "vocals"}``: a MIDI channel, 1 to 16, or some of
            the name of a track. The others are found. While a part rests, its voice may play another; what is chosen
            for ``no`` is played as the drums of General MIDI.
        name
            What stands for the name of the file in messages.

        Returns
        -------
        Song
            With velocities and timbres of its own.
        dict
            Counts ``notes``, ``placed`` and, of these, ``moved`` (by octaves), ``shortened`` and ``arpeggiated``;
            ``lead_in``, the ticks before the first of them; and of the others ``left_out``, how many for each reason
            (``no free voice``, ``doubled``, ``masked drum``, ``no length``, ``muted channel``), and the list
            ``unplaced`` of the first 65,536 by onset: tick, channel (from 0), MIDI note, reason. ``warnings`` is a line
            about what in the file was not as the standard has it, or empty.

        Raises
        ------
        FormatError, LimitError
            If the bytes are no MIDI file with notes; the message names the byte.
        ValueError
            If the file has no such part.
        """
    def to_tx1(self) -> str:
        r"""Write a TX1 text: lines joined by ``\n`` with none at the end."""
    def to_tx2(self) -> str:
        r"""Write a TX2 text: lines joined by ``\n`` with none at the end."""
    def count_events(self, form: Literal["tx1", "tx2"] = "tx1") -> int:
        """Count the events of its TX1 or TX2 text, without writing that."""
    def to_tx3(self, *, controls: bool = False, loop_start: int | None = None) -> str:
        """Write a TX3 text: rows, frames and instruments (docs/tx3.md).

        Everything moves to the nearest frame of the song's own clock; `tx3_facts` says how far.

        Parameters
        ----------
        controls
            Whether the text begins with what is true of the song: key, densities, registers, length, how it ends.
        loop_start
            The tick at which the song goes on after its end, as ``LOOP`` marks it; the song's own if not given.
        """
    def on_frames(self) -> Song:
        """Give the song with every event at its nearest frame: what TX3 writes, but for the instruments."""
    def to_midi(self, *, form: str = "nesmdb") -> bytes:
        """Write a MIDI file, which `from_midi` reads.

        Parameters
        ----------
        form
            ``"nesmdb"``, the form of NES-MDB: format 1, a MIDI tick a tick of 1/44,100 s, velocities of 1 to 15.
            ``"gm"``, General MIDI for other programs: audible velocities, the drum map, tempo and bars as the notes
            suggest them. Read again, either is the song, but for changes of velocity that are not heard.
        """
    def transpose(self, semitones: int) -> Song:
        """Give the song with the pulses and the triangle moved by semitones; the noise stays.

        Raises
        ------
        ValueError
            If a voice cannot play a note there; the message names it.
        """
    def trim(self, start: float = 0.0, end: float | None = None) -> Song:
        """Give what sounds between two times. A note that sounds at the start begins there, as loud as it is then.

        Parameters
        ----------
        start, end
            In seconds; to the end of the song if `end` is None or later.

        Raises
        ------
        ValueError
            If the start is not before the end, or not within the song.
        """
    def splice(self, other: Song, start: float, end: float | None = None) -> Song:
        """Give the song with `other` in place of what sounds between two times; what follows moves.

        Parameters
        ----------
        other
            Of any length; an empty song cuts the passage out.
        start, end
            In seconds; to the end of the song if `end` is None. Where both are the same, `other` is put in between.

        Raises
        ------
        ValueError
            If the start is after the end, or not within the song.
        """
    def __add__(self, other: Song, /) -> Song:
        """Give the song, and another after it."""
    def __radd__(self, value: Song, /) -> Song: ...
    def to_pretty_midi(self) -> PrettyMIDI:
        """Give the song as a ``pretty_midi.PrettyMIDI``."""
    def perform(self, *, downsample: float | None = None, expression: str = "plain") -> RegisterLog:
        """Give the register writes that play the song.

        Parameters
        ----------
        downsample
            Frame rate in Hz to which the song is reduced first, as nesmdb and LakhNES did; to the sample if None.
        expression
            ``"plain"`` plays what is written. ``"natural"`` gives a song that has neither changes nor different
            velocities in a voice (every TX1) what NES music usually has: envelopes and duties by voice and length,
            measured on NES-MDB, and vibrato on long notes. A song that has its own stays as it is.
        """
    def to_tracker(self, format: str, *, mode: str = "readable") -> tuple[str, dict[str, Any]]:
        """Write the song as text for a tracker; see `RegisterLog.to_tracker`.

        Of a song that was read from TX3, the readable text has the rows, bars and instruments.
        """
    def express(self) -> Song:
        """Give a song without dynamics those of NES music, as a natural performance has them but for its vibrato.

        A song that is not flat comes back as it is.
        """
    def with_voices(self, other: Song, voices: Sequence[str]) -> Song:
        """Give the song in which the named voices play what they play in `other`; as long as the longer of the two.

        Raises
        ------
        ValueError
            If a voice is not one of ``p1 p2 tr no``.
        """
    def with_passage(self, other: Song, voices: Sequence[str], start: int, end: int) -> Song:
        """Give the song in which the named voices play, from one tick to another, what they play there in `other`.

        A note that sounds into the passage ends where that begins, one that sounds beyond it, where it ends. All else
        stays as it is.

        Raises
        ------
        ValueError
            If a voice is not one of ``p1 p2 tr no``.
        """
    def with_loop(self, start: int | None) -> Song:
        """Give the song that goes on from a tick after its end; with None it stops there.

        Raises
        ------
        ValueError
            If the tick does not lie before the end.
        """
    @property
    def loop_start(self) -> int | None:
        """The tick from which it goes on after its end; None if it stops there.

        TX3 and MIDI carry it, and the register writes of a performance.
        """
    @property
    def is_flat(self) -> bool:
        """Whether it says nothing of dynamics and timbres: one velocity in each voice, no timbre but the first."""
    @property
    def length(self) -> int:
        """Length in ticks of 1/44,100 s."""
    @property
    def duration(self) -> float:
        """Length in seconds."""
    @property
    def voices(self) -> dict[str, npt.NDArray[np.int64]]:
        """Notes by voice: shape (notes, 4), columns start and end in ticks, pitch, velocity."""
    @property
    def velocity_changes(self) -> dict[str, npt.NDArray[np.int64]]:
        """Changes of velocity by voice: shape (changes, 2), columns tick and value."""
    @property
    def timbre_changes(self) -> dict[str, npt.NDArray[np.int64]]:
        """Changes of timbre (duty, noise mode) by voice: shape (changes, 2), columns tick and value."""
    def piano_roll(self, frame_rate: float = 24.0) -> npt.NDArray[np.uint8]:
        """Give the velocity of each note that sounds: shape (4, 128, frames), 0 for silence.

        Raises
        ------
        LimitError
            If there would be more than 2**20 frames.
        """
    def to_svg(self) -> str:
        """Draw the piano roll as SVG: 900 x 250 pixels, a path a voice, in the colours of `lakhnes.plotting.COLORS`."""
    def plot(
        self,
        path: str | PathLike[str] | None = None,
        *,
        title: str | None = None,
        dpi: int = 100,
        overwrite: bool = True,
    ) -> Any:
        """Draw the piano roll.

        Parameters
        ----------
        path
            A file to write, ``.png``, ``.svg`` or ``.pdf``.
        title
            What stands above it.
        dpi, overwrite
            Of a file: dots an inch, of 10 x 4 inches; whether it may be replaced.

        Returns
        -------
        matplotlib.figure.Figure
            Which a notebook shows; None where a file is written.

        Raises
        ------
        FormatError, OSError
            If the name is no picture's; if the file cannot be written.
        """
    def play(
        self,
        *,
        expression: str = "natural",
        sample_rate: int = 44_100,
        mixer: str = "nes",
        filter: str = "nes",
        device: str | int | None = None,
    ) -> None:
        """Play the song, and return when it has ended; in a notebook a player appears and starts.

        Parameters
        ----------
        expression, sample_rate, mixer, filter
            See `lakhnes.render`.
        device
            The sound card: its name or its number; the system's default if None.

        Raises
        ------
        LakhnesError
            If there is no sound card, or the extra ``lakhnes[play]`` is missing.
        """
    def _repr_html_(self) -> str:
        """Show the piano roll and a player in a notebook."""
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __reduce__(self) -> tuple[Callable[[bytes, str], Song], tuple[bytes, str]]: ...

@final
class RegisterLog:
    """Everything that a program tells the sound chip, and when, in ticks of 1/44,100 s. It does not change."""

    def __new__(
        cls,
        writes: npt.NDArray[np.int64],
        length: int,
        *,
        standard: str = "ntsc",
        clock_hz: int | None = None,
        loop_start: int | None = None,
    ) -> RegisterLog:
        """Make a log.

        Parameters
        ----------
        writes
            Shape (writes, 3), columns tick, register (0 to 23 for $4000 to $4017) and value, in the order of the ticks.
        length
            In ticks.
        standard
            The console: ``"ntsc"``, ``"pal"`` or ``"dendy"``.
        clock_hz
            The chip's clock; the console's if None.
        loop_start
            The tick from which the log goes on when it has ended.
        """
    @staticmethod
    def from_bytes(data: bytes, format: str) -> RegisterLog:
        """Read a log from the bytes of a file.

        Parameters
        ----------
        data
            The bytes.
        format
            Any that can be read, such as ``vgm``; a song is performed. Nothing in a pickle is executed.

        Raises
        ------
        FormatError, TokenError, LimitError
            If the bytes are not of the format; the message names the byte, line or tuple.
        """
    @staticmethod
    def simplify_vgm(data: bytes) -> bytes:
        """Leave in a VGM or VGZ file only what four voices play, as ``nesmdb`` does.

        Raises
        ------
        FormatError, LimitError
            As `from_vgm` does.
        """
    @staticmethod
    def from_vgm(data: bytes) -> RegisterLog:
        """Read a VGM or VGZ file.

        Raises
        ------
        FormatError, LimitError
            If the bytes are no VGM with one NES APU; the message names the place.
        """
    def to_vgm(self, *, long_waits: bool = False) -> bytes:
        """Write a VGM 1.61 file; with `long_waits`, every wait as the command with two bytes, as ``nesmdb`` does."""
    def to_nsf(self, *, timing: str = "exact", title: str = "") -> bytes:
        """Write an NSF 1 file: a program for the console (or an emulator of it) that plays the log.

        Parameters
        ----------
        timing
            ``"exact"`` sends each write in its own time, waiting for it within the call that a player makes each frame;
            ``"frame"`` sends all at the beginning of the nearest call, up to 1/120 s early or late, and leaves the
            processor free.
        title
            For a log that has none of its own, as those of VGM files have; 31 characters of ASCII.

        Raises
        ------
        FormatError
            If the log is a Dendy's, has a sample that wraps round to $8000, or writes that come too fast for a 6502.
        LimitError
            If the file would have more than 1 MiB.
        """
    def to_text(self, format: str) -> str:
        """Write a disassembly of NES-MDB: ``ndr`` (raw), ``ndf`` (functional) or ``nlm`` (for language models)."""
    def to_json(self, format: str) -> str:
        """Write a disassembly as JSON, a list of lists of strings and integers; `format` is as in `to_text`."""
    @staticmethod
    def from_tuples(tuples: Iterable[Iterable[str | int]], format: str) -> RegisterLog:
        """Read a disassembly from tuples (or lists) of strings and integers; the reverse of `to_tuples`.

        Raises
        ------
        FormatError, LimitError
            If a tuple is no event; the message names it, counted from 1.
        """
    def to_tuples(self, format: str) -> list[tuple[str | int, ...]]:
        """Give the events of a disassembly as tuples of strings and integers; `format` is as in `to_text`."""
    def shorten(self, start: int = 0, count: int = ...) -> RegisterLog:
        """Give `count` events of the raw disassembly, writes and waits, from number `start` on, as a log of its own."""
    def to_tracker(self, format: str, *, mode: str = "readable") -> tuple[str, dict[str, Any]]:
        """Write the log as text for a tracker (``docs/trackers.md``).

        Parameters
        ----------
        format
            ``"ftm"``, FamiTracker's text export; ``"fms"``, FamiStudio's text.
        mode
            ``"readable"`` writes rows, notes and few instruments; ``"exact"`` every change in every frame.

        Returns
        -------
        text
            The text.
        report
            ``frames``, ``rows``, ``bars``, ``instruments``; ``patterns``, how many p1, p2, tr, no and the samples have;
            ``differing_frames``, in which any voice plays another period, volume or timbre than before, and
            ``differing``, the same by voice; ``frame_clock``, when frame 0 was looked at and how far frames lie apart,
            in 1/65,536 tick; ``samples_left_out``, starts of samples for which there is no place.

        Raises
        ------
        ValueError
            If `format` or `mode` is unknown.
        LimitError
            If the patterns of the program do not hold so long a song.
        """
    def transcribe(self, *, exact: bool = False) -> Song:
        """Run the counters, sweeps and envelopes and take every voice's nearest note at each sample, as NES-MDB does.

        Parameters
        ----------
        exact
            Be true to the chip instead: its frame counter counts cycles, and each write acts before the next.

        Raises
        ------
        LimitError
            If the log lasts more than 12 hours.
        """
    @property
    def writes(self) -> npt.NDArray[np.int64]:
        """The writes: shape (writes, 3), columns tick, register (0 to 23 for $4000 to $4017) and value."""
    @property
    def length(self) -> int:
        """Length in ticks of 1/44,100 s."""
    @property
    def duration(self) -> float:
        """Length in seconds, each part once."""
    @property
    def tags(self) -> dict[str, str]:
        """What a VGM file says of itself, but for what is empty.

        ``title``, ``game``, ``system`` and ``artist``, each in its own script as ``title_native`` and so on; ``date``,
        ``creator`` and ``notes``.
        """
    @property
    def standard(self) -> str:
        """The console: ``"ntsc"``, ``"pal"`` or ``"dendy"``."""
    @property
    def clock_hz(self) -> int:
        """The chip's clock."""
    @property
    def warnings(self) -> str:
        """What was left out of the file, in one line: commands of a VGM, chips of an NSF; empty for nothing."""
    @property
    def skipped_commands(self) -> int:
        """How many commands of the VGM file were for other chips and have been left out; 0 for any other log."""
    @property
    def fade(self) -> float:
        """For how many seconds the end of a log without a loop point fades: of a track that was cut off there."""
    @property
    def loop_start(self) -> int | None:
        """The tick from which the log goes on when it has ended."""
    def render(
        self,
        *,
        sample_rate: int = 44_100,
        mixer: str = "nes",
        filter: str = "nes",
        max_duration: float = 3600.0,
        loops: int = 1,
        fade: float = 0.0,
    ) -> npt.NDArray[np.float32]:
        """Play the log: shape (frames,), in [-1, 1]; the parameters are those of `lakhnes.render`."""
    def render_int16(
        self,
        *,
        sample_rate: int = 44_100,
        mixer: str = "nes",
        filter: str = "nes",
        max_duration: float = 3600.0,
        loops: int = 1,
        fade: float = 0.0,
        dither: bool = False,
    ) -> npt.NDArray[np.int16]:
        """Play the log as 16-bit integers; the same log gives the same samples everywhere; `dither` as in `blocks`."""
    def blocks(
        self,
        *,
        sample_rate: int = 44_100,
        mixer: str = "nes",
        filter: str = "nes",
        max_duration: float = 3600.0,
        loops: int = 1,
        fade: float = 0.0,
        dither: bool = False,
        channel: Literal["p1", "p2", "tr", "no", "dmc"] | None = None,
    ) -> SampleBlocks:
        """Play the log as `render_int16` does, a block at a time, in memory that does not grow with its length.

        Parameters
        ----------
        dither
            Whether to add triangular dither of two steps' width, the same for the same log, before rounding.
        channel
            The only channel that is heard.
        """
    def render_stems(
        self,
        *,
        sample_rate: int = 44_100,
        filter: str = "nes",
        max_duration: float = 3600.0,
        loops: int = 1,
        fade: float = 0.0,
    ) -> npt.NDArray[np.float32]:
        """Play every voice by itself: shape (4 or 5, frames), the fifth where the log uses the sample channel."""
    def loop_samples(self, *, sample_rate: int = 44_100, loops: int = 1) -> tuple[int, int] | None:
        """Give the first sample of the last turn of the loop in what `render` makes, and the one after its last."""
    def play(
        self,
        *,
        sample_rate: int = 44_100,
        mixer: str = "nes",
        filter: str = "nes",
        loops: int = 1,
        fade: float = 0.0,
        device: str | int | None = None,
    ) -> None:
        """Play the log, and return when it has ended; see `Song.play` and `lakhnes.render`."""
    def _repr_html_(self) -> str:
        """Show what is played, as a piano roll, and a player in a notebook."""
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __reduce__(self) -> tuple[Callable[[bytes], RegisterLog], tuple[bytes]]: ...

@final
class SampleBlocks:
    """The samples of a log: int16 arrays of shape (65536,), the last one shorter; see `RegisterLog.blocks`."""

    def __iter__(self) -> SampleBlocks: ...
    def __next__(self) -> npt.NDArray[np.int16]: ...
    @property
    def remaining(self) -> int:
        """How many samples are still to come."""

@final
class NsfFile:
    """An NSF or NSFe file: programs for the console that play music, and what is known about them.

    `len` gives the number of tracks. They count from 1, as players show them.
    """

    @staticmethod
    def from_bytes(data: bytes) -> NsfFile:
        """Read a file: NSF, NSF2, or NSFe.

        Raises
        ------
        FormatError, LimitError
            If it is none; the message names the byte.
        """
    def __len__(self) -> int: ...
    @property
    def title(self) -> str:
        """The title of the whole, usually the game's. This and the other texts are empty where nothing is known."""
    @property
    def artist(self) -> str:
        """The composer."""
    @property
    def copyright(self) -> str:
        """The line about the copyright."""
    @property
    def ripper(self) -> str:
        """Who made the file."""
    @property
    def notes(self) -> str:
        """Free text."""
    @property
    def track_titles(self) -> list[str]:
        """The tracks' titles, one a track."""
    @property
    def track_artists(self) -> list[str]:
        """The tracks' composers, where they are not the file's."""
    @property
    def times(self) -> list[float | None]:
        """How long to play each track before its fade, in seconds; None where the file does not say."""
    @property
    def fades(self) -> list[float | None]:
        """How long each track then fades, in seconds."""
    @property
    def playlist(self) -> list[int]:
        """The order in which to play the tracks; empty where the file has none."""
    @property
    def effects(self) -> list[int]:
        """The tracks that are sound effects."""
    @property
    def first(self) -> int:
        """The track to begin with."""
    @property
    def chips(self) -> list[str]:
        """Names of sound chips beside the console's own, whose voices are not played."""
    @property
    def standards(self) -> list[str]:
        """The consoles that the program knows: ``ntsc``, ``pal``, ``dendy``."""
    @property
    def standard(self) -> str:
        """The console that the file prefers."""
    def call_rate(self, standard: str | None = None) -> float:
        """How often the player is called on a console, in Hz; on the preferred one without a name."""
    def run(
        self,
        track: int = 1,
        *,
        standard: str | None = None,
        max_duration: float = 300.0,
        file_times: bool = True,
        find_loop: bool = True,
        find_silence: bool = True,
        gather: int = 0,
        fade: float = 0.0,
    ) -> tuple[RegisterLog, str, list[str]]:
        """Run a track's program and record what it tells the sound chip.

        Parameters
        ----------
        track
            Its number, from 1.
        standard
            ``"ntsc"``, ``"pal"`` or ``"dendy"``; None is the console that the file prefers.
        max_duration
            Longest run, in seconds.
        file_times
            Whether a track for which the file gives a time ends after that and its fade.
        find_loop, find_silence
            Whether a run ends when the program is back in a state that it had been in, and after five seconds of
            silence.
        gather
            Ticks of 1/44,100 s: a write that follows another within them gets its tick. 0 keeps all apart; 2 is good
            for transcriptions of the project's own files.
        fade
            For how many seconds a track that goes on at `max_duration` fades before it is cut off there. One that ends
            after its file's time fades as the file says.

        Returns
        -------
        tuple
            The log; why it ends (``"silence"``; ``"loop"``, with an exact loop point; ``"repetition"``, with a likely
            one; ``"max_duration"``; ``"halted"``); and warnings: chips that are not played, a program that does not
            return.

        Raises
        ------
        ValueError
            If there is no such track.
        """

def write_nsf_album(
    logs: Sequence[RegisterLog],
    *,
    format: str = "nsf",
    names: Sequence[str] | None = None,
    title: str = "",
    artist: str = "",
    copyright: str = "",
    ripper: str = "",
    timing: str = "exact",
) -> bytes:
    """Write several logs as the tracks of one file.

    Parameters
    ----------
    logs
        1 to 255 logs, all for an NTSC console or all for a PAL console.
    format
        ``"nsf"``, in which titles and times follow the program, or ``"nsfe"``.
    names
        Titles for logs that have none, one a log.
    title, artist, copyright, ripper
        What is known about the whole.
    timing
        As for `RegisterLog.to_nsf`.

    Raises
    ------
    FormatError, LimitError
        As for `RegisterLog.to_nsf`; if the logs are for different consoles.
    """

@final
class Apu:
    """The sound chip for an emulator or a notebook to drive: registers in, samples and interrupts out.

    Cycle 0 is the first of the first instruction, after the processor's reset sequence. Cycles never go back: a call
    with an earlier cycle raises `ValueError`. A read or an interrupt sees what happened before its cycle; a write comes
    after what happens on its cycle.
    """

    def __new__(
        cls,
        *,
        standard: str = "ntsc",
        clock_hz: int | None = None,
        sample_rate: int = 44_100,
        mixer: str = "nes",
        filter: str = "nes",
        channel: Literal["p1", "p2", "tr", "no", "dmc"] | None = None,
    ) -> Apu:
        """Power a chip up; with `channel`, only that channel is heard."""
    def write(self, cycle: int, address: int, value: int) -> None:
        """Write a byte to $4000 to $4017."""
    def read_status(self, cycle: int) -> int:
        """Read $4015, which clears the frame counter's interrupt flag (for reads from the next even cycle on)."""
    def irq(self, cycle: int) -> bool:
        """Tell whether the chip pulls the interrupt line."""
    def next_fetch(self, cycle: int) -> int | None:
        """Tell when the sample channel next reads memory, so that an emulator can steal its processor's cycles.

        Returns
        -------
        int or None
            The cycle of the first fetch that is not before `cycle`, if nothing is written until then; ``None`` if
            no fetch is to come. The one with which a write to $4015 starts the channel is on the cycle of the write:
            ask with that cycle after it.
        """
    def reset(self, cycle: int) -> None:
        """Press the console's reset; `cycle` is the first of the first instruction after it.

        $4015 is cleared, and $4017 is written again as it was. The sample channel's level keeps its lowest bit only,
        the halt bits of pulses and noise are cleared; all else stays, the triangle's phase too (nesdev wiki, "CPU power
        up state").
        """
    def set_memory(self, address: int, data: bytes) -> None:
        """Put bytes where the sample channel reads them, $8000 to $FFFF."""
    def end_frame(self, cycle: int) -> None:
        """Run the chip to `cycle` (at most 2**26 after the last such call) and make the samples up to there ready."""
    def samples(self) -> npt.NDArray[np.float32]:
        """Take the samples that are ready: shape (frames,), in [-1, 1]."""
    @property
    def clock_hz(self) -> int:
        """Cycles a second."""
    @property
    def sample_rate(self) -> int:
        """Samples a second."""

@final
class LivePlayer:
    """Plays the events of a song as they come, before anyone knows how it goes on."""

    def __new__(
        cls, *, sample_rate: int = 44_100, mixer: str = "nes", filter: str = "nes", expression: str = "natural"
    ) -> LivePlayer:
        """Power a chip up.

        Parameters
        ----------
        sample_rate, mixer, filter
            See `lakhnes.render`.
        expression
            ``"plain"`` plays what is written: the samples are those of `lakhnes.render`. ``"natural"`` shapes notes as
            `Song.perform` does, as far as that can be done without knowing how long they will be, until an event says a
            velocity or a timbre.
        """
    def push(self, event: str) -> npt.NDArray[np.float32]:
        """Take an event such as ``"P1_NOTEON_60"`` or ``"WT_735"``.

        Returns
        -------
        float32 array in [-1, 1], shape (frames,)
            What is heard up to the end of a wait, less about 36 samples that coming events can still touch; empty after
            any other event.

        Raises
        ------
        TokenError
            If it is no event of TX2 (which has those of TX1).
        LimitError
            If it is a wait of more than a minute.
        """
    def release(self) -> None:
        """Silence every voice, as at the end of a song; heard when the next wait begins."""
    @property
    def tick(self) -> int:
        """The time in ticks of 1/44,100 s: the sum of the waits."""
    @property
    def sample_rate(self) -> int:
        """Samples a second."""

@final
class Vocabulary:
    """The numbering of TX1 (631), TX2 (686) or TX3 events for a language model; id 0 is ``<S>``, a song's boundary.

    The order of the ids is that of the vocabulary files beside the published LakhNES checkpoints.
    """

    def __new__(cls, dialect: str) -> Vocabulary:
        """Make the vocabulary ``"tx1"``, ``"tx2"`` or ``"tx3"``."""
    @staticmethod
    def tx1() -> Vocabulary:
        """Make the vocabulary of notes and waits: 631 ids."""
    @staticmethod
    def tx2() -> Vocabulary:
        """Make the vocabulary that has velocities and timbres too: 686 ids."""
    @staticmethod
    def tx3() -> Vocabulary:
        """Make the vocabulary of rows, frames and instruments."""
    @staticmethod
    def names() -> list[str]:
        """Name the vocabularies: ``"tx1"``, ``"tx2"``, ``"tx3"``."""
    @property
    def dialect(self) -> str:
        """Its name."""
    @property
    def symbols(self) -> list[str]:
        """All symbols; the index is the id."""
    def symbol(self, id: int) -> str:
        """Give the symbol of an id.

        Raises
        ------
        TokenError
            If there is no such id.
        """
    def id(self, symbol: str) -> int:
        """Give the id of a symbol; a wait of any length counts as the token that stands for it.

        Raises
        ------
        TokenError
            If there is no such symbol.
        """
    def encode(self, text: str) -> npt.NDArray[np.int64]:
        """Give the ids of a text of one event a line, each wait rounded to the token that stands for it.

        Raises
        ------
        TokenError
            If a line is no event; the message names it.
        LimitError
            If the text has more than 64 MiB or 16 Mi events.
        """
    def decode(self, ids: npt.NDArray[np.int64] | Sequence[int]) -> str:
        r"""Give the text of a sequence of ids, lines joined by ``\n`` with none at the end.

        Raises
        ------
        TokenError
            If an id does not exist; the message names its position.
        """
    def events(self, song: Song) -> npt.NDArray[np.int32]:
        """Give the events of a song in the compact form: a wait of ``w`` samples is ``-w``, any other event its id."""
    def song(self, events: npt.NDArray[np.signedinteger] | Sequence[int]) -> Song:
        """Make the song of events in the compact form, in which waits may also be ids; boundaries are passed over.

        Raises
        ------
        TokenError
            If an id does not exist; the message names its position.
        FormatError
            If there is no event.
        LimitError
            If there are more than 16 Mi events, or they last longer than a song may.
        """
    def __len__(self) -> int: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __reduce__(self) -> tuple[type[Vocabulary], tuple[str]]: ...

@final
class Tx3Grammar:
    """Which TX3 tokens may come next, in some songs that are written at once (docs/tx3.md, Grammar).

    Parameters
    ----------
    batch_size
        The number of songs, B; at most 65,536.
    threads
        In how many threads what concerns all songs is done, where these are more than a few dozen.
    """

    def __new__(cls, batch_size: int = 1, threads: int = 1) -> Tx3Grammar: ...
    def allowed(self) -> npt.NDArray[np.bool_]:
        """Give ``(B, V)``, true where a token may come next; ``<S>`` where the song may end."""
    def restrikes(self) -> npt.NDArray[np.bool_]:
        """Give ``(B, V)``, true where a token strikes the pitch that sounds once more, which is allowed and rare."""
    def correct(self, logits: npt.NDArray[np.float32], allowed: npt.NDArray[np.bool_]) -> None:
        """Correct the logits of a model that continues its own songs; both arrays, ``(B, V)``, are changed.

        Notes of a pulse in unison with the other are a nat less likely, those a semitone from another melodic voice
        0.7, those of a pulse with the pitch that it has just had 0.35, for the benefit of other notes of the voice. The
        pitch that a voice sounds is not struck once more: such tokens are no longer allowed, and their probability goes
        to what is no note of the voice. The end of notes that have sounded for more than 2 s is more likely, by two
        nats a second and six at the most: samplers leave out the least likely tokens, and a note that a model ends with
        a small probability at each of many places would never end.

        Raises
        ------
        ValueError
            If an array has another shape.
        """
    def advance(self, ids: npt.NDArray[np.int64]) -> None:
        """Take note of the token that each song went on with, ``(B,)`` ids; what the grammar forbids does no harm.

        Raises
        ------
        TokenError
            If an id does not exist.
        ValueError
            If there are not B of them.
        """
    def select(self, songs: Sequence[int]) -> Tx3Grammar:
        """Give the grammar of some of the songs, by index; a song may be chosen twice."""
    def replace(self, song: int, other: Tx3Grammar) -> None:
        """Replace a song by the only one of another grammar.

        Raises
        ------
        ValueError
            If there is no such song, or the other grammar is not of one song.
        """
    @property
    def ticks(self) -> npt.NDArray[np.int64]:
        """The time of each song in ticks of 1/44,100 s, ``(B,)``."""
    @property
    def frames(self) -> npt.NDArray[np.int64]:
        """The time of each song in frames, ``(B,)``."""
    @property
    def bars(self) -> npt.NDArray[np.int64]:
        """How many bars of each song have begun, ``(B,)``."""
    @property
    def sounding(self) -> npt.NDArray[np.bool_]:
        """Which voices sound, ``(B, 4)``."""
    def __len__(self) -> int: ...

@final
class ScoreStates:
    """The state of the score in sequences of TX3 tokens (docs/tx3.md, State): what a model may read beside a token.

    A state has F features: of each voice its pitch, how long ago it began, its gate, instrument and loudness; the row,
    the frame in the row, the tempo and the meter; the length and the lag of the longest match with earlier bars; the
    last steps and distances of each voice, and the key. Each is the number of a row in one table of embeddings. Behind
    these stand P predictions: of the next token, if the song repeats an earlier bar, and of the next note of each
    voice, if its line repeats itself. A prediction is a token, and a row in a table of weights of its embedding.

    Parameters
    ----------
    sequences
        The number of sequences; at most 65,536.
    """

    def __new__(cls, sequences: int = 1) -> ScoreStates: ...
    def feed(self, tokens: npt.NDArray[np.int64], sequences: Sequence[int]) -> npt.NDArray[np.int64]:
        """Take note of tokens, ``(R,)`` ids, each of the sequence at the same index.

        A sequence that is named again gets its tokens one after the other; ``<S>`` begins a new song.

        Returns
        -------
        int64 array, ``(R, 1 + F + 2P)``
            Each token, and the state behind it.

        Raises
        ------
        TokenError
            If an id does not exist.
        ValueError
            If there is no such sequence, or not one for each token.
        """
    def expected(self) -> npt.NDArray[np.int64]:
        """Tell how the sequences go on if they repeat an earlier bar.

        Returns
        -------
        int64 array, ``(B, 2)``
            A token of each sequence, and the match length: how many tokens in succession that bar has predicted
            rightly. ``<S>`` and 0 in the first bar.
        """
    def fork(self, source: int, target: int) -> None:
        """Replace a sequence by a copy of another."""
    def rewind(self, sequence: int) -> None:
        """Take back the last token of a sequence, once.

        Raises
        ------
        ValueError
            If it has read nothing since it was rewound.
        """

def with_score_state(tokens: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Give each token of a song of TX3 with the state of the score behind it (see `ScoreStates`).

    Parameters
    ----------
    tokens : int64 array, ``(N,)``
        Ids; ``<S>`` begins a new song.

    Returns
    -------
    int64 array, ``(N, 1 + F + 2P)``

    Raises
    ------
    TokenError
        If an id does not exist.
    """

def score_state_tables() -> tuple[int, int, int]:
    """Give the rows of the two tables of `ScoreStates`, of embeddings and of weights, and P, the number of pairs."""

def tx3_facts(song: Song) -> dict[str, Any]:
    """Measure a song: its frames, tempo, bars and key, and how dense and how high each voice is.

    Returns
    -------
    dict
        ``frame_period`` (ticks), ``frame_phase`` (frames), ``frames_a_row``, ``swing`` (frames), ``rows_a_bar``,
        ``beats_a_minute``, ``bars``, ``tempo_changes``, ``on_rows`` (the share of onsets), ``key`` (``A minor``, or
        None), ``key_strength`` (a correlation), ``duration`` (seconds); ``voices``: of each, ``density`` (onsets a
        second), ``density_class``, ``register`` (the median pitch) and ``register_class``; ``error`` (ticks by which
        onsets are moved to frames, RMS) and ``dropped_notes`` (artefacts shorter than half a frame); ``controls``, the
        tokens that say so.
    """

def tx3_thirds() -> tuple[list[list[float]], list[list[float]]]:
    """Give from where on a voice is of the middle and of the high density, and register.

    Returns
    -------
    tuple
        Of ``p1 p2 tr no`` the onsets a second, two for each; of ``p1 p2 tr`` the median pitch.
    """

def tx3_key_profile(symbol: str) -> npt.NDArray[np.float64]:
    """Give how well each pitch class, C first, fits the key of a token, ``(12,)``: ratings of 1 to 7.

    They are those of listeners (Krumhansl and Kessler 1982), by which `tx3_facts` finds keys.

    Raises
    ------
    ValueError
        If the symbol is not one from ``KEY_C_MAJOR`` to ``KEY_B_MINOR``.
    """

def tx3_song_and_loop(text: str) -> tuple[Song, int | None]:
    """Read a TX3 text: the song without its loop, and the tick of its ``LOOP``."""

@final
class MelodyIndex:
    """Songs that others may turn out to be versions of.

    Their melodies (the highest notes of each part) are compared by rows of 10 intervals, at least 4 of them different,
    so that neither key nor tempo nor instrumentation matters. Two songs are alike if they share at least 8 rows and a
    fifth of the rows of the one that has fewer.
    """

    def __new__(cls, files: Sequence[tuple[str | PathLike[str], str]], *, threads: int = 0) -> MelodyIndex:
        """Read songs: path and format of each; any MIDI file will do.

        Raises
        ------
        FormatError, TokenError, LimitError, OSError
            For the first song that cannot be read.
        """
    def find(self, path: str | PathLike[str], format: str) -> tuple[int, float] | None:
        """Return the number of the song that a file is most like, and the share of rows, or ``None``."""
    def __len__(self) -> int: ...

def adapt_files(
    files: Sequence[tuple[str | PathLike[str], str]],
    folder: str | PathLike[str],
    formats: Sequence[str],
    report: Callable[[int, dict[str, Any]], object],
    *,
    threads: int = 0,
    seed: int = 0,
    min_instruments: int = 1,
    min_seconds: float = 5.0,
    max_seconds: float = 600.0,
    overlap: float = 0.0,
    max_examples: int = 16,
    max_song_seconds: float = 180.0,
    drums: bool = True,
    arrange: bool = False,
    exclude: MelodyIndex | None = None,
    melodies: bool = True,
) -> None:
    """Adapt MIDI files, each a path and a name, and write ``FOLDER/NAME_000.tx1.txt`` …; see `lakhnes.data.adapt`.

    `overlap` is in seconds. `report` is called with the number of each file as it is finished, in any order, and a
    dict of ``reason`` and ``detail`` (why it gave no songs), ``like`` (number and share of the song of `exclude`),
    ``songs``, ``seconds``, ``events`` (a number a format), ``trimmed``, ``arranged``, ``digest`` (of its bytes),
    ``dropped`` (instruments: track, channel, program, reason), and ``melody``, of a file that gave songs and with
    `melodies`: the rows by which versions of it are found, for `group_melodies`.

    Raises
    ------
    OSError
        If a text cannot be written. Files that cannot be read are reported.
    """

def group_melodies(melodies: Sequence[bytes | None]) -> list[int | None]:
    """Group songs that are versions of the same music, by the ``melody`` of each file that `adapt_files` reports.

    Returns
    -------
    list
        For each melody the number of the first one of its group; None for None.
    """

def events_from_text(text: str, vocabulary: Vocabulary) -> npt.NDArray[np.int32]:
    """Read a TX text into the compact form: a wait of ``w`` samples is ``-w``, any other event its id.

    Raises
    ------
    TokenError
        If a line is no event of the vocabulary's dialect.
    FormatError
        If the text has no event.
    LimitError
        If the text has more than 64 MiB or 16 Mi events.
    """

def quantize_events(events: npt.NDArray[np.int32], frame: bool) -> npt.NDArray[np.int64]:
    """Turn the compact form into ids, waits rounded to tokens.

    With `frame`, as LakhNES trained and evaluated: one wait at each end is dropped, and the rest stands between two
    boundaries, ``<S> … <S>``.
    """

def augment_events(
    events: npt.NDArray[np.int32],
    *,
    transpose: int = 0,
    stretch: float = 1.0,
    switch_pulses: bool = False,
    keep: Sequence[bool] = ...,
    trim: bool = False,
    tempo: int = 0,
    controls: bool = False,
    vocabulary: Vocabulary | None = None,
) -> npt.NDArray[np.int32]:
    """Vary a song in the compact form (LakhNES, section 4.3).

    Parameters
    ----------
    events
        The song; ids are those of TX1, or of `vocabulary`.
    transpose
        Semitones by which pulses and triangle move. A note that leaves its voice's range is dropped with its note-off.
    stretch
        Factor of every wait.
    switch_pulses
        Whether P1 and P2 exchange their parts.
    keep
        Which of P1, P2, TR and NO stay; four booleans.
    trim
        Whether the silence before the first event and after the last goes.
    tempo
        Frames by which the rows of a TX3 song become longer, where what lies between rows allows it.
    controls
        Whether a TX3 song begins with its facts, as its control tokens say them.
    vocabulary
        TX1 where none is given.
    """

def source_bars(data: bytes, most: int) -> npt.NDArray[np.int64]:
    """Read the notes and drum hits of any MIDI file as a piano roll shows them before `Song.arrange`.

    Parameters
    ----------
    data
        A MIDI file of format 0 or 1.
    most
        Of more notes than this, those of a channel and pitch that touch each other in a column are one bar. There are
        4,096 columns, or fewer where that leaves more bars than this. At least 2,048.

    Returns
    -------
    int64 array of shape (bars, 4)
        By onset: start and end in ticks of 1/44,100 s, channel (9: drums), MIDI note.

    Raises
    ------
    FormatError, LimitError
        As `Song.arrange`.
    """

@final
class Format:
    """A format of files: a row of the one table, which stands in ``rust/files/src/format.rs``."""

    @property
    def name(self) -> str:
        """Its name, as ``--to`` and ``--from`` take it."""
    @property
    def suffixes(self) -> list[str]:
        """How names of its files end, the one that is written first."""
    @property
    def mime(self) -> str:
        """Its media type."""
    @property
    def holds(self) -> Literal["song", "arrays", "log", "audio"]:
        """Notes, a score by frames as arrays, register writes, or samples."""
    @property
    def tracks(self) -> bool:
        """Whether a file may hold several songs, of which one is read."""
    @property
    def album(self) -> bool:
        """Whether several songs can be written as one file."""
    @property
    def readable(self) -> bool:
        """Whether it can be read."""
    @property
    def writable(self) -> bool:
        """Whether it can be written."""

def formats() -> list[Format]:
    """Give the table of formats."""

def decode(
    data: bytes,
    format: str,
    name: str | None = None,
    *,
    score: bool = False,
    track: int | None = None,
    max_duration: float | None = None,
    fade: float = 0.0,
) -> tuple[Song | RegisterLog, str]:
    """Read what is in a file; a raw score gives its register writes, or with `score` its notes.

    The text says in one line what was left out or was not as the format has it; empty if all was. `track`,
    `max_duration` and `fade` are those of `NsfFile.run`, for formats with tracks; where notes are wanted, what a
    program sends in one go has one time.

    Raises
    ------
    FormatError, TokenError, LimitError
        If the bytes are not what the format asks for; the message opens with `name` and names the place.
    """

def export(
    played: Song | RegisterLog,
    target: str | PathLike[str] | BinaryIO,
    format: str,
    encoder: _Encoder,
    *,
    overwrite: bool = True,
    **options: Any,
) -> float:
    """Write a song or a log to a file or a stream; give the seconds that were written. Options are of `lakhnes.write`.

    Parameters
    ----------
    encoder
        Begins a FLAC or Ogg file of a path, the name of its format, a sample rate and a number of channels. What it
        gives has methods ``tag``, for a title, an artist and a copyright, ``write``, for int16 arrays of shape
        (frames, channels), and ``close``. They are called on any thread.
    """

def export_samples(
    samples: npt.NDArray[np.int16],
    sample_rate: int,
    target: str | PathLike[str] | BinaryIO,
    format: str,
    encoder: _Encoder,
    *,
    overwrite: bool = True,
    loop: tuple[int, int] | None = None,
) -> None:
    """Write samples of shape (frames, channels); `loop` is as in `lakhnes.write_audio`.

    Raises
    ------
    ValueError
        If a loop's end is not after its start, or either is more than a WAV file can say.
    """

def export_files(
    jobs: Sequence[Any],
    format: str,
    encoder: _Encoder,
    report: Callable[[int, Exception | None, list[Path], float, str, dict[str, Any] | None], object],
    *,
    edits: dict[str, Any],
    threads: int = 0,
    stems: bool = False,
    overwrite: bool = True,
    **options: Any,
) -> None:
    """Write songs, as many at once as there are threads (0: one a core); see `lakhnes.exporting.export_files`.

    Parameters
    ----------
    jobs
        `lakhnes.exporting.ExportJob`; each names its `source_format`.
    report
        Called from this thread after each song with its number, its exception or None, its files, its seconds, a line
        about what was left out of it, and the report of its arrangement. When it raises, no other song is begun.
    edits
        ``arrange``, ``arpeggio``, ``parts``, ``simplify``, ``shorten``, ``trim`` (start and end in ticks),
        ``transpose``, and ``max_run``, the longest run of a track in seconds.
    """

def export_album(
    jobs: Sequence[Any],
    target: str | PathLike[str] | BinaryIO,
    format: str,
    encoder: _Encoder,
    report: Callable[[int, Exception | None, list[Path], float, str, dict[str, Any] | None], object],
    *,
    title: str,
    edits: dict[str, Any],
    threads: int = 0,
    overwrite: bool = True,
    **options: Any,
) -> float:
    """Write songs as the tracks of one file; see `export_files` and `lakhnes.exporting.export_album`.

    Raises
    ------
    FormatError, LimitError
        If the format holds one song, or cannot hold these.
    """

def stem_path(path: str | PathLike[str], voice: str) -> Path:
    """Name the file of one voice of a song: ``a.wav`` → ``a.p1.wav``."""

def convert_texts(
    songs: Sequence[tuple[bytes, str, int | None]],
    formats: Sequence[str],
    *,
    threads: int = 0,
    exact: bool = False,
    score_rate: float | None = None,
    max_duration: float | None = None,
) -> list[tuple[bytes, ...] | str]:
    """Convert songs, each the bytes of a file, its format and its track, to texts (``tx1``, ``tx2``).

    Register writes are transcribed, true to the chip if `exact`. With a `score_rate`, songs are reduced to the frames
    of an expressive score at this rate in Hz first, as NES-MDB's 24 Hz scores are. Tracks run for `max_duration`
    seconds at the most.

    Returns
    -------
    list
        For each song a tuple of its texts, or the line that says what is wrong with it.
    """

def tokenize_files(
    files: Sequence[tuple[str | PathLike[str], str]], vocabulary: Vocabulary, *, threads: int = 0
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], list[tuple[int, Exception]]]:
    """Read songs, each a path and a format, as token ids and offsets; see `lakhnes.tokenize_files`.

    `threads` says how many files at once; 0 stands for one a core. Files that cannot be read are left out and named by
    their index, each with its exception.
    """

@final
class DecoderModel:
    """The weights of a Transformer-XL, packed for incremental decoding on the CPU. It does not change.

    Parameters
    ----------
    tensors
        The weights, flat and contiguous, under their names in the checkpoint. They are copied.
    vocab_size, n_layer, n_head, d_model, d_head, d_inner, pre_norm, clamp_len
        As of `lakhnes.model.config.TransformerXLConfig`.
    state_rows
        Of ``score_state.weight``, the table of what is read beside each token; 0 for none.
    recall_rows
        Of ``recall.weight``, the weights of what is recalled beside each token; 0 for none.
    dtype
        How weights, keys, values and projected distances are kept: ``float32 bfloat16 int8``. All else is computed in
        float32.

    Raises
    ------
    ValueError
        If a number is out of range, or a weight is missing or has another size.
    MemoryError
        If there is no room for the weights.
    """

    def __new__(
        cls,
        tensors: Mapping[str, npt.NDArray[np.float32]],
        *,
        vocab_size: int,
        n_layer: int,
        n_head: int,
        d_model: int,
        d_head: int,
        d_inner: int,
        pre_norm: bool,
        clamp_len: int,
        state_rows: int = 0,
        recall_rows: int = 0,
        dtype: str,
    ) -> DecoderModel: ...
    def begin(self, *, window: int, sequences: int, threads: int) -> SequenceState:
        """Begin some sequences.

        The logits of a sequence depend neither on the number of sequences nor on that of threads.

        Parameters
        ----------
        window
            Positions that each position attends to, itself among them, 1 to 65,536: ``mem_len + 1``, or ``mem_len``
            with ``same_length``.
        sequences
            Batch size B, 1 to 65,536.
        threads
            1 to 256; at most one a head, and one a processor, is used.

        Raises
        ------
        ValueError
            If a number is out of range.
        MemoryError
            If there is no room for the keys and values.
        """

@final
class SequenceState:
    """What incremental decoding keeps of B sequences over a vocabulary of V tokens; made by `DecoderModel.begin`."""

    def feed(
        self,
        sequences: Sequence[int],
        tokens: npt.NDArray[np.int64],
        states: npt.NDArray[np.int64] | None = None,
    ) -> npt.NDArray[np.float32]:
        """Feed N tokens, each to the sequence at the same index of `sequences`.

        A sequence that appears again is fed one token after the other. `states`, ``(N, F + 2P)``, is what `ScoreStates`
        gives beside each token, for a model that has tables for it.

        Returns
        -------
        ndarray, float32
            Logits of the next token after each, ``(N * V,)``.

        Raises
        ------
        ValueError
            If the lists are empty or differ in length, there is no such sequence, an id is outside the vocabulary, or
            the states do not fit.
        """

    def rewind(self, sequence: int) -> None:
        """Forget the last token of a sequence; the next one takes its position.

        Raises
        ------
        ValueError
            If nothing was fed to the sequence since its last rewind: what a token displaced from a full memory is lost.
        """

    def fork(self, source: int, target: int, common: int) -> None:
        """Give the sequence `target` the state of `source`. The first `common` tokens of both are the same.

        Only what was fed since is copied.

        Raises
        ------
        ValueError
            If there is no such sequence, or one of them is shorter than `common`.
        """

def sample_tokens(
    logits: npt.NDArray[np.float32],
    uniforms: npt.NDArray[np.float32],
    temperatures: npt.NDArray[np.float32],
    allowed: npt.NDArray[np.bool_] | None = None,
    *,
    top_k: int | None = None,
    top_p: float = 1.0,
    min_p: float = 0.0,
    typical_p: float = 1.0,
    threads: int = 1,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Sample the next token of every sequence.

    The filters work in this order: temperature, top-k, top-p, min-p, typical-p; each on the renormalised result of
    the ones before, as in Hugging Face's ``transformers``. Each leaves at least one token.

    Parameters
    ----------
    logits
        ``(B, V)``; minus infinity for what is never sampled. Log-probabilities will do.
    uniforms
        ``(B,)``, in [0, 1]. Of the tokens that the filters leave, most probable first, the first one is taken with
        which the cumulated probability exceeds it.
    temperatures
        ``(B,)``, 0 or more. Divide the logits; 0 takes the most probable token.
    allowed
        ``(B, V)``; what may be sampled, everything if not given.
    top_k
        Keep the k most probable tokens (Fan et al. 2018).
    top_p
        Keep the fewest of the most probable tokens whose probabilities reach p (Holtzman et al. 2020).
    min_p
        Keep the tokens that are at least p times as probable as the most probable one (Nguyen et al. 2024).
    typical_p
        Keep the fewest tokens whose probabilities reach p, those first whose information content is the closest to the
        entropy (Meister et al. 2023).
    threads
        How many threads share the sequences, where these are more than a few dozen. The results do not depend on it.

    Returns
    -------
    tokens : ndarray, int64, ``(B,)``
    losses : ndarray, float32, ``(B,)``
        Negative log-likelihoods in nats under the logits alone: at temperature 1, unfiltered, with nothing forbidden.

    Raises
    ------
    ValueError
        If no token may come next, the arrays do not fit each other, or a parameter is out of range.
    """
