"""Where the files of applications lie: sealed, outside the web root, under names that say nothing.

A file is written beside its place and then renamed, so that a kill leaves it whole or absent.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator
from datetime import timedelta
from pathlib import Path

from cryptography.exceptions import InvalidTag

from models.base import N_, Refusal
from models.types import keyring

YOUNG = timedelta(days=1)
"""A file younger than this may belong to a row that is not committed yet."""
_PART = ".part"


class FileLost(Refusal):
    """The file is not there, or is not what was put there."""

    message = N_("The file is missing or damaged. Please tell the service centre.")


class Vault:
    """Sealed files by the key of their row; configured once by the app."""

    def __init__(self) -> None:
        self._folder = Path()

    def configure(self, home: Path) -> None:
        """Keep the files below *home*."""
        self._folder = home / "attachments"

    def put(self, key: str, data: bytes) -> None:
        """Seal *data* under *key*, on disk when this returns."""
        target = self._place(key)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = target.with_name(target.name + _PART)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(keyring.seal_bytes(data, _bound(key)))
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
        _sync(target.parent)

    def get(self, key: str) -> bytes:
        """What was put under *key*; raises ``FileLost``."""
        try:
            return keyring.open_bytes(self._place(key).read_bytes(), _bound(key))
        except (OSError, InvalidTag, KeyError, ValueError):
            raise FileLost() from None

    def old_keys(self) -> Iterator[str]:
        """The keys of files that are no longer young, half-written ones among them."""
        before = time.time() - YOUNG.total_seconds()
        for path in self._folder.glob("*/*"):
            if path.stat().st_mtime < before:
                yield path.name.removesuffix(_PART)

    def drop(self, keys: Collection[str]) -> None:
        """Remove the files of *keys*, whole or half written."""
        for key in keys:
            place = self._place(key)
            place.unlink(missing_ok=True)
            place.with_name(place.name + _PART).unlink(missing_ok=True)

    def is_due(self) -> bool:
        """Whether a day has passed since this last said yes: time to look for orphans."""
        mark = self._folder / ".swept"
        if mark.exists() and mark.stat().st_mtime > time.time() - YOUNG.total_seconds():
            return False
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        mark.touch()
        return True

    def _place(self, key: str) -> Path:
        return self._folder / key[:2] / key


vault = Vault()


def _bound(key: str) -> str:
    return f"attachment.file.{key}"


def _sync(folder: Path) -> None:
    """Make the rename itself survive a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
