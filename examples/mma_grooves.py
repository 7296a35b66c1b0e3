"""Songs that the accompaniment program MMA (Debian's ``mma``) plays over chord charts of our own.

Every style of its library gets one chart, key and tempo; the melody is MMA's own (an Aria track), the bass, chords and
drums are the style's. A seed and the name of the style decide all.
"""

import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

CHARTS = (
    "C Am F G C Am Dm G7 C Em F G Am F G7 C",
    "C G Am F C G F G Am Em F C Dm F G C",
    "Am G F E7 Am G F E7 Dm Am E7 Am Dm Am B7 E7",
    "C7 F7 C7 C7 F7 F7 C7 A7 Dm7 G7 C7 G7",
    "Dm7 G7 CM7 CM7 Dm7 G7 CM7 A7 Dm7 G7 Em7 A7 Dm7 G7 CM7 CM7",
    "C F C G C F G C Am Dm G C F C G7 C",
    "Am F C G Am F C G F G Em Am Dm E7 Am Am",
    "C C7 F Fm C G C G7 Am D7 G E7 Am Fm C C",
    "Em C D Em Em C D Em G D Am C Em B7 Em Em",
    "F Em Dm C F Em Dm C Bb F C C Bb F C7 F",
    "C Dm Em F Em Dm C G F Em Dm C Dm G C C",
    "Am7 D7 GM7 CM7 F#m7b5 B7 Em Em Am7 D7 GM7 CM7 F#m7b5 B7 Em E7",
)
"""Sixteen (twelve for a blues) bars each, a chord a bar."""

KEYS = ("0", "2", "3", "5", "-2", "-3", "-5", "7")

RHYTHMS = (
    "{1 4 90; 2 4 90; 3 4 90}",
    "{1 8 90; 1.5 8 80; 2 4 90; 3 4 90}",
    "{1 4. 90; 2.5 8 80; 3 4 90}",
    "{1 8 90; 1.5 8 80; 2 8 90; 2.5 8 80; 3 4 90}",
    "{1 2 90; 3 4 80}",
    "{1.5 8 90; 2 8 80; 2.5 8 90; 3 8 90}",
)
"""What a melody may play in a bar of any metre."""

PATIENCE = 60
"""Seconds after which a style is given up."""


def styles(library: Path) -> Iterator[tuple[str, str]]:
    """Give the path of each file of the library and the first style that it defines."""
    for path in sorted(library.rglob("*.mma")):
        defined = re.search(r"^\s*DefGroove\s+(\S+)", path.read_text("latin-1"), re.MULTILINE | re.IGNORECASE)
        if defined:
            yield path.relative_to(library).with_suffix("").as_posix(), defined[1]


def song(path: str, style: str, seed: int) -> str:
    """Write the score of one song in MMA's language."""
    choose = random.Random(f"{seed} {path}")  # the same songs for the same seed
    melody = " ".join(choose.choice(RHYTHMS) for _ in range(4))
    steps = " ".join(choose.choice(("1", "-1", "2", "-2", "0", "1", "-1")) for _ in range(12))
    chords = choose.choice(CHARTS).split() * 2
    lines = [
        f"RndSeed {choose.randrange(10**6)}",
        f"Tempo {choose.randrange(84, 168, 4)}",
        f"Transpose {choose.choice(KEYS)}",
        f"Groove {path}:{style}",
        "Begin Aria",
        "  Voice Flute",
        "  Octave 5",
        "  Volume F",
        f"  ScaleType {choose.choice(('Auto', 'Chord'))}",
        f"  Range {choose.choice((1, 2))}",
        f"  Direction {steps}",
        f"  Sequence {melody}",
        "End",
        *(f"{bar} {chord}" for bar, chord in enumerate(chords, 1)),
    ]
    return "\n".join(lines) + "\n"


def play(package: Path, destination: Path, seed: int = 0) -> int:
    """Let MMA play every style; give the number of MIDI files. What fails is told on stderr."""
    home = (package / "usr/share/mma").resolve()
    program = (package / "usr/bin/mma").resolve()
    destination.mkdir(parents=True, exist_ok=True)
    written = 0
    for path, style in styles(home / "lib"):
        name = path.replace("/", "-")
        score, midi = destination / f"{name}.mma", destination / f"{name}.mid"
        if not midi.exists():
            score.write_text(song(path, style, seed))
            command = [sys.executable, str(program), score.name, "-f", midi.name]
            try:
                subprocess.run(
                    command,
                    cwd=destination,
                    env={"MMA_HOME": str(home), "PATH": "/usr/bin:/bin"},
                    capture_output=True,
                    timeout=PATIENCE,
                    check=True,
                )
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
                output = (error.stdout or b"").decode("utf-8", "replace").strip().splitlines()
                print(f"{path}: {output[-1] if output else error}", file=sys.stderr)
                continue
        written += midi.exists()
    return written
