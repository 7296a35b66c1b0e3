"""Songs that a model composes during its training."""

from __future__ import annotations

from pathlib import Path

from lakhnes.model.model import Model
from lakhnes.model.network import Network

__all__ = ["write_samples"]


def write_samples(model: Network, folder: Path, count: int, seed: int) -> list[Path]:
    """Compose songs, write each as tokens and as sound, and return the sound files."""
    from lakhnes.sampling import generate
    from lakhnes.songs import write

    folder.mkdir(parents=True, exist_ok=True)
    songs = generate(Model.of(model), count, seed=seed)
    paths = [folder / f"{index}.wav" for index in range(len(songs))]
    for song, path in zip(songs, paths, strict=True):
        write(song, path.with_suffix(f".{model.config.vocabulary}.txt"), overwrite=True)
        write(song, path, overwrite=True, expression="natural")
    return paths
