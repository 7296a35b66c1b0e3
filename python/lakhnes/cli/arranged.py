"""Songs as commands read them: in any readable format, or with ``--arrange`` any MIDI file."""

from typing import TYPE_CHECKING, Any

from lakhnes.cli.console import Console
from lakhnes.files import format_to_read, read_limited

if TYPE_CHECKING:
    from lakhnes._native import Song

__all__ = ["read_song"]


def read_song(console: Console, path: str, options: dict[str, Any], source_format: str | None = None) -> "Song":
    """Read a song; of one that is arranged, tell what became of its notes.

    `options` are those of a command with `arrange_options`, which are taken out of it.

    Raises
    ------
    FormatError, TokenError, LimitError, OSError
        As `lakhnes.read` and `lakhnes.arranging.arrange` do.
    """
    arrange, how = options.pop("arrange"), {name: options.pop(name) for name in ("arpeggio", "parts")}
    if not arrange:
        from lakhnes.songs import read

        return read(path, source_format)
    from lakhnes import arranging

    format_name = source_format or format_to_read(path)
    song, report = arranging.arrange(read_limited(path), format_name, name=path, **how)
    console.note(f"{path}: {arranging.told(report)}")
    return song
