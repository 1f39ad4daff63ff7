"""The policy language said once more, slowly: plain Python, exact fractions, naive loops.

It shares no line with ``portal.policy``. A programme is a pack's document, a case a ``Case``;
``judged`` gives what the one SQL statement must give. Unknown is ``None`` throughout, and who a
bound leaves out in every outcome of the open cases misses it, who in some is asked.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.support.bound_oracle import Row, Standing, bound_codes

HOLDS, MISSED, UNKNOWN, PASSED = 0, 1, 2, 3
FINE, ASKED, WAITS, REFUSED = 0, 1, 2, 3
Truth = bool | None


@dataclass
class Place:
    """What a case's revision and programme are: for other cases, only that counts."""

    revision: int
    programme: int
    family: str
    year: int


@dataclass
class Case:
    """One application as the database knows it. ``facts`` maps built-in fact keys to values."""

    id: int
    sequence: int
    place: Place
    state: str
    window: str | None
    facts: dict[str, Any]
    keys: dict[str, Any]
    fields: dict[str, Any]
    rows: list[dict[str, Any]]
    files: int = 0
    tier: str | None = None
    fen: int = 0
    passed: set[str] = field(default_factory=set)

    @property
    def is_placed(self) -> bool:
        """Whether it was awarded."""
        return self.state in ("approved", "paid")


@dataclass(frozen=True)
class Judged:
    """What one case gets; ``codes`` by key of condition, attachment, field or bound."""

    verdict: str
    tier: str | None
    fen: int
    missed: str
    asked: str
    codes: dict[str, int]


@dataclass(frozen=True)
class Tables:
    """Catalogues: ``entries`` of each as (code, title, rank, cells), ``terms`` as spellings."""

    entries: dict[str, list[tuple[str, str, int | None, dict[str, float]]]]
    terms: dict[str, set[str]]

    def row(self, table: str, value: str | None) -> tuple[int | None, dict[str, float]]:
        """Rank and cells of the entry whose code or title *value* is."""
        for code, title, rank, cells in self.entries.get(table, []):
            if value in (code, title):
                return rank, cells
        return None, {}


def judged(pack: dict[str, Any], cases: Sequence[Case], tables: Tables) -> dict[int, Judged]:
    """The judgement of every undecided or awarded case of the revision numbered 0."""
    oracle = _Oracle(pack, cases, tables)
    return oracle.judged()


def held_places(
    pack: dict[str, Any],
    cases: Sequence[Case],
    tables: Tables,
    bound: dict[str, Any],
    eligible: set[int],
    amounts: dict[int, int],
) -> Iterator[tuple[Fraction, int]]:
    """How much of *bound* is held, and how much there is, for each key that somebody eligible has.

    Awarded cases may hold more than there is, from before; then nobody may be eligible who adds
    to it: one more of a value that is held already adds nothing to the distinct ones.
    """
    oracle = _Oracle(pack, cases, tables)
    rows: dict[Any, list[Row]] = {}
    newcomers: list[Row] = []
    for case in oracle.cases:
        if case.place.revision or not (case.is_placed or case.id in eligible):
            continue
        tier, fen, doubt = oracle._tier(case)
        fen = amounts.get(case.id, fen)
        row = oracle._row(bound, Standing(case, FINE, tier, fen, doubt, {}))
        if row is not None and row.guard is True:
            rows.setdefault(row.key, []).append(row)
            if not case.is_placed and row.weight:
                newcomers.append(row)
    distinct = bound["take"] == "distinct"
    for key in {row.key for row in newcomers if not (distinct and _is_held(row, rows[row.key]))}:
        outside = oracle._outside(bound, key)
        if distinct:
            held = Fraction(len({str(row.value) for row in rows[key]}))
        else:
            held = sum((row.weight for row in rows[key]), Fraction(0))
        yield outside + held, oracle._limit(bound)


def _is_held(row: Row, rows: Sequence[Row]) -> bool:
    return any(str(one.value) == str(row.value) for one in rows if one.standing.case.is_placed)


