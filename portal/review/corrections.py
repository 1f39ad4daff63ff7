"""Returns of named fields: what a correction may change, and what it changed.

A return names fields of the form, and files that it asks for, each with what is wrong; then only
these may change. One that names none opens the whole form.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session, aliased

from models.application import RETURNED, Application
from models.base import N_, Refusal
from models.decision import (
    PASS,
    REJECT,
    RETURN,
    SUBMIT,
    UNDO,
    Decision,
    DecisionBatch,
    FieldChange,
)
from models.programme import FormField, Revision
from portal.review.form_values import mask_of

ATTACHMENT = "attachment."
"""How a file that a rule asks for is named among the fields."""
_TOGETHER = (
    frozenset({"payee.card", "payee.account", "payee.bank"}),
    frozenset({"organization.unit", "organization.district"}),
    frozenset({"applicant.id_number", "applicant.sex"}),
)
"""Fields of which one says what the others may be: they are corrected together."""


class NotNamed(Refusal):
    """The return named other fields."""

    message = N_("Only what was returned for correction may be changed, not %(labels)s.")


@dataclass(frozen=True)
class Asked:
    """What the last return asks of a case: field → what is wrong, by whom, at which stage.

    An empty ``fields`` opens the whole form.
    """

    fields: Mapping[str, str]
    reason: str
    stage_key: str | None
    decision: Decision

    def may_change(self, key: str) -> bool:
        """Whether the field (or ``attachment.`` and rule) *key* may change."""
        return not self.fields or key in widened(self.fields)


def correctable(revision: Revision) -> dict[str, str]:
    """What a return may name: key → label, of the applicant's form and the files asked for."""
    found = {row.key: row.label for row in form_fields(revision)}
    return found | {f"{ATTACHMENT}{row.key}": row.title for row in revision.attachments}


def form_fields(revision: Revision) -> list[FormField]:
    """The fields that the applicant fills in and somebody reviews."""
    return [row for row in revision.fields if row.purpose != "survey" and not row.stage]


def widened(keys: Iterable[str]) -> set[str]:
    """*keys* with those that are corrected together with them."""
    named = set(keys)
    return named.union(*(group for group in _TOGETHER if group & named))


def asked_of(session: Session, application: Application) -> Asked | None:
    """What the last return of *application* asks, while nobody answered it."""
    last = _last_return(session, application)
    if last is None:
        return None
    answered = application.state != RETURNED and last.to_state == RETURNED
    if answered or (application.state != RETURNED and application.stage_key != last.to_stage):
        return None
    return Asked(last.batch.fields, last.reason, last.from_stage, last)


def refuse_unnamed(asked: Asked | None, changed: Iterable[str], revision: Revision) -> None:
    """Raise ``NotNamed`` where a field *changed* that the return did not name."""
    labels = correctable(revision)
    wrong = [key for key in changed if asked is not None and not asked.may_change(key)]
    if wrong:
        raise NotNamed(labels="、".join(labels.get(key, key) for key in wrong))


def differences(
    revision: Revision, before: Mapping[str, str], after: Mapping[str, str]
) -> dict[str, tuple[str, str]]:
    """The form fields whose text differs: key → old and new, identifiers masked."""
    return {
        row.key: (shown(row, before.get(row.key, "")), shown(row, after.get(row.key, "")))
        for row in form_fields(revision)
        if before.get(row.key, "") != after.get(row.key, "")
    }


def shown(row: FormField, text: str) -> str:
    """*text* as people see it: an identifier masked, a choice by its word."""
    masked = mask_of(row.kind, text) if text else text
    return row.choices.get(masked, masked)


def keep_changes(
    session: Session, application: Application, changes: Mapping[str, tuple[str, str]]
) -> None:
    """Keep what the submission that just moved *application* changed."""
    rows = [
        {
            "application_id": application.id,
            "batch_id": application.batch_id,
            "field": key,
            "was": was,
            "becomes": becomes,
        }
        for key, (was, becomes) in changes.items()
    ]
    if rows:
        session.execute(insert(FieldChange), rows)


def changed_since_return(session: Session, application: Application) -> dict[str, str]:
    """Of the fields changed since the last return, what they said before it."""
    last = _last_return(session, application)
    if last is None:
        return {}
    rows = session.execute(
        select(FieldChange.field, FieldChange.was, FieldChange.becomes)
        .where(FieldChange.application_id == application.id, FieldChange.batch_id > last.batch_id)
        .order_by(FieldChange.id)
    )
    first: dict[str, str] = {}
    latest: dict[str, str] = {}
    for key, was, becomes in rows:
        first.setdefault(key, was)
        latest[key] = becomes
    # the two differ though both masks read alike: a digit behind the mask changed
    return {key: was or "–" for key, was in first.items() if key in latest}


def changes_of(session: Session, application: Application) -> dict[int, Sequence[FieldChange]]:
    """Every change of *application* by the submission that brought it."""
    rows = session.scalars(
        select(FieldChange)
        .where(FieldChange.application_id == application.id)
        .order_by(FieldChange.id)
    )
    found: dict[int, list[FieldChange]] = {}
    for row in rows:
        found.setdefault(row.batch_id, []).append(row)
    return dict(found)


def _last_return(session: Session, application: Application) -> Decision | None:
    """The last return of *application* that was not taken back."""
    undo = aliased(Decision)
    undone = (
        select(DecisionBatch.undoes_id)
        .join(undo, undo.batch_id == DecisionBatch.id)
        .where(undo.application_id == application.id, DecisionBatch.undoes_id.is_not(None))
    )
    last = (
        select(func.max(Decision.id))
        .where(
            Decision.application_id == application.id,
            Decision.outcome == RETURN,
            Decision.batch_id.not_in(undone),
        )
        .scalar_subquery()
    )
    return session.scalar(select(Decision).where(Decision.id == last))


def void_decisions(decisions: Iterable[Decision], route: str) -> set[int]:
    """The ids of *decisions* that no longer count: approvals before a return or a correction that
    led back before them, and what was taken back."""
    keys = route.strip(",").split(",")
    standing: list[Decision] = []
    void: set[int] = set()
    for row in sorted(decisions, key=lambda row: row.id):
        if row.outcome == UNDO and standing:
            void.add(standing.pop().id)
        elif row.outcome in (RETURN, SUBMIT):
            back = keys.index(row.to_stage) if row.to_stage in keys else 0
            gone = [old for old in standing if _place(keys, old) >= back and old.outcome == PASS]
            void |= {old.id for old in gone}
            standing = [old for old in standing if old not in gone]
        if row.outcome in (PASS, RETURN, REJECT):
            standing.append(row)
    return void


def _place(keys: list[str], row: Decision) -> int:
    return keys.index(row.from_stage) if row.from_stage in keys else -1
