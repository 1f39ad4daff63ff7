"""The child process that cleans one file under limits, from standard input to standard output."""

from __future__ import annotations

import resource
import sys
import warnings
from io import BytesIO

import pikepdf
from PIL import Image, ImageOps

TOO_LARGE, ENCRYPTED, DAMAGED = 3, 4, 5
"""Exit statuses for what is refused."""
MOST_PIXELS = 60_000_000
MOST_PAGES = 200
_MODES = {"JPEG": ("L", "RGB"), "PNG": ("1", "L", "LA", "RGB", "RGBA")}
_OF_A_PAGE = frozenset(
    "/Type /MediaBox /CropBox /BleedBox /TrimBox /ArtBox /Rotate /UserUnit "
    "/Resources /Contents /Group /Parent".split()
)
_NOT_OF_A_STREAM = "/AF /F /FDecodeParms /FFilter /Metadata /OPI /PieceInfo /Ref".split()
"""What a picture or a font may bring along, or where it says that it lies in another file."""


class TooLarge(Exception):
    """More pixels or pages than allowed."""


def main(kind: str) -> int:
    """Clean standard input as *kind*; gives the exit status."""
    data = sys.stdin.buffer.read()
    try:
        cleaned = _pdf(data) if kind == "pdf" else _picture(data, kind.upper())
    except (TooLarge, MemoryError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return TOO_LARGE
    except pikepdf.PasswordError:
        return ENCRYPTED
    except Exception:  # a decoder raises what it likes; whatever it is, the file is at fault
        return DAMAGED
    sys.stdout.buffer.write(cleaned)
    return 0


def _picture(data: bytes, form: str) -> bytes:
    """The picture alone, upright, drawn anew; the first one of several."""
    with Image.open(BytesIO(data), formats=[form]) as found:
        if found.width * found.height > MOST_PIXELS:
            raise TooLarge
        drawn = _plain(ImageOps.exif_transpose(found), form)
    target = BytesIO()
    drawn.save(target, form, quality=85)
    return target.getvalue()


def _plain(picture: Image.Image, form: str) -> Image.Image:
    """*picture* in a mode that *form* keeps, with nothing beside its pixels."""
    if picture.mode.startswith("I;16"):  # convert() alone would cut it off at white
        picture = picture.point(lambda level: level * (1 / 256)).convert("L")
    if "transparency" in picture.info:
        picture = picture.convert("RGBA")
    if picture.mode not in _MODES[form]:
        picture = picture.convert("RGB")
    else:
        picture.load()
    picture.info.clear()
    return picture


def _pdf(data: bytes) -> bytes:
    """The pages alone: no script, action, form, link or embedded file goes with them.

    What a form or a seal shows is drawn onto its page first.
    """
    with pikepdf.open(BytesIO(data), attempt_recovery=False, suppress_warnings=True) as found:
        if found.is_encrypted:
            raise pikepdf.PasswordError
        if not 0 < len(found.pages) <= MOST_PAGES:
            raise TooLarge
        found.flatten_annotations(mode="all")
        with pikepdf.new() as made:
            made.pages.extend(found.pages)
            for page in made.pages:
                _keep(page.obj)
            for item in made.objects:
                _strip(item)
            target = BytesIO()
            made.save(target, deterministic_id=True)
    return target.getvalue()


def _keep(page: pikepdf.Object) -> None:
    for key in set(page.keys()) - _OF_A_PAGE:
        del page[key]


def _strip(item: pikepdf.Object) -> None:
    if isinstance(item, pikepdf.Stream):
        for key in _NOT_OF_A_STREAM:
            if key in item:
                del item[key]


if __name__ == "__main__":
    most_memory, most_seconds = int(sys.argv[2]), int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_AS, (most_memory, most_memory))
    resource.setrlimit(resource.RLIMIT_CPU, (most_seconds, most_seconds))
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    sys.exit(main(sys.argv[1]))