class _Oracle:
    def __init__(self, pack: dict[str, Any], cases: Sequence[Case], tables: Tables) -> None:
        self.pack, self.cases, self.tables = pack, cases, tables
        self.kinds = {row["key"]: row["kind"] for row in pack["fields"]}
        self.windows = {row["key"]: row for row in pack["windows"]}
        self.lists = {row["key"]: row for row in pack["facts"]}
        self.rules = list(_rules(pack))
        self.live = ("waiting", "returned", "approved", "paid")

    def judged(self) -> dict[int, Judged]:
        own = [c for c in self.cases if c.place.revision == 0 and c.state in self.live]
        standings = [self._standing(case) for case in own]
        order = {id(s): n for n, s in enumerate(sorted(standings, key=self._turn))}
        standings.sort(key=lambda s: order[id(s)])
        codes: dict[int, dict[str, int]] = {s.case.id: dict(s.codes) for s in standings}
        for bound in self.pack["bounds"]:
            for standing, code in self._bounded(bound, standings):
                codes[standing.case.id][bound["key"]] = code
        return {s.case.id: self._told(s, codes[s.case.id]) for s in standings}

    # facts

    def value(self, case: Case, key: str) -> Any:
        """The value of a fact, ``None`` while it is not known."""
        if key in case.facts or key in case.keys:
            return case.facts.get(key, case.keys.get(key))
        if key.startswith("window."):
            window = self.windows.get(case.window or "") if case.place.revision == 0 else None
            return date.fromisoformat(window[key.removeprefix("window.")]) if window else None
        if key == "award.amount":
            return self._tier(case)[1]
        if key.startswith("attachment."):
            return Fraction(case.files)
        if "@" in key:
            base, _at, table = key.partition("@")
            rank = self.tables.row(table, self.value(case, base))[0]
            return None if rank is None else Fraction(rank)
        if key.endswith(".length"):
            text = self.value(case, key.removesuffix(".length"))
            return None if text is None else Fraction(len(text))
        if key in self.lists:
            return self._derived(case, self.lists[key])
        if self.kinds.get(key) == "table":
            return Fraction(len(case.rows))
        return typed(self.kinds[key], case.fields.get(key.removeprefix("field.")))

    def kind(self, key: str) -> str:
        if key in self.lists:
            row = self.lists[key]
            money = str(row.get("column")) in ("row.amount", "row.money")
            return {"exists": "yes_no", "sum": "money" if money else "number"}.get(
                row["take"], "number"
            )
        if key == "award.amount":
            return "money"
        known = self.kinds.get(key)
        if known in ("money", "number", "date"):
            return known
        return "number" if known == "table" or "@" in key or ".length" in key else "other"

    def _derived(self, case: Case, row: dict[str, Any]) -> Any:
        if row["of"] == "earlier":
            found = [other for other in self.cases if self._is_earlier(case, other, row)]
            values = (
                [_of_earlier(other)[str(row.get("column"))] for other in found]
                if (row["take"] == "sum")
                else []
            )
            return _taken(row["take"], len(found), len(found), values)
        columns = next(f["columns"] for f in self.pack["fields"] if f["key"] == row["of"])
        lines = [
            {f"row.{c['key']}": typed(c["kind"], line.get(c["key"])) for c in columns}
            for line in case.rows
        ]
        matching = [line for line in lines if self._all(case, row["when"], line) is True]
        values = [line.get(row["column"]) for line in matching] if row["take"] == "sum" else []
        found_n, every = len(matching), len(lines)
        if "self" in row and row["take"] != "sum":
            found_n += self._all(case, row["self"]) is True
            every += 1
        return _taken(row["take"], found_n, every, values)

    def _is_earlier(self, case: Case, other: Case, row: dict[str, Any]) -> bool:
        return (
            other.place.family == case.place.family
            and other.place.programme != case.place.programme
            and other.is_placed
            and all(
                None is not self.value(other, key) == self.value(case, key) for key in row["per"]
            )
            and self._all(other, row["when"], _of_earlier(other)) is True
        )

    # terms

    def _all(self, case: Case, terms: Iterable[Any], row: dict[str, Any] | None = None) -> Truth:
        return every(self._term(case, term, row or {}) for term in terms)

    def _group(self, case: Case, group: dict[str, Any]) -> Truth:
        (name,) = (key for key in group if key in ("all", "any", "of"))
        found = [
            self._group(case, item) if isinstance(item, dict) else self._term(case, item, {})
            for item in group[name]
        ]
        if name == "all":
            return every(found)
        if name == "any":
            return some(found)
        true, open_ = found.count(True), found.count(None)
        return (
            True
            if true >= group["at_least"]
            else None
            if (true + open_ >= group["at_least"])
            else False
        )

    def _term(self, case: Case, term: list[Any], row: dict[str, Any]) -> Truth:
        key, operator, *rest = term
        value = row[key] if key in row else self.value(case, key)
        if operator == "is empty":
            return value is None
        if operator == "is given":
            return value is not None
        if operator in ("is true", "is false"):
            return None if value is None else value is (operator == "is true")
        if operator in ("in table", "not in table"):
            inside = None if value is None else value in self.tables.terms[rest[0]]
            return inside if operator == "in table" else negated(inside)
        kind = "money" if key in ("row.amount", "row.money") else self.kind(key)
        many = rest[0] if isinstance(rest[0], list) else [rest[0]]
        others = [self._other(case, item, kind, row) for item in many]
        return _compared(operator, value, others)

    def _other(self, case: Case, value: Any, kind: str, row: dict[str, Any]) -> Any:
        if isinstance(value, dict):
            return self._object(case, value, kind)
        if isinstance(value, str) and value in row:
            return row[value]
        if isinstance(value, str) and self._names(value):
            return self.value(case, value)
        if isinstance(value, str):
            return date.fromisoformat(value) if _is_day(value) else value
        number = Fraction(str(value))
        return number * 100 if kind == "money" else number

    def _names(self, text: str) -> bool:
        return "." in text and not _is_day(text)

    def _object(self, case: Case, value: dict[str, Any], kind: str) -> Any:
        if "from" in value:
            return moved(self._other(case, value["from"], "date", {}), value)
        for which, choose in (("earliest", min), ("latest", max)):
            if which in value:
                days = [self._other(case, item, "date", {}) for item in value[which]]
                return None if None in days else choose(days)
        if "times" in value:
            base = self.value(case, value["of"])
            return None if base is None else base * Fraction(*value["times"])
        return self._cell(case, value, kind)

    def _cell(self, case: Case, rule: dict[str, Any], kind: str) -> Fraction | None:
        cell = self.tables.row(rule["table"], self.value(case, rule["by"]))[1].get(rule["cell"])
        if cell is None:
            return None
        return Fraction(str(cell)) * (100 if kind == "money" else 1)

    # tiers

    def _tier(self, case: Case) -> tuple[str | None, int | None, bool]:
        """Key, fen and whether it is in doubt."""
        rows = [
            (row, self._all(case, row["when"]), self.fen(case, row), self._best_fen(case, row))
            for row in self.pack["tiers"]["rows"]
        ]
        fitting = [item for item in rows if item[1] is True]
        choose = self.pack["tiers"]["choose"]
        if choose == "each":
            return self._each(fitting, rows, case)
        if not fitting:
            return None, None, any(guard is None for _, guard, _, _ in rows)
        chosen = fitting[0]
        if choose == "highest":
            known = [item for item in fitting if item[2] is not None]
            chosen = max(known, key=lambda item: item[2]) if known else chosen
        place = rows.index(chosen)
        doubt = chosen[2] is None or self._lifts(case, chosen[0]) is None
        for other, (_row, guard, fen, best) in enumerate(rows):
            if other == place or guard is False:
                continue
            if choose == "first":
                doubt |= guard is None and other < place
            elif guard is None or fen is None or best != fen:
                fen_now = chosen[2]
                beats = best is None or fen_now is None or best > fen_now
                doubt |= beats or (best == fen_now and other < place)
        return chosen[0]["key"], chosen[2], doubt

    def _each(self, fitting: Any, rows: Any, case: Case) -> tuple[str | None, int | None, bool]:
        doubt = any(guard is None for _, guard, _, _ in rows)
        if not fitting:
            return None, None, doubt
        parts = [fen for _, _, fen, _ in fitting]
        lifts = [self._lifts(case, row) for row, _, _, _ in fitting]
        total = None if None in parts else sum(parts)
        return fitting[0][0]["key"], total, doubt or total is None or None in lifts

    def _lifts(self, case: Case, row: dict[str, Any]) -> Truth:
        return self._all(case, row["uplift"].get("when", [])) if "uplift" in row else False

    def _best_fen(self, case: Case, row: dict[str, Any]) -> int | None:
        """The most it may come to, as the uplift turns out."""
        return self.fen(case, row, lifted=self._lifts(case, row) is not False)

    def fen(self, case: Case, row: dict[str, Any], lifted: bool | None = None) -> int | None:
        """What a tier pays a case."""
        exact = self._exact(case, row)
        if exact is None:
            return None
        if lifted is None:
            lifted = self._lifts(case, row) is True
        if lifted:
            exact *= 1 + Fraction(str(row["uplift"]["percent"])) / 100
        found = rounded(exact, row.get("rounding", {}))
        most = row.get("works_out", {}).get("at_most")
        return found if most is None else min(found, int(Fraction(str(most)) * 100))

    def _exact(self, case: Case, row: dict[str, Any]) -> Fraction | None:
        if "amount" in row:
            return Fraction(str(row["amount"])) * 100
        rule = row["works_out"]
        if "table" in rule:
            return self._cell(case, rule, "money")
        key, make = next((k, _RULES[k]) for k in _RULES if k in rule)
        value = self.value(case, rule[key])
        return None if value is None else make(rule, Fraction(value))

    # bounds

    def _standing(self, case: Case) -> Standing:
        codes, missed, questions = {}, [], []
        for rule in self.rules:
            code = codes[rule["key"]] = self._code(case, rule)
            if rule["otherwise"] == "refuse" and code == MISSED:
                missed.append(rule["key"])
            elif rule["otherwise"] != "note" and code in (MISSED, UNKNOWN):
                questions.append(rule["key"])
        tier, fen, doubt = self._tier(case)
        if tier is None and not doubt:
            missed.append("tier")
        open_ = doubt and not ("tier" in case.passed and fen is not None)
        if open_:
            questions.insert(0, "tier")
        worst = REFUSED if missed else ASKED if questions else FINE
        return Standing(case, worst, tier, fen, doubt, codes, missed, questions)

    def _code(self, case: Case, rule: dict[str, Any]) -> int:
        guard = self._all(case, rule["when"])
        if guard is False:
            return HOLDS
        if rule["require"] is None:
            return PASSED if rule["key"] in case.passed else MISSED
        holds = self._group(case, rule["require"])
        if holds is True:
            return HOLDS
        if guard is True and holds is False:
            return PASSED if _is_passed(case, rule) else MISSED
        return PASSED if rule["key"] in case.passed else UNKNOWN

    def _turn(self, standing: Standing) -> Any:
        """Awarded ones first, then the orders, last the sequence; what is not known comes last."""
        steps: list[Any] = [not standing.case.is_placed]
        for row in self.pack["orders"]:
            if "when" in row:
                steps += [self._all(standing.case, row["when"]) is not True]
                continue
            value = self.value(standing.case, row["fact"])
            steps += [value is None, _down(value) if row.get("descending") else _up(value)]
        return (*steps, standing.case.sequence, standing.case.id)

    def _bounded(
        self, bound: dict[str, Any], standings: list[Standing]
    ) -> list[tuple[Standing, int]]:
        groups: dict[Any, list[Row]] = {}
        found = []
        for standing in standings:
            row = self._row(bound, standing)
            if row is None:
                found.append((standing, HOLDS))
            else:
                groups.setdefault(row.key, []).append(row)
        for key, rows in groups.items():
            if bound["count"] == "submitted":
                rows.sort(key=lambda row: _submitted(row.standing.case))
            outside = self._outside(bound, key)
            codes = bound_codes(bound, rows, outside, self._limit(bound))
            found += [(row.standing, code) for row, code in zip(rows, codes, strict=True)]
        return [(standing, self._acted(bound, standing, code)) for standing, code in list(found)]

    def _limit(self, bound: dict[str, Any]) -> int:
        limit = bound.get("at_most", bound.get("at_least"))
        money = bound.get("take") == "sum" and self.kind(str(bound["of"])) == "money"
        return int(limit * 100 if money else limit)

    def _row(self, bound: dict[str, Any], standing: Standing) -> Row | None:
        """How the bound sees a case; ``None`` where it is in nobody's count."""
        case = standing.case
        key = self._key(bound, case)
        guard = self._all(case, bound["when"])
        if key is None:
            return None
        if self._fell_before(bound, standing):
            standing.falls = guard is True
            return None
        tier = case.tier if case.is_placed and case.tier is not None else standing.tier
        if bound["tiers"]:
            unknown = None if standing.doubt else False
            guard = every([guard, unknown if tier is None else tier in bound["tiers"]])
        if guard is False:
            return None
        value, weight, match = None, Fraction(1), True
        named = bound.get("of")
        if bound.get("take") == "sum":
            weight = self._weight(str(named), standing)
        elif bound.get("take") == "distinct":
            value = self.value(case, str(named))
        elif bound.get("take") == "share":
            where = named["where"] if isinstance(named, dict) else named
            match = self._all(case, where)
            value = self.value(case, named["distinct"]) if isinstance(named, dict) else case.id
        return Row(standing, key, guard, weight, value, match)

    def _fell_before(self, bound: dict[str, Any], standing: Standing) -> bool:
        """Whether an awarded case was awarded what it fell to, and so holds no place here."""
        case, tier = standing.case, standing.tier
        if bound["over"] != "spill" or not case.is_placed or None in (case.tier, tier):
            return False
        if bound["tiers"]:
            return tier in bound["tiers"] and case.tier not in bound["tiers"]
        return bool(case.tier == bound["spill_to"] != tier)

    def _weight(self, key: str, standing: Standing) -> Fraction:
        case = standing.case
        if key == "award.amount":
            return Fraction((case.fen if case.is_placed else standing.fen) or 0)
        return Fraction(self.value(case, key) or 0)

    def _key(self, bound: dict[str, Any], case: Case) -> tuple[Any, ...] | None:
        parts = [self.value(case, key) for key in bound["per"]]
        if bound["within"] == "window":
            parts.append(case.window)
        if bound["within"] == "year":
            day = self.value(case, bound["dated"])
            parts.append(day.year if day else None)
        return None if None in parts else tuple(parts)

    def _outside(self, bound: dict[str, Any], key: Any) -> Fraction:
        if bound["within"] == "window" or bound.get("take", "cases") not in ("cases", "sum"):
            return Fraction(0)
        states = ("approved", "paid") if bound["count"] == "awarded" else self.live
        taken = Fraction(0)
        for case in self.cases:
            reached = case.place.family == "x" and case.place.revision != 0
            if bound["within"] == "programme":
                reached = reached and case.place.programme == 0
            if not reached or case.state not in states or self._key(bound, case) != key:
                continue
            if self._all(case, bound["when"]) is not True:
                continue
            if bound["tiers"] and case.tier not in bound["tiers"]:
                continue
            if bound.get("take") == "sum":
                value = case.fen if bound["of"] == "award.amount" else self.value(case, bound["of"])
                taken += Fraction(value or 0)
            else:
                taken += 1
        return taken

    def _acted(self, bound: dict[str, Any], standing: Standing, code: int) -> int:
        """What the bound makes of a case: its worst, its tier, its findings."""
        over, key = bound["over"], bound["key"]
        if over == "ask" and key in standing.case.passed and code in (MISSED, UNKNOWN):
            return PASSED
        if over == "spill":
            return self._spilt(bound, standing, code)
        if over == "note" or code not in (MISSED, UNKNOWN):
            return code
        if over == "refuse" and code == MISSED:
            standing.missed.append(key)
            standing.worst = REFUSED
        else:
            standing.questions.append(key)
            waits = over == "wait" and code == MISSED
            standing.worst = max(standing.worst, WAITS if waits else ASKED)
        return code

    def _spilt(self, bound: dict[str, Any], standing: Standing, code: int) -> int:
        fallen, standing.falls = standing.falls, False
        if (code == MISSED or fallen) and standing.tier is not None:
            lower = next(
                row for row in self.pack["tiers"]["rows"] if row["key"] == bound["spill_to"]
            )
            standing.tier, standing.fen = lower["key"], self.fen(standing.case, lower)
            if standing.fen is None:
                standing.doubt = True
                standing.questions.append("tier")
                standing.worst = max(standing.worst, ASKED)
            return MISSED
        if code == UNKNOWN:
            standing.questions.append(bound["key"])
            standing.worst = max(standing.worst, ASKED)
        return code

    def _told(self, standing: Standing, codes: dict[str, int]) -> Judged:
        verdict = ("eligible", "held", "held", "ineligible")[standing.worst]
        fen = 0 if standing.worst == REFUSED else standing.fen or 0
        missed = _listed(standing.missed, self._order(first_tier=False))
        asked = _listed(standing.questions, self._order(first_tier=True))
        return Judged(verdict, standing.tier, int(fen), missed, asked, codes)

    def _order(self, first_tier: bool) -> list[str]:
        rules = [rule["key"] for rule in self.rules]
        bounds = [row["key"] for row in self.pack["bounds"]]
        return ["tier", *rules, *bounds] if first_tier else [*rules, "tier", *bounds]


