"""What somebody sends as a scan or photograph: its kind by its content, cleaned in a child process.

Images are drawn anew, without what the camera wrote beside the picture; PDFs keep their pages
alone. What a hostile file asks of a decoder, it asks of a process with limits of its own.
"""

from __future__ import annotations

import re
import subprocess
import sys
import unicodedata
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import IO

from models.base import N_, Refusal
from portal.config import ROOT
from portal.evidence import cleaning_child
from portal.evidence.identifiers import mask_card, mask_id, mask_phone

MEGABYTE = 1024 * 1024
MEMORY = 1536 * MEGABYTE
SECONDS = 30
KINDS = {"pdf": "application/pdf", "jpeg": "image/jpeg", "png": "image/png"}
"""The kinds of files that are taken, with their media types."""
ACCEPTED = ",".join(KINDS.values())
_SUFFIXES = {"pdf": ".pdf", "jpeg": ".jpg", "png": ".png"}
_STARTS = {b"%PDF-": "pdf", b"\xff\xd8\xff": "jpeg", b"\x89PNG\r\n\x1a\n": "png"}
_AT_ONCE = BoundedSemaphore(2)
_LONGEST_NAME = 100
_NOT_IN_NAMES = re.compile(r'[<>:"|?*`$&\'%;{}]')
_LAST_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}$")
_IDENTIFIERS = (
    (re.compile(r"(?<!\d)(?:\d{17}[\dXx]|\d{15})(?!\d)", re.ASCII), mask_id),
    (re.compile(r"\d{16,}", re.ASCII), mask_card),
    (re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)", re.ASCII), mask_phone),
)


class NotAScan(Refusal):
    """The content is of no kind that is taken, whatever the file's name says."""

    message = N_("Only PDF, JPEG and PNG files are taken.")


class FileTooLarge(Refusal):
    """The file has more bytes than allowed."""

    message = N_("A file may have at most %(most)s MB. Please scan it at a lower resolution.")


class PictureTooLarge(Refusal):
    """The picture has more pixels, or the PDF more pages, than allowed."""

    message = N_("The picture or document is too large. Please scan it at a lower resolution.")


class EncryptedFile(Refusal):
    """The PDF is encrypted."""

    message = N_("The PDF is protected by a password. Please save it without one.")


class DamagedFile(Refusal):
    """The file cannot be read to its end."""

    message = N_("The file is damaged. Please scan it or save it again.")


@dataclass(frozen=True)
class CleanFile:
    """A cleaned file: its media type, the suffix of its name, its bytes."""

    media_type: str
    suffix: str
    data: bytes


def clean(stream: IO[bytes], most_megabytes: int) -> CleanFile:
    """Read *stream* and clean it; takes seconds, so hold no lock meanwhile.

    Raises ``FileTooLarge``, ``NotAScan``, ``PictureTooLarge``, ``EncryptedFile`` or
    ``DamagedFile``.
    """
    data = stream.read(most_megabytes * MEGABYTE + 1)
    if len(data) > most_megabytes * MEGABYTE:
        raise FileTooLarge(most=most_megabytes)
    kind = _kind(data)
    return CleanFile(KINDS[kind], _SUFFIXES[kind], _cleaned(kind, data))


def tidy_name(name: str, suffix: str) -> str:
    """*name* without folders, invisible signs, marks of HTML or a system's own, or identifiers.

    Its suffix is that of the content. What somebody sends as a name is shown and never a path.
    """
    text = unicodedata.normalize("NFKC", name).replace("\\", "/").rpartition("/")[2]
    text = "".join(sign for sign in text if unicodedata.category(sign)[0] != "C")
    text = _NOT_IN_NAMES.sub("_", " ".join(text.split()))
    stem = _LAST_SUFFIX.sub("", text)
    for pattern, mask in _IDENTIFIERS:
        stem = pattern.sub(lambda found, mask=mask: mask(found[0]), stem)  # type: ignore[misc]
    return (stem.strip(" ._")[:_LONGEST_NAME] or "file") + suffix


def _kind(data: bytes) -> str:
    for start, kind in _STARTS.items():
        if data.startswith(start):
            return kind
    raise NotAScan()


def _cleaned(kind: str, data: bytes) -> bytes:
    command = [sys.executable, "-m", cleaning_child.__name__, kind, str(MEMORY), str(SECONDS)]
    try:
        with _AT_ONCE:
            done = subprocess.run(  # noqa: S603 - our own module
                command, input=data, capture_output=True, timeout=SECONDS + 5, check=False, cwd=ROOT
            )
    except subprocess.TimeoutExpired:
        raise PictureTooLarge() from None
    if done.returncode == 0 and done.stdout:
        return done.stdout
    raise _REFUSALS.get(done.returncode, DamagedFile)()


_REFUSALS: dict[int, type[Refusal]] = {
    cleaning_child.TOO_LARGE: PictureTooLarge,
    cleaning_child.ENCRYPTED: EncryptedFile,
}
