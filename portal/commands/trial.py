"""``flask simulate``, and how a trial of rules reads on the command line."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from models.application import ELIGIBLE, HELD, INELIGIBLE, VERDICTS
from models.base import N_, db
from models.types import in_yuan
from portal.access.accounts import system_actor
from portal.cli import verb, wants_json
from portal.policy.pack_checks import checked
from portal.policy.pack_rows import completed, document_of
from portal.policy.packs import BadPack, revision_named
from portal.policy.pool_demand import PoolDemand
from portal.policy.set_against import DECIDED
from portal.policy.simulate import Exhaustion, Flip, Simulation, simulate
from portal.translations.words import gettext, told

MOST_YUAN = 10**12
_WORDS = VERDICTS | {DECIDED: N_("Decided")}


@click.command("simulate")
@click.argument("pack")
@click.option("--on", "code", required=True, help="The programme whose applications are judged.")
@click.option("--replay", is_flag=True, help="Judge what was decided, too.")
@click.option(
    "--budget", type=click.IntRange(0, 10**12), help="Tell how far so many yuan would reach."
)
@verb
def simulate_command(pack: str, code: str, replay: bool, budget: int | None) -> dict[str, Any]:
    """Judge the applications of a programme by PACK: a file, a CODE or CODE@NUMBER.

    Nothing is written.
    """
    session = db.session()
    fen = None if budget is None else budget * 100
    found = simulate(
        session, system_actor(session), document_named(pack), code, replay=replay, budget_fen=fen
    )
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
    rows.append(
        (gettext("Money (yuan)"), in_yuan(found.before["fen"]), in_yuan(found.after["fen"]))
    )
    rows += [
        (f"  {key}", f"{sums['before']:,}", f"{sums['count']:,}")
        for key, sums in found.tiers.items()
    ]
    rows += [
        (f"  {place.code} {place.name}", in_yuan(place.before_fen), in_yuan(place.after_fen))
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
    return [told_all, *_money(found), *(f"  {_flip(flip)}" for flip in found.flips)]


def _money(found: Simulation) -> list[str]:
    lines = []
    if found.more_fen or found.less_fen:
        sums = {"more": in_yuan(found.more_fen), "less": in_yuan(found.less_fen)}
        lines.append(gettext("%(more)s yuan more for some, %(less)s yuan less for others", **sums))
    if found.exhaustion is not None:
        lines.append(_reach(found.exhaustion))
    return [*lines, *map(_pool, found.pools)]


def _pool(pool: PoolDemand) -> str:
    """What a pool is asked for, and what it lacks."""
    asked = gettext(
        "%(title)s %(pool)s: %(cases)s applications, %(fen)s yuan asked for",
        title=pool.title,
        pool=pool.pool,
        cases=f"{pool.cases:,}",
        fen=in_yuan(pool.asked_fen),
    )
    lacks = [gettext("%(fen)s yuan are missing", fen=in_yuan(pool.missing_fen))]
    lacks = lacks if pool.missing_fen else []
    if pool.missing_places:
        lacks.append(gettext("%(count)s places are missing", count=f"{pool.missing_places:,}"))
    return "; ".join([asked, *lacks])


def _reach(reach: Exhaustion) -> str:
    """How far a budget reaches, as a sentence."""
    budget = in_yuan(reach.budget_fen)
    if reach.day is None:
        return gettext("A budget of %(budget)s yuan reaches everyone", budget=budget)
    return gettext(
        "A budget of %(budget)s yuan is exhausted by what was submitted on %(day)s: "
        "%(cases)s applications, %(fen)s yuan, lie beyond it",
        budget=budget,
        day=reach.day,
        cases=reach.cases,
        fen=in_yuan(reach.fen),
    )


def _flip(flip: Flip) -> str:
    before = told(_WORDS[flip.before], {}) if flip.before else "–"
    after = told(_WORDS[flip.after], {})
    return f"{flip.number} {before} → {after} [{flip.clause}] {flip.says or flip.key}"


commands = [simulate_command]
