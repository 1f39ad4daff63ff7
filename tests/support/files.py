"""Scans as people send them, and as nobody should; a programme that asks for some."""

from __future__ import annotations

import re
import struct
import zlib
from io import BytesIO
from pathlib import Path

import pikepdf
from flask import Flask
from PIL import Image
from sqlalchemy.orm import Session

from models.base import db
from models.programme import Revision
from portal.access.accounts import system_actor
from portal.policy.packs import load_pack, publish
from seed.catalogues import load_all
from tests.conftest import fills
from tests.support.cases import CLOCK, PACK

RULES = """
attachments:
  - key: id-copy
    clause: 四（一）1
    title: 身份证复印件
    at_most: 2
    medium: both
    copies: 3
    hint: 正反面
  - {key: proof, clause: 四（一）1, title: 证书复印件, otherwise: ask}
  - {key: opinion, clause: 四（一）2, title: 盖章意见, when: [[certificate.issuer, is, national]]}
  - {key: photos, title: 现场照片, at_least: 0, at_most: 5}
  - {key: form, title: 申请表, medium: paper}
"""


@fills("files-asked-for", after="planted")
def _asked(_app: Flask, home: Path) -> None:
    asking(db.session(), home)


def asking(session: Session, home: Path) -> Revision:
    """The 2026 programme in force, with rules for files in place of its own."""
    actor = system_actor(session)
    load_all(session, CLOCK)
    pack = home / "asking.yaml"
    usual = re.sub(r"(?ms)^attachments:\n.*?(?=^\w)", "", PACK.read_text(encoding="utf-8"))
    pack.write_text(usual + RULES, encoding="utf-8")
    return publish(session, actor, CLOCK, load_pack(session, actor, CLOCK, pack).programme.code)


def photo(shade: int = 90, size: tuple[int, int] = (80, 60), form: str = "JPEG") -> bytes:
    """A picture with what a phone writes beside it: the camera, a turn, a remark."""
    target, beside = BytesIO(), Image.Exif()
    beside[0x010F], beside[0x0112] = "CANARY-CAMERA", 6
    Image.new("RGB", size, (shade, 120, 40)).save(target, form, exif=beside, comment=b"CANARY")
    return target.getvalue()


def bomb() -> bytes:
    """A PNG of a few bytes that claims 60,000 by 60,000 pixels, 450 MB of them."""
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 1, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(7_501))), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def document(words: str = "scan") -> bytes:
    """A PDF of one page."""
    with pikepdf.new() as made:
        _page(made, words)
        return _saved(made)


def hostile_document() -> bytes:
    """A PDF with scripts, a program inside, a launch and a link, and a seal that must stay."""
    name = pikepdf.Name
    with pikepdf.new() as made:
        page = _page(made, "body")
        script = pikepdf.Dictionary(S=name.JavaScript, JS="app.alert(1)")
        made.Root.OpenAction = script
        made.attachments["evil.exe"] = b"MZ evil"
        made.Root.Names.JavaScript = pikepdf.Dictionary(Names=pikepdf.Array(["a", script]))
        page.AA = pikepdf.Dictionary(O=pikepdf.Dictionary(S=name.Launch, F="cmd.exe"))
        link = pikepdf.Dictionary(
            Type=name.Annot, Subtype=name.Link, Rect=[0, 0, 50, 50],
            A=pikepdf.Dictionary(S=name.URI, URI="javascript:alert(1)"),
        )  # fmt: skip
        seal = pikepdf.Dictionary(
            Type=name.Annot, Subtype=name.Stamp, Rect=[10, 10, 60, 60], F=4,
            AP=pikepdf.Dictionary(N=_drawing(made)),
        )  # fmt: skip
        page.Annots = made.make_indirect(pikepdf.Array([link, made.make_indirect(seal)]))
        return _saved(made)


def encrypted_document(password: str = "") -> bytes:
    """A PDF that wants a password, or says that it may not be changed."""
    with pikepdf.new() as made:
        _page(made, "secret")
        target = BytesIO()
        made.save(target, encryption=pikepdf.Encryption(owner="o", user=password))
        return target.getvalue()


def plain_text(data: bytes) -> bytes:
    """Everything that a PDF holds, with nothing packed."""
    target = BytesIO()
    with pikepdf.open(BytesIO(data)) as found:
        found.save(
            target,
            compress_streams=False,
            stream_decode_level=pikepdf.StreamDecodeLevel.generalized,
            object_stream_mode=pikepdf.ObjectStreamMode.disable,
        )
    return target.getvalue()


def _page(made: pikepdf.Pdf, words: str) -> pikepdf.Object:
    page = made.add_blank_page(page_size=(200, 200))
    page.Contents = made.make_stream(f"% {words}\n0 0 10 10 re f".encode())
    return page.obj


def _drawing(made: pikepdf.Pdf) -> pikepdf.Stream:
    drawn = made.make_stream(b"% the seal\n0 0 50 50 re f")
    drawn.Type, drawn.Subtype = pikepdf.Name.XObject, pikepdf.Name.Form
    drawn.BBox = pikepdf.Array([0, 0, 50, 50])
    drawn.EF = pikepdf.Dictionary()
    drawn.Metadata = made.make_stream(b"CANARY-METADATA")
    return drawn


def _saved(made: pikepdf.Pdf) -> bytes:
    target = BytesIO()
    made.save(target)
    return target.getvalue()
