"""What is sent as a scan is taken by its content and cleaned; what cannot be is refused."""

from __future__ import annotations

from io import BytesIO

import pikepdf
import pytest
from PIL import Image

from models.base import Refusal
from portal.evidence.cleaning import (
    DamagedFile,
    EncryptedFile,
    FileTooLarge,
    NotAScan,
    PictureTooLarge,
    clean,
    tidy_name,
)
from tests.support.files import (
    bomb,
    document,
    encrypted_document,
    hostile_document,
    photo,
    plain_text,
)


@pytest.mark.parametrize(("form", "media"), [("JPEG", "image/jpeg"), ("PNG", "image/png")])
def test_a_picture_is_drawn_anew_upright_and_alone(form: str, media: str) -> None:
    sent = photo(form=form)
    assert b"CANARY" in sent
    cleaned = clean(BytesIO(sent + b"PK\x03\x04<script>alert(1)</script>"), 20)
    assert cleaned.media_type == media
    assert b"CANARY" not in cleaned.data
    assert b"<script>" not in cleaned.data
    with Image.open(BytesIO(cleaned.data)) as picture:
        assert picture.size == (60, 80)
        assert not picture.getexif()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_every_kind_of_png_stays_a_picture(mode: str) -> None:
    target = BytesIO()
    Image.new(mode, (9, 9)).save(target, "PNG")
    target.seek(0)
    with Image.open(BytesIO(clean(target, 20).data)) as picture:
        assert picture.size == (9, 9)


def test_a_deep_grey_scan_does_not_turn_white() -> None:
    target = BytesIO()
    Image.new("I;16", (9, 9), 0x8000).save(target, "PNG")
    target.seek(0)
    with Image.open(BytesIO(clean(target, 20).data)) as picture:
        assert picture.convert("L").getpixel((0, 0)) == 0x80


def test_a_pdf_keeps_its_pages_and_its_seal_and_nothing_that_acts() -> None:
    sent = hostile_document()
    before = plain_text(sent)
    acts = (b"JavaScript", b"Launch", b"EmbeddedFile", b"MZ evil", b"/URI", b"CANARY-METADATA")
    assert [word for word in acts if word not in before] == []
    cleaned = clean(BytesIO(sent + b"<html><script>x</script>"), 20)
    after = plain_text(cleaned.data)
    assert [word for word in (*acts, b"/AA", b"/Annots", b"<script>") if word in after] == []
    assert b"% body" in after
    assert b"% the seal" in after
    with pikepdf.open(BytesIO(cleaned.data)) as found:
        assert len(found.pages) == 1


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (b"<html><script>alert(1)</script>", NotAScan),
        (b"GIF89a;", NotAScan),
        (b"MZ\x90\x00", NotAScan),
        (b"", NotAScan),
        (b" \n%PDF-1.7", NotAScan),
        (b"%PDF-1.7\n" + b"x" * 900, DamagedFile),
        (b"\xff\xd8\xff\xe0 nothing", DamagedFile),
        (b"\x89PNG\r\n\x1a\n", DamagedFile),
        (document()[:200], DamagedFile),
        (photo()[:300], DamagedFile),
        (encrypted_document(), EncryptedFile),
        (encrypted_document("u"), EncryptedFile),
        (bomb(), PictureTooLarge),
        (b"%PDF-" + b"0" * (20 * 1024 * 1024), FileTooLarge),
    ],
    ids=lambda given: given.__name__ if isinstance(given, type) else f"{given[:12]!r}",
)
def test_what_is_refused(data: bytes, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        clean(BytesIO(data), 20)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("身份证 正面.PDF", "身份证 正面.pdf"),
        ("../../etc/passwd", "passwd.pdf"),
        ("C:\\Users\\x\\证书.jpg", "证书.pdf"),
        ("<img src=x onerror=alert(1)>.png", "img src=x onerror=alert(1).pdf"),
        ("{{7*7}}.png", "7_7.pdf"),
        ("a\u202egpj.exe", "agpj.pdf"),
        ("a\r\nSet-Cookie: x.pdf", "aSet-Cookie_ x.pdf"),
        (".htaccess", "htaccess.pdf"),
        ("", "file.pdf"),
        ("张三310115198001010011正面.jpg", "张三310*************11正面.pdf"),
        ("３１０１１５１９８００１０１００１Ｘ.jpg", "310*************1X.pdf"),
        ("卡6210941234567897.jpg", "卡************7897.pdf"),
        ("13800001234.png", "138****1234.pdf"),
        ("IMG_20260803_101530.jpg", "IMG_20260803_101530.pdf"),
        ("长" * 300, "长" * 100 + ".pdf"),
    ],
)
def test_a_name_is_shown_without_paths_marks_or_identifiers(sent: str, shown: str) -> None:
    assert tidy_name(sent, ".pdf") == shown
