"""Models on the Hugging Face Hub, by the name ``hf://OWNER/NAME``, or ``hf://OWNER/NAME@REVISION``.

The files of a checkpoint are fetched and nothing else of a repository: no pickle and no code of it comes to this
machine. They are kept in the cache that all programs share through `huggingface_hub` (``HF_HOME``), and are taken from
there where the Hub cannot be reached, or must not be (``HF_HUB_OFFLINE=1``). ``HF_ENDPOINT`` is the address of another
server of the same protocol, ``HF_TOKEN`` the key to private repositories.
"""

from __future__ import annotations

import contextlib
import functools
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lakhnes.checkpoint.config import CARD_FILE, CONFIG_FILE, MAX_CONFIG_BYTES, WEIGHTS_FILE
from lakhnes.checkpoint.download import MAX_DOWNLOAD_BYTES
from lakhnes.errors import CheckpointError
from lakhnes.extras import need

if TYPE_CHECKING:
    from huggingface_hub.file_download import DryRunFileInfo

__all__ = ["PREFIX", "HubName", "fetch", "upload"]

PREFIX = "hf://"

LIMITS = {CONFIG_FILE: MAX_CONFIG_BYTES, WEIGHTS_FILE: MAX_DOWNLOAD_BYTES, CARD_FILE: 2**20}
"""The files that are fetched, and the most bytes of each."""

SERVER_ERROR = 500
"""Answers from this code on say that the server is out of order, not that it refuses."""

_FORM = re.compile(r"hf://(?P<repository>[\w.-]{1,96}/[\w.-]{1,96})(@(?P<revision>[\w./-]{1,255}))?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


class HubName(NamedTuple):
    """A repository and a branch, tag or commit of it."""

    repository: str
    revision: str

    @classmethod
    def of(cls, name: str) -> HubName:
        """Read ``hf://OWNER/NAME[@REVISION]``; without a revision it is the branch ``main``.

        Raises
        ------
        CheckpointError
            If the name has another form.
        """
        found = _FORM.fullmatch(name)
        if found is None:
            raise CheckpointError(f"{name}: expected hf://OWNER/NAME or hf://OWNER/NAME@REVISION")
        return cls(found["repository"], found["revision"] or "main")


def fetch(name: str) -> Path:
    """Return the folder in the cache that holds a checkpoint, fetched if it is not there or no longer the newest.

    A name with the 40 digits of a commit stands for the same files for ever: once they are here, nobody is asked again.

    Raises
    ------
    CheckpointError
        If there is no such repository or revision, it holds no checkpoint or a larger one than `LIMITS`, or it is
        neither here nor within reach.
    MissingExtraError
        If `huggingface_hub` is not installed.
    """
    repository, revision = HubName.of(name)
    need("huggingface_hub")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import DryRunError, HfHubHTTPError, LocalEntryNotFoundError

    # Of what type its answer is depends on the options.
    download: Any = functools.partial(snapshot_download, repository, revision=revision, allow_patterns=list(LIMITS))
    if _COMMIT.fullmatch(revision):
        with contextlib.suppress(LocalEntryNotFoundError):
            return Path(download(local_files_only=True))
    with _told(name), _bars_on_terminals():
        try:
            _check(name, download(dry_run=True))
        except DryRunError as error:  # there was no list of files to be had
            answer = error.__cause__
            if isinstance(answer, HfHubHTTPError) and answer.response.status_code < SERVER_ERROR:
                raise answer from None
            return Path(download(local_files_only=True))
        return Path(download())


def upload(folder: Path, repository: str, *, revision: str = "main", private: bool = False, message: str) -> str:
    """Write the files of a checkpoint into a repository, which is made if it is missing; return the commit's address.

    Raises
    ------
    CheckpointError
        If the server refuses it.
    MissingExtraError
        If `huggingface_hub` is not installed.
    """
    name = f"{PREFIX}{repository}"
    HubName.of(name)
    need("huggingface_hub")
    from huggingface_hub import HfApi

    with _told(name):
        HfApi().create_repo(repository, private=private, exist_ok=True)
        commit = HfApi().upload_folder(
            repo_id=repository, folder_path=folder, revision=revision, commit_message=message,
            allow_patterns=list(LIMITS),
        )  # fmt: skip
    return str(commit.commit_url)


def _check(name: str, files: Iterable[DryRunFileInfo]) -> None:
    """Refuse a repository that holds no checkpoint, or one that is too large."""
    sizes = {file.filename: file.file_size or 0 for file in files}
    for file, limit in LIMITS.items():
        if file not in sizes and file != CARD_FILE:
            raise CheckpointError(f"{name}: {file} is missing; of a repository only safetensors and JSON are loaded")
        if sizes.get(file, 0) > limit:
            raise CheckpointError(f"{name}: {file} has {sizes[file]} bytes, expected at most {limit}")


@contextlib.contextmanager
def _bars_on_terminals() -> Iterator[None]:
    """Draw no bars where stderr is not a terminal, as everywhere else in lakhnes."""
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    if sys.stderr.isatty() or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


@contextlib.contextmanager
def _told(name: str) -> Iterator[None]:
    """Turn the errors of `huggingface_hub` into one line that names the model."""
    from huggingface_hub.errors import (
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    # What its client for HTTP raises, by whatever name it goes in this version.
    HTTPError: type[Exception] = HfHubHTTPError.__bases__[0]  # noqa: N806
    try:
        yield
    except RepositoryNotFoundError:
        raise CheckpointError(f"{name}: no such repository, or it is private and HF_TOKEN does not open it") from None
    except RevisionNotFoundError:
        raise CheckpointError(f"{name}: the repository has no such branch, tag or commit") from None
    except LocalEntryNotFoundError:
        raise CheckpointError(f"{name}: not in the cache, and the Hub cannot be reached") from None
    except HfHubHTTPError as error:
        raise CheckpointError(f"{name}: the Hub answers {error.response.status_code}") from None
    except (HTTPError, ConnectionError):
        raise CheckpointError(f"{name}: the Hub cannot be reached") from None
