"""``flask simulate``, and how a trial of rules reads on the command line."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from models.application import ELIGIBLE, HELD, INELIGIBLE, VERDICTS
from models.base import N_, db
from portal.access.accounts import system_actor
from portal.cli import verb, wants_json
from portal.policy.pack_checks import checked
from portal.policy.pack_rows import completed, document_of
from portal.policy.packs import BadPack, revision_named
from portal.policy.set_against import DECIDED
from portal.policy.simulate import Flip, Simulation, simulate
from portal.translations.words import gettext, told

_WORDS = VERDICTS | {DECIDED: N_("Decided")}


@click.command("simulate")
@click.argument("pack")
@click.option("--on", "code", required=True, help="The programme whose applications are judged.")
@verb
def simulate_command(pack: str, code: str) -> dict[str, Any]:
    """Judge the applications of a programme by PACK: a file, a CODE or CODE@NUMBER.

    Nothing is written.
    """
    session = db.session()
    found = simulate(session, system_actor(session), document_named(pack), code)
    session.rollback()
    return asdict(found) if wants_json() else {"text": trial_text(found)}


def document_named(name: str) -> dict[str, Any]:
    """The document of a file, of a CODE's newest revision or of CODE@NUMBER.

    Raises ``BadPack``, ``UnknownProgramme`` or ``UnknownRevision``.
    """
    session = db.session()
    path = Path(name)
    if not path.is_file():
        return document_of(revision_named(session, name))
    pack, flaws = checked(session, path)
    if flaws:
        raise BadPack(path, flaws)
    return completed(pack.document)


def trial_text(found: Simulation) -> str:
    """Verdicts and yuan before and after, tiers, districts, and the first who flip."""
    rows = [("", gettext("Before"), gettext("After"))]
    rows += [
        (told(_WORDS[kind], {}), f"{found.before[kind]:,}", f"{found.after[kind]:,}")
        for kind in (ELIGIBLE, HELD, INELIGIBLE, DECIDED)
    ]
    rows.append((gettext("Money (yuan)"), _yuan(found.before["fen"]), _yuan(found.after["fen"])))
    rows += [
        (f"  {key}", f"{sums['before']:,}", f"{sums['count']:,}")
        for key, sums in found.tiers.items()
    ]
    rows += [
        (f"  {place.code} {place.name}", _yuan(place.before_fen), _yuan(place.after_fen))
        for place in found.districts
    ]
    return "\n".join(["\t".join(row) for row in rows] + _ends(found))


def _ends(found: Simulation) -> list[str]:
    counts = {
        "cases": found.cases,
        "flipped": found.flipped,
        "repriced": found.repriced,
        "otherwise": found.decided_otherwise,
        "seconds": found.seconds,
    }
    told_all = gettext(
        "%(cases)s applications in %(seconds)s s: %(flipped)s verdicts and %(repriced)s amounts "
        "change; %(otherwise)s decided ones would come out otherwise and stay",
        **counts,
    )
    return [told_all, *(f"  {_flip(flip)}" for flip in found.flips)]


def _flip(flip: Flip) -> str:
    before = told(_WORDS[flip.before], {}) if flip.before else "–"
    after = told(_WORDS[flip.after], {})
    return f"{flip.number} {before} → {after} [{flip.clause}] {flip.says or flip.key}"


def _yuan(fen: int) -> str:
    return f"{fen / 100:,.2f}"


commands = [simulate_command]
