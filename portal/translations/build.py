"""Merges the parts into the one catalogue that pages read: ``python -m portal.translations.build``.

The merged catalogue is made, not kept: the application makes it when it is missing or older
than a part.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

FOLDER = Path(__file__).resolve().parent
# Flask-Babel looks for zh_CN under the name that Babel resolves it to
LOCALE = "zh_Hans_CN"
BUILT = FOLDER / LOCALE / "LC_MESSAGES" / "messages.mo"


class ConflictingTranslations(Exception):
    """Two parts translate one msgid differently; the message names both parts."""


def build_if_stale() -> None:
    """Merge the parts unless the catalogue is at least as new as every one of them.

    Where parts disagree the first is read: a word must not keep the portal from starting.
    """
    built = BUILT.stat().st_mtime_ns if BUILT.exists() else -1
    if any(part.stat().st_mtime_ns > built for part in parts()):
        _write(merge(parts())[0])


def build() -> Path:
    """Merge the parts and give the file written; raises ``ConflictingTranslations``."""
    catalog, conflicts = merge(parts())
    if conflicts:
        raise ConflictingTranslations("\n".join(conflicts))
    _write(catalog)
    return BUILT


def parts() -> list[Path]:
    """The files that rooms keep, by name."""
    return sorted((FOLDER / "parts").glob("*.po"))


def merge(files: Sequence[Path]) -> tuple[Catalog, list[str]]:
    """One catalogue of *files*, the first of two translations kept, and a line a conflict."""
    catalog = Catalog(locale=LOCALE, fuzzy=False)
    origin: dict[object, Path] = {}
    conflicts = []
    for path in files:
        for message in _messages(path):
            key = (message.context, message.id)
            known = catalog.get(message.id, message.context)
            if known is None:
                catalog[message.id], origin[key] = message, path
            elif known.string != message.string:
                conflicts.append(
                    f"{message.id!r} is {known.string!r} in {origin[key].name} "
                    f"and {message.string!r} in {path.name}"
                )
    return catalog, conflicts


def _write(catalog: Catalog) -> None:
    BUILT.parent.mkdir(parents=True, exist_ok=True)
    # workers that start together must never read half a file
    handle, half = tempfile.mkstemp(dir=BUILT.parent)
    with os.fdopen(handle, "wb") as file:
        write_mo(file, catalog)
    os.replace(half, BUILT)


def _messages(path: Path) -> list[Message]:
    with path.open("rb") as file:
        return [message for message in read_po(file, locale=LOCALE) if message.id]


if __name__ == "__main__":
    print(build())
