"""银行文件: what the file of payments looks like that a bank reads."""

from __future__ import annotations

from typing import Any, ClassVar

from wtforms import TextAreaField, ValidationError

from admin_views.base import PortalModelView
from models.papers import ENCODINGS, SEPARATORS, BankFile
from portal.exchange.bank_file import column_problem
from portal.translations.words import gettext as _
from portal.translations.words import lazy_gettext as _l

MOST_COLUMNS = 30


class ColumnLines(TextAreaField):
    """The columns, one a line: heading | what it holds | text."""

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "\n".join(
            " | ".join(filter(None, (row["heading"], row["source"], row.get("text", ""))))
            for row in self.data or []
        )

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the lines; each names a heading and one of the sources."""
        lines = (valuelist[0] if valuelist else "").splitlines()
        rows = [_column(line) for line in lines if line.strip()]
        if not 0 < len(rows) <= MOST_COLUMNS:
            raise ValidationError(_("A file has 1 to %(most)s columns.", most=MOST_COLUMNS))
        for row in rows:
            problem = column_problem(row)
            if problem:
                raise ValidationError(f"{row['heading']}: {_(problem)}")
        self.data = rows


class BankFileView(PortalModelView):
    """Templates of banks' files."""

    permission = "bankfile"
    opens_create = True
    opens_edit = True
    opens_delete = True
    list_title = _l("Bank files")
    column_list = ("title", "encoding", "separator", "has_heading", "columns")
    form_columns = ("title", "encoding", "separator", "has_heading", "columns")
    form_overrides: ClassVar[dict[str, Any]] = {"columns": ColumnLines}
    column_descriptions: ClassVar[dict[str, Any]] = {
        "columns": _l(
            "One column a line: heading | what it holds | text. What it holds is position, name, "
            "account, bank, yuan, fen, unit, number or text; a text may hold {batch}, {programme} "
            "and {name}."
        )
    }
    form_widget_args: ClassVar[dict[str, Any]] = {"columns": {"rows": 10, "data-wide": "1"}}
    list_phone: ClassVar[Any] = {"title": "title", "encoding": "side"}
    list_empty = _l("A template says which columns a bank wants, and how they are written.")

    def cell_encoding(self, row: BankFile) -> str:
        """Its name."""
        return _(ENCODINGS[row.encoding])

    def cell_separator(self, row: BankFile) -> str:
        """Its name."""
        return _(SEPARATORS[row.separator])

    def cell_columns(self, row: BankFile) -> str:
        """The headings."""
        return "、".join(column["heading"] for column in row.columns)


def _column(line: str) -> dict[str, str]:
    heading, source, text = ([*(part.strip() for part in line.split("|", 2)), "", ""])[:3]
    if not heading or not source:
        raise ValidationError(_("Every column needs a heading and what it holds."))
    return {"heading": heading[:60], "source": source} | ({"text": text[:120]} if text else {})