def _rules(pack: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Conditions, then answers asked only sometimes, then files."""
    for row in pack["conditions"]:
        yield {"require": None} | row
    for row in pack["fields"]:
        if row.get("critical") and row.get("when"):
            given = [row["key"], "at least", 1] if row["kind"] == "table" else [
                row["key"], "is given",
            ]  # fmt: skip
            yield row | {"require": {"all": [given]}, "otherwise": "ask"}
    for row in pack["attachments"]:
        if row.get("medium") != "paper":
            enough = [f"attachment.{row['key']}", "at least", row.get("at_least", 1)]
            yield {"otherwise": "note"} | row | {"require": {"all": [enough]}}


def _is_passed(case: Case, rule: dict[str, Any]) -> bool:
    return rule["otherwise"] != "refuse" and rule["key"] in case.passed


def every(found: Iterable[Truth]) -> Truth:
    """And, in three values."""
    known = list(found)
    return False if False in known else None if None in known else True


def some(found: Iterable[Truth]) -> Truth:
    """Or, in three values."""
    return negated(every(negated(item) for item in found))


def negated(found: Truth) -> Truth:
    """Not, in three values."""
    return None if found is None else not found


def _compared(operator: str, value: Any, others: list[Any]) -> Truth:
    def truth(test: Callable[[Any, Any], bool], other: Any) -> Truth:
        return None if value is None or other is None else test(value, other)

    if operator in ("one of", "none of"):
        found = some(truth(lambda a, b: a == b, other) for other in others)
        return found if operator == "one of" else negated(found)
    if operator in ("between", "not between"):
        low = truth(lambda a, b: a >= b, others[0])
        found = every([low, truth(lambda a, b: a <= b, others[1])])
        return found if operator == "between" else negated(found)
    return truth(_TESTS[operator], others[0])


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "is": lambda a, b: a == b,
    "is not": lambda a, b: a != b,
    "before": lambda a, b: a < b,
    "less than": lambda a, b: a < b,
    "on or before": lambda a, b: a <= b,
    "at most": lambda a, b: a <= b,
    "after": lambda a, b: a > b,
    "more than": lambda a, b: a > b,
    "on or after": lambda a, b: a >= b,
    "at least": lambda a, b: a >= b,
}


def typed(kind: str, value: Any) -> Any:
    """What an answer is worth: numbers exact, money in fen, days as days."""
    if value is None:
        return None
    if kind == "number":
        return Fraction(str(value))
    if kind == "money":
        return Fraction(str(value)) * 100
    return date.fromisoformat(value) if kind == "date" else value


def moved(day: date | None, rule: dict[str, Any]) -> date | None:
    """A day moved forward, clamped to the month's end."""
    if day is None:
        return None
    months = rule.get("months", 0) + 12 * rule.get("years", 0)
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last)) + timedelta(rule.get("days", 0))


