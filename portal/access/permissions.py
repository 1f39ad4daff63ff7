"""Who may do what: one table, read downwards. Nothing outside it is allowed."""

from __future__ import annotations

from models.base import N_, Refusal
from portal.access.actor import Actor

ADMIN, CENTRE, APPROVER, FINANCE = "system-admin", "city-centre", "city-approver", "finance"
DISTRICT, GRASS_ROOTS, AUDITOR = "district", "grass-roots", "auditor"
EXPERT = "expert"

ROLES = {
    ADMIN: N_("System administrator"),
    CENTRE: N_("City service centre"),
    APPROVER: N_("City approver"),
    FINANCE: N_("Finance"),
    DISTRICT: N_("District or bureau reviewer"),
    GRASS_ROOTS: N_("Grass-roots reviewer"),
    AUDITOR: N_("Auditor"),
    EXPERT: N_("Expert"),
}
ROLE_PLACES = {
    ADMIN: {"city"},
    CENTRE: {"city"},
    APPROVER: {"city"},
    FINANCE: {"city"},
    AUDITOR: {"city"},
    EXPERT: {"city"},
    DISTRICT: {"district", "bureau", "group"},
    GRASS_ROOTS: {"unit"},
}
"""The kinds of union at which a role may sit."""

_CITY = frozenset({CENTRE, APPROVER, FINANCE, AUDITOR})
_STAFF = _CITY | {DISTRICT, GRASS_ROOTS}
_EDITORS = frozenset({CENTRE, DISTRICT, GRASS_ROOTS})
_NOBODY: frozenset[str] = frozenset()
_EVERYONE = _STAFF | {ADMIN}

PERMISSIONS: dict[str, frozenset[str]] = {
    "home:read": _EVERYONE | {EXPERT},
    "application:read": _STAFF,
    "application:write": _EDITORS,
    "application:decide": frozenset({CENTRE, APPROVER, FINANCE, DISTRICT, GRASS_ROOTS}),
    "application:import": _EDITORS,
    "application:attach": _EDITORS | {APPROVER, FINANCE},
    "application:backdate": frozenset({CENTRE}),
    "application:export": _STAFF,
    "applicant:read": _STAFF,
    "applicant:write": _EDITORS,
    "applicant:reveal": frozenset({CENTRE, FINANCE, DISTRICT, GRASS_ROOTS}),
    "certificate:read": _STAFF,
    "certificate:write": _EDITORS,
    "patent:read": _STAFF,
    "patent:write": _EDITORS,
    "studio:read": _STAFF,
    "studio:write": frozenset({CENTRE, DISTRICT}),
    "project:read": _STAFF,
    "project:write": _EDITORS,
    "registry:read": _STAFF,
    "registry:write": frozenset({CENTRE, DISTRICT}),
    "duplicate:read": _STAFF,
    "duplicate:decide": frozenset({CENTRE, DISTRICT}),
    "duplicate:write": _NOBODY,
    "history:read": _CITY | {DISTRICT},
    "history:import": frozenset({CENTRE}),
    "history:write": _NOBODY,
    "reason:read": frozenset({CENTRE, APPROVER, FINANCE, DISTRICT, GRASS_ROOTS, ADMIN}),
    "reason:write": frozenset({CENTRE, ADMIN}),
    "catalogue:read": _EVERYONE,
    "catalogue:write": frozenset({CENTRE, ADMIN}),
    "programme:read": _EVERYONE,
    "programme:write": frozenset({CENTRE, ADMIN}),
    "programme:publish": frozenset({CENTRE, ADMIN}),
    "programme:judge": frozenset({CENTRE, ADMIN}),
    "organization:read": _EVERYONE,
    "organization:write": frozenset({ADMIN}),
    "account:read": frozenset({ADMIN, AUDITOR, DISTRICT}),
    "account:write": frozenset({ADMIN, DISTRICT}),
    "budget:read": _CITY,
    "budget:write": frozenset({FINANCE}),
    "payment:read": _CITY | {DISTRICT},
    "payment:make": frozenset({FINANCE}),
    "payment:confirm": frozenset({CENTRE, DISTRICT}),
    "payment:paper": frozenset({CENTRE, FINANCE, DISTRICT}),
    "payment:account": frozenset({CENTRE, FINANCE}),
    "payment:export": frozenset({FINANCE, AUDITOR, DISTRICT}),
    "payment:bank": frozenset({FINANCE, DISTRICT}),
    "bankfile:read": frozenset({FINANCE, DISTRICT, AUDITOR}),
    "bankfile:write": frozenset({FINANCE}),
    "allocation:read": _CITY | {DISTRICT},
    "allocation:write": frozenset({FINANCE}),
    "allocation:export": _CITY,
    "adjustment:read": _CITY | {DISTRICT},
    "adjustment:propose": frozenset({FINANCE}),
    "adjustment:approve": frozenset({APPROVER, FINANCE}),
    "adjustment:cancel": frozenset({APPROVER, FINANCE}),
    "adjustment:write": _NOBODY,
    "matching:read": _STAFF,
    "ledger:read": frozenset({FINANCE, AUDITOR}),
    "statement:read": frozenset({FINANCE, AUDITOR, DISTRICT}),
    "payment:write": _NOBODY,
    "expert:read": frozenset({CENTRE, APPROVER, AUDITOR}),
    "expert:write": frozenset({CENTRE}),
    "panel:read": _STAFF,
    "panel:write": frozenset({CENTRE, APPROVER}),
    "score:write": frozenset({EXPERT}),
    "publicity:read": _STAFF,
    "publicity:write": frozenset({CENTRE, APPROVER}),
    "objection:read": frozenset({CENTRE, APPROVER, AUDITOR}),
    "audit:read": frozenset({AUDITOR, ADMIN}),
    "audit:write": _NOBODY,
}


class NotAllowed(Refusal):
    """The actor's role lacks the permission."""

    message = N_("Your role may not do this.")


def may(actor: Actor, permission: str) -> bool:
    """Whether *actor*'s role holds *permission*; an unknown permission is held by nobody."""
    return actor.role in PERMISSIONS.get(permission, frozenset())


def require(actor: Actor, permission: str) -> None:
    """Raise ``NotAllowed`` unless *actor* holds *permission*."""
    if not may(actor, permission):
        raise NotAllowed()
