"""What stands in the cells of a list, as finished HTML. Templates know it as ``ui``.

Made in Python because a page of twenty rows holds two hundred of them. Every function
escapes what it is given. A mark is always an icon and a word, never a colour alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from functools import cache

from markupsafe import Markup, escape

from models.base import N_
from portal.theme.assets import asset
from portal.theme.shapes import Column, Tone
from portal.translations.words import gettext as _

SPRITE = asset("vendor/icons.svg")

_STATES: dict[str, tuple[Tone, str]] = {
    "draft": ("plain", "pencil"),
    "waiting": ("info", "clock"),
    "returned": ("warn", "arrow-back-up"),
    "passed": ("good", "circle-check"),
    "paid": ("good", "coin-yuan"),
    "refused": ("bad", "circle-x"),
    "closed": ("plain", "ban"),
}
_VERDICTS: dict[str, tuple[Tone, str]] = {
    "eligible": ("good", "circle-check"),
    "ask": ("warn", "alert-triangle"),
    "refuse": ("bad", "circle-x"),
    "note": ("info", "info-circle"),
}
_WORDS = {
    "": N_("Not judged"),
    "eligible": N_("Eligible"),
    "ask": N_("Needs a person"),
    "refuse": N_("Not eligible"),
    "note": N_("Note"),
}
_RANKS: tuple[tuple[Tone, str], ...] = (
    ("plain", "certificate"),
    ("good", "award"),
    ("info", "medal-2"),
    ("violet", "star"),
    ("gold", "crown"),
)


def row(
    value: str,
    cells: Iterable[str],
    columns: Sequence[Column],
    *,
    label: str,
    fen: int = 0,
    flagged: bool = False,
    choosable: bool = True,
) -> Markup:
    """One ``<tr>``. ``value`` is what a POST sends for it; ``label`` names it to a screen reader.

    ``fen`` is summed in the bar of chosen rows, ``flagged`` rows are counted there as not
    plainly eligible. ``cells`` are in the order of ``columns``; what is no ``Markup`` is escaped.
    """
    tds = "".join(
        f'<td class="jx-p-{c.phone}{" jx-end" if c.end else ""}"{_named(c)}>{escape(cell)}</td>'
        for c, cell in zip(columns, cells, strict=True)
    )
    box = ""
    if choosable:
        box = (
            f'<td class="jx-box"><label><input class="form-check-input" type="checkbox" '
            f'form="jx-bulk" name="rowid" value="{escape(value)}" data-fen="{fen:d}"'
            f'{" data-flag" if flagged else ""} aria-label="{escape(label)}"></label></td>'
        )
    return Markup(f"<tr>{box}{tds}</tr>")


def _named(column: Column) -> str:
    """A phone has no heading: what does not speak for itself carries its label."""
    return f' data-label="{escape(column.label)}"' if column.labelled else ""


def link(url: str, text: str, *, drawer: bool = True) -> Markup:
    """A link to a case; it opens in the drawer, or on its own page with Ctrl."""
    mark = " data-drawer" if drawer else ""
    return Markup(f'<a class="jx-no" href="{escape(url)}"{mark}>{escape(text)}</a>')


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    """A small table inside a page of facts."""
    head = Markup().join(Markup('<th scope="col">{}</th>').format(word) for word in headings)
    lines = (
        Markup().join(
            Markup('<td data-label="{}">{}</td>').format(word, text)
            for word, text in zip(headings, row, strict=False)
        )
        for row in rows
    )
    body = Markup().join(Markup("<tr>{}</tr>").format(line) for line in lines)
    return Markup(
        '<table class="jx-inner"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>'
    ).format(head, body)


def pair(main: str, sub: str = "", *, strong: bool = False) -> Markup:
    """Two lines; what does not fit is cut and stands in the title. *sub* may be ``Markup``."""
    tag, main = "b" if strong else "span", escape(main)
    first = f'<{tag} class="jx-1" title="{main}">{main}</{tag}>'
    if not sub:
        return Markup(first)
    if isinstance(sub, Markup):
        return Markup(f'{first}<span class="jx-2">{sub}</span>')
    sub = escape(sub)
    return Markup(f'{first}<span class="jx-2" title="{sub}">{sub}</span>')


def masked(text: str, reveal_url: str = "") -> Markup:
    """An identifier masked by the server. With *reveal_url* an eye asks a reason and shows it.

    The eye POSTs ``reason``; the answer is ``{"value": …}`` or ``{"error": …}``.
    """
    shown = f'<span class="jx-mask">{escape(text)}</span>'
    if not reveal_url:
        return Markup(shown)
    say = escape(_("Show %(masked)s in full", masked=text))
    return Markup(
        f'{shown}<button type="button" class="jx-eye" data-reveal="{escape(reveal_url)}" '
        f'aria-label="{say}" title="{say}">{icon("eye")}</button>'
    )


def chip(word: str, tone: Tone = "plain", symbol: str = "", sub: str = "") -> Markup:
    """A rounded chip, with a small second line."""
    below = f'<span class="jx-2">{escape(sub)}</span>' if sub else ""
    mark = icon(symbol) if symbol else ""
    return Markup(f'<span class="jx-chip jx-{tone}">{mark}{escape(word)}</span>{below}')


def level(word: str, rank: int, sub: str = "") -> Markup:
    """A level as a chip: ``rank`` 0 is the lowest one of its catalogue that is paid for."""
    tone, symbol = _RANKS[max(0, min(rank, len(_RANKS) - 1))]
    return chip(word, tone, symbol, sub)


def status(word: str, state: str) -> Markup:
    """Where a case stands. ``state``: draft, waiting, returned, passed, paid, refused, closed."""
    tone, symbol = _STATES.get(state, ("plain", "point"))
    return Markup(f'<span class="jx-status jx-{tone}">{icon(symbol)}{escape(word)}</span>')


def verdict(kind: str, clause: str = "", word: str = "") -> Markup:
    """What the policy says, with its clause. ``kind``: eligible, ask, refuse, note, or empty."""
    tone, symbol = _VERDICTS.get(kind, ("plain", "point"))
    says, clause = escape(word or verdict_word(kind)), escape(clause)
    return Markup(
        f'<span class="jx-verdict jx-{tone}">{icon(symbol)}<b>{says}</b></span>'
        f'<span class="jx-2" title="{clause}">{clause}</span>'
    )


def verdict_word(kind: str) -> str:
    """The word for a verdict or a finding of *kind*."""
    return _(_WORDS.get(kind, _WORDS[""]))


def verdict_mark(kind: str) -> tuple[Tone, str]:
    """The tone and the icon of a verdict or a finding of *kind*."""
    return _VERDICTS.get(kind, ("plain", "point"))


def suggestions(name: str, pairs: Iterable[tuple[str, str]]) -> Markup:
    """What the input with ``list=name`` suggests: pairs of a value and its words."""
    options = "".join(f'<option value="{escape(v)}">{escape(word)}</option>' for v, word in pairs)
    return Markup(f'<datalist id="{escape(name)}">{options}</datalist>')


def amount(fen: int | None, *, sign: bool = False) -> Markup:
    """Fen as yuan with thousands, and the cents only where there are some.

    Less than nothing is marked, so that no currency sign is put before its minus.
    """
    text = yuan(fen)
    if sign and text:
        text = f"-¥{text[1:]}" if text.startswith("-") else f"¥{text}"
    below = " jx-below" if (fen or 0) < 0 else ""
    return Markup(f'<span class="jx-num{"" if sign else f" jx-fen{below}"}">{text}</span>')


def yuan(fen: int | None) -> str:
    """Fen as yuan in plain text: 200050 is ``2,000.50``; nothing is an empty string."""
    if fen is None:
        return ""
    whole, cents = divmod(abs(fen), 100)
    minus = "-" if fen < 0 else ""
    return f"{minus}{whole:,}" + (f".{cents:02d}" if cents else "")


def day(value: date | None) -> Markup:
    """A day as YYYY-MM-DD; nothing at all without one, so that a card leaves its line out."""
    return Markup(f'<span class="jx-num">{value.isoformat()}</span>') if value else Markup("")


@cache
def icon(name: str) -> Markup:
    """A symbol of the sprite, hidden from screen readers; a word stands beside it."""
    return Markup(
        f'<svg class="jx-i" aria-hidden="true" focusable="false">'
        f'<use href="{SPRITE}#{escape(name)}"/></svg>'
    )
