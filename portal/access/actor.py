"""Who acts: an account seen as a role at a place in the union tree."""

from __future__ import annotations

from dataclasses import dataclass

from models.account import Account


@dataclass(frozen=True)
class Actor:
    """The acting person, given to every service. ``path`` is their union's place in the tree."""

    account_id: int | None
    name: str
    role: str
    organization_id: int
    path: str
    depth: int
    address: str = ""

    @classmethod
    def of(cls, account: Account, address: str = "") -> Actor:
        """The actor that *account* is, acting from *address*."""
        place = account.organization
        return cls(
            account_id=account.id,
            name=account.name,
            role=account.role,
            organization_id=place.id,
            path=place.path,
            depth=place.depth,
            address=address,
        )
