"""Flask-Admin's templates that ours replace or extend: an upgrade says here what moved.

When one fails, read upstream's change, carry over what matters, then write the new hash.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import flask_admin
import pytest

from portal import theme

UPSTREAM = Path(flask_admin.__file__).parent / "templates" / "bootstrap4" / "admin"
OURS = Path(theme.__file__).parent / "templates" / "admin"
EXTENDED = {"master.html"}

SEEN = {
    "actions.html": "685288ebd9108462ae72a04b894303142f1f6b953834295a85f4c4e8d233a514",
    "base.html": "a6add6a45c2ac3c55046ea283318e719269ac7b4e181cc3787904db53b8aaea4",
    "lib.html": "21a2c36fee3e19840985344119f1f84b9330b0c60c00102958e3f652d38194fb",
    "master.html": "54ebe2fb7e4c2e1850d81f85552a44a428525419be60f8dcd60a30168e8f52eb",
    "model/create.html": "8930a13e4d81cd59811ff487314156efa07ebd078471edeca5a97212e145cff2",
    "model/details.html": "c4aa5d6ca9b9b82d52b9bf97e93ea34fa678da0bc181afdf618d4bab5ed5a04f",
    "model/edit.html": "b606efe0a695ead26c97616afacbe16ac1a83dcdfec0caeea1888515be7724d0",
    "model/layout.html": "9801f7f6e21b6dfef6231ea0a2e297ff9903692e894ac1f72e84bd6dddea8cbe",
    "model/list.html": "21003d92feb9a75c9cbb3b816b2ebdd5e8479917edac2483c803561c5cfb5159",
    "model/modals/details.html": (
        "6b25f1078b54b19d91c0f8f5216b4dc11e4ec48b84527fcdb839092f9409f44c"
    ),
    "model/row_actions.html": "4dc1ade152ecd029860ea8248d10d60ec558571d798ccb20017cd2cc4bb42a7d",
}


@pytest.mark.parametrize("name", SEEN)
def test_upstream_is_as_we_saw_it(name: str) -> None:
    assert hashlib.sha256((UPSTREAM / name).read_bytes()).hexdigest() == SEEN[name]


def test_every_replaced_template_is_watched() -> None:
    names = {path.relative_to(OURS).as_posix() for path in OURS.rglob("*.html")}
    replaced = {name for name in names if (UPSTREAM / name).exists()}
    assert replaced | EXTENDED == set(SEEN)
