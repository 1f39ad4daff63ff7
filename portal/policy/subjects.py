"""Subjects: what a programme is about, and which records its form fills.

A form key ``patent.number`` fills the column ``number`` of the case's ``Patent``; the same key is
a fact. A subject without records, such as an achievement, lives in the programme's own fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from models.application import Application
from models.base import N_
from models.certificate import SkillCertificate
from models.patent import Patent
from models.project import Project
from models.studio import Studio
from portal.evidence.identifiers import certificate_key, occupation_term
from portal.evidence.patents import patent_key, patent_kind

Columns = Mapping[str, str]


@dataclass(frozen=True)
class Record:
    """A table that forms fill.

    ``columns`` maps a form key's second part to the attribute that keeps it; ``compared`` to the
    attribute that rules compare where that is another. ``texts`` are free text, never codes.
    ``derive`` gives what is stored beside the answers. A record that *stays* belongs to its unit
    over the years and is found again by ``identity``; the others are made for each case.
    """

    prefix: str
    entity: type[Any]
    link: str
    columns: Columns
    needed: tuple[str, ...]
    identity: str
    texts: tuple[str, ...] = ()
    compared: Columns = field(default_factory=dict)
    derive: Callable[[dict[str, Any]], dict[str, Any]] = lambda answers: {}
    stays: bool = False

    @property
    def claimed_by(self) -> str:
        """The form key that says which one it is."""
        return f"{self.prefix}.{self.needed[0]}"

    def values(self, answers: Mapping[str, Any]) -> dict[str, Any]:
        """The row's columns from *answers* (form key → value); money comes in yuan."""
        row = {self.columns[name]: self.stored(name, answers) for name in self.columns}
        return row | self.derive(row)

    def stored(self, name: str, answers: Mapping[str, Any]) -> Any:
        """What the column of *name* keeps of *answers*: money in fen."""
        value = answers.get(f"{self.prefix}.{name}")
        return _in_fen(value) if self.columns[name].endswith("_fen") else value


@dataclass(frozen=True)
class Subject:
    """One subject: its name, its records, and whether its person needs an ID number."""

    label: str
    records: tuple[Record, ...]
    is_personal: bool = True

    @property
    def needed(self) -> list[str]:
        """The form keys that an application of this subject cannot do without."""
        person = ["applicant.name", *(["applicant.id_number"] if self.is_personal else [])]
        own = [f"{row.prefix}.{name}" for row in self.records for name in row.needed]
        return ["organization.unit", *person, *own]

    @property
    def keys(self) -> list[str]:
        """Every form key that its records keep."""
        return [f"{row.prefix}.{name}" for row in self.records for name in row.columns]


def _in_fen(yuan: float | None) -> int | None:
    return None if yuan is None else round(yuan * 100)


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


CERTIFICATE = Record(
    prefix="certificate",
    entity=SkillCertificate,
    link="certificate_id",
    columns=_same(
        "number", "level", "issuer", "occupation", "issued_on", "previous_level",
        "previous_issued_on",
    ),
    needed=("number", "level", "issuer", "occupation", "issued_on"),
    identity="number_key",
    texts=("number",),
    compared={"number": "number_key", "occupation": "occupation_term"},
    derive=lambda row: {
        "number_key": certificate_key(row["number"]),
        "occupation_term": occupation_term(row["occupation"]),
    },
)  # fmt: skip
PATENT = Record(
    prefix="patent",
    entity=Patent,
    link="patent_id",
    columns=_same("number", "title", "kind", "office", "granted_on", "legal_status")
    | {
        "class": "patent_class",
        "first_inventor": "is_first_inventor",
        "service": "is_service_invention",
        "applied": "is_applied",
    },
    needed=("number", "title", "granted_on"),
    identity="number_key",
    texts=("number", "title", "office"),
    compared={"number": "number_key"},
    derive=lambda row: {
        "number_key": patent_key(row["number"]),
        "kind": row.get("kind") or patent_kind(row["number"]),
    },
)
STUDIO = Record(
    prefix="studio",
    entity=Studio,
    link="studio_id",
    columns=_same("name", "category", "level", "speciality", "founded_on"),
    needed=("name",),
    identity="name_key",
    texts=("name", "speciality"),
    derive=lambda row: {"name_key": occupation_term(row["name"])},
    stays=True,
)
PROJECT = Record(
    prefix="project",
    entity=Project,
    link="project_id",
    columns=_same("title", "approved_on", "planned_finish", "accepted_on")
    | {"total_cost": "total_cost_fen", "start_funds": "start_funds_fen"},
    needed=("title",),
    identity="title_key",
    texts=("title",),
    derive=lambda row: {"title_key": occupation_term(row["title"])},
)

SUBJECTS = {
    "skill_certificate": Subject(N_("Skill certificates"), (CERTIFICATE,)),
    "patent": Subject(N_("Patents"), (PATENT,)),
    "studio": Subject(N_("Innovation studios"), (STUDIO,), is_personal=False),
    "project": Subject(N_("Projects"), (STUDIO, PROJECT), is_personal=False),
    "achievement": Subject(N_("Achievements"), ()),
}
RECORDS = (CERTIFICATE, PATENT, STUDIO, PROJECT)


def link_of(record: Record) -> Any:
    """The column of ``Application`` that names the case's *record*."""
    return getattr(Application, record.link)
