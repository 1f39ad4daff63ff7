"""Pack files: YAML read with line numbers, checked against the schema, written in one style."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, ScalarEvent

from models.base import N_
from portal.policy.check import Path as Place
from portal.policy.pack_schema import schema_problems

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_LARGEST = 1_000_000  # bytes; a long programme takes thirty thousand
_DEEPEST = 20  # a nested group takes ten


@dataclass(frozen=True)
class Flaw:
    """What is wrong in a file, and where: a line (from 1) and the path of keys."""

    line: int
    path: str
    message: str
    params: dict[str, Any] = field(default_factory=dict)


@dataclass
class PackFile:
    """A pack as read: its plain document, and the marks that tell where each key stands."""

    document: dict[str, Any]
    marks: Any

    def flaw(self, path: Place, message: str, params: dict[str, Any] | None = None) -> Flaw:
        """A flaw at *path*, with the line of the nearest key that exists."""
        words = ".".join(str(part) for part in path)
        return Flaw(_line(self.marks, path), words, message, params or {})


def read(path: Path) -> tuple[PackFile, list[Flaw]]:
    """Read *path*; gives the pack and what the YAML and the schema find wrong with it."""
    marks, flaw = _load(path)
    if flaw is not None:
        return PackFile({}, None), [flaw]
    pack = PackFile(plain(marks), marks)
    found = schema_problems(pack.document)
    return pack, [pack.flaw(item.path, item.message, item.params) for item in found]


def write(document: dict[str, Any]) -> str:
    """The YAML text of a plain document, the same for equal documents."""
    yaml = YAML()
    yaml.default_flow_style = None
    yaml.width = 110
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = StringIO()
    yaml.dump(_styled(document), stream)
    return stream.getvalue()


def plain(value: Any) -> Any:
    """Plain JSON values: dates as ISO text, no YAML types, no number that is none."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()[:10]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    return int(value) if isinstance(value, int) else str(value)


def _load(path: Path) -> tuple[Any, Flaw | None]:
    """The YAML with its marks, or why there is none."""
    try:
        text = path.read_bytes()[: _LARGEST + 1].decode()
        if len(text) > _LARGEST:
            return None, Flaw(1, "", N_("this file is too large for a pack"))
        flaw = next(unreadable(text), None)
        marks = None if flaw else YAML().load(text)
    except DuplicateKeyError as error:
        return None, _marked(error, N_("a key stands twice here"))
    except UnicodeDecodeError:
        return None, Flaw(1, "", N_("this is not UTF-8 text"))
    except (YAMLError, ValueError, RecursionError) as error:
        return None, _marked(error, N_("this is not valid YAML"))
    if flaw is None and not isinstance(marks, CommentedMap):
        flaw = Flaw(1, "", N_("a pack is a mapping of keys"))
    return marks, flaw


def unreadable(source: str) -> Iterator[Flaw]:
    """What YAML allows and a pack does not."""
    depth = 0
    for event in YAML().parse(source):
        line = event.start_mark.line + 1
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > _DEEPEST:
            yield Flaw(line, "", N_("this is nested too deeply for a pack"))
        if isinstance(event, AliasEvent):
            yield Flaw(line, "", N_("write this out: packs have no aliases"))
        text = event.value if isinstance(event, ScalarEvent) else ""
        if _DAY.fullmatch(text) and _day(text) is None:
            yield Flaw(line, "", N_("there is no such day"))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _marked(error: Exception, message: str) -> Flaw:
    mark = getattr(error, "problem_mark", None) if isinstance(error, MarkedYAMLError) else None
    return Flaw(mark.line + 1 if mark else 1, "", message)


def _styled(value: Any) -> Any:
    """*value* for YAML: days as dates, terms and lists of words on one line."""
    if isinstance(value, dict):
        return {key: _styled(item) for key, item in value.items()}
    if isinstance(value, list):
        items = CommentedSeq(_styled(item) for item in value)
        if value and not isinstance(value[0], dict | list):
            items.fa.set_flow_style()
        return items
    if isinstance(value, str) and _DAY.fullmatch(value):
        return _day(value) or value
    return value


def _line(marks: Any, path: Place) -> int:
    line = 1
    for part in path:
        found = _mark(marks, part)
        if found is None:
            break
        line, marks = found[0] + 1, marks[part]
    return line


def _mark(marks: Any, part: str | int) -> Any:
    try:
        if isinstance(marks, CommentedMap) and part in marks:
            return marks.lc.key(part)
        if isinstance(marks, CommentedSeq) and isinstance(part, int):
            return marks.lc.item(part)
    except (KeyError, AttributeError, TypeError):
        return None
    return None
