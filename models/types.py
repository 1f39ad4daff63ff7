"""Column types that carry a promise: money in fen, JSON, and sealed personal identifiers."""

from __future__ import annotations

import hashlib
import hmac
import os
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Any, NewType

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import JSON as SqlJson
from sqlalchemy.dialects.postgresql import JSONB

Fen = NewType("Fen", int)
"""An amount of money in fen (分), one hundredth of a yuan. Never a float."""


def in_yuan(fen: int) -> str:
    """*fen* as yuan with both decimals: 200050 is ``2,000.50``."""
    whole, cents = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}{whole:,}.{cents:02d}"


JSON = SqlJson(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

ORDERED_JSON = SqlJson(none_as_null=True)
"""JSON that keeps the order of its keys, which ``jsonb`` sorts: for what people read in order."""


def new_row_key() -> str:
    """A random name for a row, 22 characters; sealed values are bound to it."""
    return urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")


class Keyring:
    """The keys that seal and index personal identifiers; configured once by the app.

    ``keys`` maps a key id of one to eight characters to 32 bytes; the first seals, all open.
    """

    def __init__(self) -> None:
        self._ciphers: dict[str, AESGCM] = {}
        self._active = ""
        self._index_key = b""

    def configure(self, keys: Mapping[str, bytes], index_key: bytes) -> None:
        """Replace all keys; the first of *keys* becomes the one that seals."""
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._active = next(iter(self._ciphers))
        self._index_key = index_key

    def seal(self, text: str, place: str) -> bytes:
        """Encrypt *text* for *place* (``table.column.row_key``): key id, NUL, nonce, ciphertext."""
        return self.seal_bytes(text.encode(), place)

    def open(self, sealed: bytes, place: str) -> str:
        """Decrypt what ``seal`` gave; raises ``InvalidTag`` when it was changed or moved."""
        return self.open_bytes(sealed, place).decode()

    def seal_bytes(self, data: bytes, place: str) -> bytes:
        """``seal`` for what is no text."""
        nonce = os.urandom(12)
        sealed = self._ciphers[self._active].encrypt(nonce, data, place.encode())
        return self._active.encode() + b"\0" + nonce + sealed

    def open_bytes(self, sealed: bytes, place: str) -> bytes:
        """``open`` for what is no text."""
        key_id, _, rest = bytes(sealed).partition(b"\0")
        cipher = self._ciphers[key_id.decode()]
        return cipher.decrypt(rest[:12], rest[12:], place.encode())

    def index(self, text: str, kind: str) -> bytes:
        """The blind index of a normalised identifier: 32 bytes, equal for equal text."""
        return hmac.new(self._index_key, f"{kind}\0{text}".encode(), hashlib.sha256).digest()


keyring = Keyring()


class Sealed:
    """A text attribute kept encrypted in ``<name>_sealed``, searchable by ``<name>_index``.

    *kind* names the index, so that equal identifiers meet across tables. The row needs a
    ``row_key``; setting the attribute gives it one. ``None`` clears both columns.
    """

    def __init__(self, kind: str, normalise: Callable[[str], str] = str.strip) -> None:
        self.kind = kind
        self.normalise = normalise
        self.name = ""
        self.table = ""

    def __set_name__(self, owner: Any, name: str) -> None:
        self.name = name
        self.table = owner.__tablename__

    def __get__(self, row: Any, owner: type | None = None) -> Any:
        if row is None:
            return self
        sealed = getattr(row, f"{self.name}_sealed")
        return None if sealed is None else self.open(row.row_key, sealed)

    def __set__(self, row: Any, text: str | None) -> None:
        if row.row_key is None:
            row.row_key = new_row_key()
        for column, value in self.columns(row.row_key, text).items():
            setattr(row, column, value)

    def columns(self, row_key: str, text: str | None) -> dict[str, bytes | None]:
        """The two column values that hold *text* in the row called *row_key*, for bulk inserts."""
        sealed = keyring.seal(text, self._place(row_key)) if text else None
        index = self.index(text) if text else None
        return {f"{self.name}_sealed": sealed, f"{self.name}_index": index}

    def open(self, row_key: str, sealed: bytes) -> str:
        """The text in *sealed* as stored in the row called *row_key*; raises ``InvalidTag``."""
        return keyring.open(sealed, self._place(row_key))

    def index(self, text: str) -> bytes:
        """The blind index under which *text* is found."""
        return keyring.index(self.normalise(text), self.kind)

    def _place(self, row_key: str) -> str:
        return f"{self.table}.{self.name}.{row_key}"
