"""What the files of a case are told to its page and drawer: rule by rule, what is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portal.theme.shapes import Tone


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A file. ``url`` downloads it; ``remove_url`` takes a POST, empty where it may not."""

    name: str
    size: str
    who: str
    when: str
    url: str = ""
    remove_url: str = ""


@dataclass(frozen=True, slots=True)
class ShownRule:
    """What a rule asks and what answers it.

    ``standing`` says in a word what is missing; ``add_url`` takes ``files`` by POST, empty where
    none may be added.
    """

    key: str
    title: str
    clause: str
    standing: str
    tone: Tone
    icon: str
    needs: str
    hint: str
    files: Sequence[ShownFile]
    add_url: str = ""


@dataclass(frozen=True, slots=True)
class ShownFiles:
    """The section of a case's files. ``accept`` and ``limits`` say what may be sent."""

    rules: Sequence[ShownRule]
    accept: str = ""
    limits: str = ""
