"""Pack files: YAML read with line numbers, checked against the schema, written in one style."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from models.base import N_
from portal.policy.check import Path as Place

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


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
    yaml = YAML(typ="rt")
    try:
        marks = yaml.load(path.read_text(encoding="utf-8"))
    except DuplicateKeyError as error:
        return PackFile({}, None), [_marked(error, N_("a key stands twice here"))]
    except (YAMLError, UnicodeDecodeError, ValueError) as error:
        return PackFile({}, None), [_marked(error, N_("this is not valid YAML"))]
    if not isinstance(marks, CommentedMap):
        return PackFile({}, None), [Flaw(1, "", N_("a pack is a mapping of keys"))]
    pack = PackFile(_plain(marks), marks)
    return pack, list(_schema_flaws(pack))


def write(document: dict[str, Any]) -> str:
    """The YAML text of a plain document, the same for equal documents."""
    yaml = YAML()
    yaml.default_flow_style = None
    yaml.width = 110
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = StringIO()
    yaml.dump(_dated(document), stream)
    return stream.getvalue()


def _plain(value: Any) -> Any:
    """Plain JSON values: dates as ISO text, no YAML types."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()[:10]
    if isinstance(value, bool) or value is None:
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return str(value)


def _dated(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _dated(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_dated(item) for item in value]
    if isinstance(value, str) and _DAY.fullmatch(value):
        return date.fromisoformat(value)
    return value


@cache
def _validator() -> Draft202012Validator:
    schema = json.loads(Path(__file__).with_name("pack.schema.json").read_text(encoding="utf-8"))
    return Draft202012Validator(schema)


def _schema_flaws(pack: PackFile) -> Iterator[Flaw]:
    for error in _validator().iter_errors(pack.document):
        path: Place = tuple(error.absolute_path)
        yield pack.flaw(path, N_("%(detail)s"), {"detail": error.message[:200]})
    yield from _impossible_days(pack)


def _impossible_days(pack: PackFile) -> Iterator[Flaw]:
    places: list[tuple[Place, Any]] = [(("notice", "issued"), pack.document.get("notice"))]
    windows = pack.document.get("windows")
    if isinstance(windows, list):
        places += [(("windows", n, "opens"), row) for n, row in enumerate(windows)]
        places += [(("windows", n, "closes"), row) for n, row in enumerate(windows)]
    for path, row in places:
        text = row.get(path[-1]) if isinstance(row, dict) else None
        if isinstance(text, str) and _DAY.fullmatch(text) and not _exists(text):
            yield pack.flaw(path, N_("there is no such day"))


def _exists(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _marked(error: Exception, message: str) -> Flaw:
    mark = getattr(error, "problem_mark", None) if isinstance(error, MarkedYAMLError) else None
    return Flaw(mark.line + 1 if mark else 1, "", message)


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
