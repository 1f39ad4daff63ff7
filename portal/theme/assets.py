"""Addresses of the theme's own files, each with its hash, so that browsers may keep them."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"
PREFIX = "/assets"


@cache
def asset(name: str) -> str:
    """The address of ``static/<name>``; raises ``FileNotFoundError`` for one that is not there."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:10]
    return f"{PREFIX}/{name}?v={digest}"