def rounded(exact: Fraction, rounding: dict[str, str]) -> int:
    """Whole units, in fen."""
    unit = {"fen": 1, "yuan": 100, "ten": 1000}[rounding.get("to", "fen")]
    units = exact / unit
    mode = rounding.get("mode", "down")
    if mode == "down":
        return units.__floor__() * unit
    if mode == "half-up":
        return (units + Fraction(1, 2)).__floor__() * unit
    return round(units) * unit


_RULES: dict[str, Callable[[dict[str, Any], Fraction], Fraction]] = {
    "of": lambda rule, value: value * Fraction(str(rule["percent"])) / 100,
    "less": lambda rule, value: max(Fraction(str(rule["top_up_to"])) * 100 - value, Fraction(0)),
    "times": lambda rule, value: Fraction(str(rule["each"])) * 100 * value,
}


def _taken(take: str, found: int, every: int, values: list[Any]) -> Any:
    if take == "exists":
        return found > 0
    if take == "share":
        return Fraction(100 * found, every) if every else None
    if take == "sum":
        return sum((value for value in values if value is not None), Fraction(0))
    return Fraction(found)


def _of_earlier(case: Case) -> dict[str, Any]:
    return {
        "row.year": Fraction(case.place.year),
        "row.tier": case.tier,
        "row.amount": Fraction(case.fen),
        "row.submitted_on": case.facts["application.submitted_on"],
        "row.accepted_on": None,
    }


def _is_day(text: str) -> bool:
    return len(text) == 10 and text[4] == text[7] == "-"


def _up(value: Any) -> Any:
    return 0 if value is None else value


def _down(value: Any) -> Any:
    if value is None:
        return 0
    if isinstance(value, date):
        return -value.toordinal()
    if isinstance(value, str):
        return [-ord(letter) for letter in value]
    return -value


def _listed(keys: Iterable[str], order: list[str]) -> str:
    found = sorted(set(keys), key=order.index)
    return "".join(f",{key}" for key in found) + ("," if found else "")


def _submitted(case: Case) -> tuple[bool, int, int]:
    """What counts as soon as it is submitted is taken as it was submitted."""
    return not case.is_placed, case.sequence, case.id
