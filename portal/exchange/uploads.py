"""Where sent sheets lie between preview and applying, and for how long."""

from __future__ import annotations

import hashlib
import time
from datetime import timedelta
from pathlib import Path

KEPT = timedelta(days=1)
"""How long a sheet that nobody applied, the refused rows of one, or an export is kept."""


def place(home: Path, key: str) -> Path:
    """Where the upload called *key* lies."""
    return _folder(home, "uploads") / f"{key}.sheet"


def refused(home: Path, key: str) -> Path:
    """Where the refused rows of the applied upload called *key* lie."""
    return _folder(home, "uploads") / f"{key}.refused.xlsx"


def export(home: Path, key: str) -> Path:
    """Where the export called *key* lies."""
    return _folder(home, "exports") / f"{key}.xlsx"


def digest(path: Path) -> str:
    """SHA-256 of the file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sweep(home: Path) -> None:
    """Remove what was kept long enough: it holds personal data in clear."""
    oldest = time.time() - KEPT.total_seconds()
    for folder in ("uploads", "exports"):
        for path in _folder(home, folder).iterdir():
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)


def _folder(home: Path, name: str) -> Path:
    folder = home / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
