"""Programmes and cases made at random: every kind of fact, value, condition, tier and bound."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from random import Random
from typing import Any

from tests.support.policy_oracle import Case, Place, Tables

START = date(2030, 3, 1)
LETTERS = ("a", "b", "c")
LEVELS = ("low", "mid", "high")
YUAN = (0, 0.29, 1.15, 19.99, 100, 333.33, 1000, 1234.5, 5000, 99_999.99)
NUMBERS = (0, 1, 2, 3, 5, 0.5, 2.5, 1.5, 0.1, 0.2, 0.7, 12)
DAYS = tuple(
    START + timedelta(n) for n in (-1500, -731, -366, -365, -91, -30, -2, -1, 0, 1, 29, 30, 61)
)
"""Around the start, with ends of months from which a month or a year leads past another's end."""
UNITS: dict[int, dict[str, Any]] = {
    5: {"district": 2, "kind": "district", "nature": "a", "industry": "b"},
    6: {"district": 2, "kind": "district", "nature": "b", "industry": None},
    7: {"district": 3, "kind": "district", "nature": "c", "industry": "c"},
    8: {"district": 4, "kind": "bureau", "nature": None, "industry": "a"},
    9: {"district": 4, "kind": "bureau", "nature": "a", "industry": "a"},
    10: {"district": None, "kind": None, "nature": "b", "industry": "a"},
}
TABLES = Tables(
    entries={
        "ranks": [
            ("low", "低", 1, {"pay": 100.29, "few": 1}),
            ("mid", "中", 2, {"pay": 1.15, "few": 2.5}),
            ("high", "高", 3, {"pay": 2000}),
            ("a", "甲", 7, {"few": 3}),
            ("b", "乙", None, {"pay": 250.5, "few": 0}),
        ]
    },
    terms={"trades": {"t0", "t1", "a"}},
)
PLACES = (
    Place(0, 0, "x", 2030),
    Place(1, 0, "x", 2030),
    Place(2, 1, "x", 2029),
    Place(3, 2, "y", 2029),
)
"""The revision that is judged, another of its programme, an earlier programme, another family."""
TEAM = [
    {"key": "sex", "label": "s", "kind": "choice", "choices": {key: key for key in LETTERS}},
    {"key": "age", "label": "a", "kind": "number"},
    {"key": "money", "label": "m", "kind": "money"},
    {"key": "since", "label": "d", "kind": "date"},
    {"key": "is_new", "label": "n", "kind": "yes_no"},
    {"key": "note", "label": "t", "kind": "text"},
]
FACTS = {
    "code": (
        "field.kind", "certificate.level", "certificate.issuer", "unit.nature", "unit.industry",
        "district.kind", "application.channel", "applicant.sex", "certificate.occupation",
    ),
    "text": ("field.note", "certificate.number"),
    "number": (
        "field.count", "field.points", "field.team", "list.many", "list.share", "list.ages",
        "list.times", "list.given", "attachment.paper", "certificate.level@ranks",
        "field.kind@ranks", "field.note.length",
    ),
    "money": ("field.cost", "field.funds", "list.spent", "list.amounts"),
    "date": (
        "field.day", "certificate.issued_on", "application.submitted_on", "window.opens",
        "window.closes", "applicant.birth_date", "certificate.previous_issued_on",
    ),
    "yes_no": ("field.agrees", "applicant.union_member", "list.any", "list.before"),
}  # fmt: skip
KEYS = ("person", "unit", "district", "certificate", "field.badge")
_ORDERED = {"number": "number", "money": "money"}


class Maker:
    """Makes one programme and its cases from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.pick = self.random.choice

    def chance(self, of_hundred: int) -> bool:
        return self.random.randrange(100) < of_hundred

    def some(self, most: int, make: Callable[[int], Any], least: int = 0) -> list[Any]:
        return [make(n) for n in range(self.random.randint(least, most))]

    def pack(self) -> dict[str, Any]:
        """A programme's document: what ``oracle`` and ``fill`` read."""
        self.has_amount = False
        pack: dict[str, Any] = {
            "windows": [
                {"key": "w1", "opens": "2030-03-01", "closes": "2030-03-31"},
                {"key": "w2", "opens": "2030-04-01", "closes": "2030-05-31"},
            ],
            "fields": self._fields(),
            "facts": [],
            "attachments": [],
        }
        pack["facts"] = self._derived()
        pack["attachments"] = self._attachments()
        for row in pack["fields"]:
            if row["key"] in ("field.day", "field.team") and self.chance(30):
                row |= {"critical": True, "when": self.terms(1, least=1)}
        self.is_plain = self.chance(30)
        tiers = self.some(4, self._tier, least=1)
        pack["tiers"] = {"choose": self.pick(("first", "highest", "each")), "rows": tiers}
        self.has_amount = True
        pack["conditions"] = self.some(4, self._condition, least=1)
        self.tiers = [row["key"] for row in tiers]
        pack["bounds"] = self.some(3, self._bound)
        pack["orders"] = self.some(2, self._order)
        return pack

    # what the form asks

    def _fields(self) -> list[dict[str, Any]]:
        shapes = {
            "kind": "choice", "note": "text", "count": "number", "points": "number",
            "cost": "money", "funds": "money", "day": "date", "agrees": "yes_no", "badge": "text",
        }  # fmt: skip
        rows: list[dict[str, Any]] = [
            {"key": f"field.{key}", "section": "s", "label": key, "kind": kind}
            for key, kind in shapes.items()
        ]
        rows[0]["choices"] = {key: key for key in LETTERS}
        rows[-1]["is_key"] = True
        table = {"key": "field.team", "section": "s", "label": "team", "kind": "table"}
        return [*rows, table | {"columns": TEAM}]

    def _derived(self) -> list[dict[str, Any]]:
        """Of rows by each take, and of earlier cases by each."""
        rows: list[dict[str, Any]] = []
        for key, take, column in (
            ("many", "count", None),
            ("share", "share", None),
            ("any", "exists", None),
            ("ages", "sum", "row.age"),
            ("spent", "sum", "row.money"),
        ):
            row = {"key": f"list.{key}", "title": key, "of": "field.team", "take": take}
            rows.append(row | {"when": self.some(1, self._row_term)})
            if column:
                rows[-1]["column"] = column
            elif self.chance(40):
                rows[-1]["self"] = self.plain_terms()
        for key, take, column in (
            ("times", "count", None),
            ("before", "exists", None),
            ("amounts", "sum", "row.amount"),
        ):
            row = {"key": f"list.{key}", "title": key, "of": "earlier", "take": take}
            per = self.random.sample(("person", "unit", "district"), self.random.randint(1, 2))
            rows.append(row | {"per": per, "when": self.some(1, self._earlier_term)})
            if column:
                rows[-1]["column"] = column
        given = {"key": "list.given", "title": "g", "of": "field.team", "take": "count"}
        return [*rows, given | {"when": [["row.note", "is given"]]}]

    def _row_term(self, _place: int) -> list[Any]:
        return self.pick(
            [
                ["row.sex", self.pick(("is", "is not")), self.pick(LETTERS)],
                ["row.sex", self.pick(("one of", "none of")), ["a", "b"]],
                ["row.age", self.pick(("at least", "less than")), self.pick(NUMBERS)],
                ["row.age", "at most", "field.count"],
                ["row.money", "at least", self.pick(YUAN)],
                ["row.money", "more than", {"of": "field.cost", "times": [1, 3]}],
                ["row.since", "on or before", self.day()],
                ["row.since", "after", "field.day"],
                ["row.is_new", self.pick(("is true", "is false"))],
                ["row.note", "is empty"],
            ]
        )

    def _earlier_term(self, _place: int) -> list[Any]:
        return self.pick(
            [
                ["row.year", "at least", self.pick((2029, 2030))],
                ["row.tier", "is", "t1"],
                ["row.amount", "at least", self.pick((100, 300))],
                ["row.submitted_on", "on or after", self.day()],
                ["row.accepted_on", "is empty"],
            ]
        )

    def _attachments(self) -> list[dict[str, Any]]:
        row = {"key": "paper", "title": "p", "otherwise": self.pick(("refuse", "ask", "note"))}
        row |= {"at_least": self.pick((1, 2)), "when": self.terms(1)}
        return [row | {"medium": self.pick(("electronic", "paper", "both"))}]

    # terms

    def terms(self, most: int, least: int = 0) -> list[Any]:
        return self.some(most, lambda _place: self.term(), least)

    def plain_terms(self) -> list[Any]:
        """Terms that name nothing derived."""
        return self.some(1, lambda _place: self.term(derived=False))

    def fact(self, kind: str, *, derived: bool = True) -> str:
        known = [key for key in FACTS[kind] if derived or not key.startswith("list.")]
        if kind == "money" and self.has_amount and self.chance(30):
            return "award.amount"
        return self.pick(known)

    def term(self, *, derived: bool = True) -> list[Any]:
        kind = self.pick(("code", "code", "text", "number", "money", "date", "date", "yes_no"))
        key = self.fact(kind, derived=derived)
        if self.chance(8):
            return [key, self.pick(("is empty", "is given"))]
        if kind == "yes_no":
            return [key, self.pick(("is true", "is true", "is false"))]
        if kind == "code" and self.chance(15):
            table = self.pick(("in table", "not in table"))
            return [self.pick(("field.kind", "certificate.occupation")), table, "trades"]
        if self.chance(15):
            operator = self.pick(("one of", "none of"))
            return [key, operator, [self.value(kind, derived) for _ in range(2)]]
        if kind in ("code", "text"):
            return [key, self.pick(("is", "is", "is not")), self.value(kind, derived)]
        return self._ordered(key, kind, derived)

    def _ordered(self, key: str, kind: str, derived: bool) -> list[Any]:
        if self.chance(20):
            two = [self.value(kind, derived), self.value(kind, derived)]
            return [key, self.pick(("between", "not between")), two]
        days = ("before", "on or before", "after", "on or after", "is", "is not")
        sizes = ("less than", "at most", "more than", "at least", "is", "is not")
        operator = self.pick(days if kind == "date" else sizes)
        return [key, operator, self.value(kind, derived)]

    def value(self, kind: str, derived: bool) -> Any:
        if self.chance(25):
            return self.fact(kind, derived=derived)
        if kind == "date":
            return self._day_value(derived)
        if kind in _ORDERED and self.chance(35):
            if self.chance(50):
                times = self.pick(([1, 2], [1, 3], [2, 1], [3, 10], [0, 1]))
                return {"of": self.fact(kind, derived=derived), "times": times}
            cell = "pay" if kind == "money" else self.pick(("few", "pay"))
            by = self.pick(("certificate.level", "field.kind"))
            return {"table": "ranks", "by": by, "cell": cell}
        if kind == "text":
            return self.pick(("a", "ab", "甲乙", "n3"))
        if kind == "code":
            return self.pick((*LETTERS, *LEVELS, "unit", "district"))
        return self.pick(YUAN if kind == "money" else (*NUMBERS, 33.4, 50))

    def _day_value(self, derived: bool) -> Any:
        if self.chance(30):
            return self.day()
        if self.chance(35):
            which = self.pick(("earliest", "latest"))
            return {which: [self._day_or_moved(derived) for _ in range(2)]}
        return self._moved(derived)

    def _day_or_moved(self, derived: bool) -> Any:
        return (
            self._moved(derived)
            if self.chance(40)
            else self.pick((self.day(), self.fact("date", derived=derived)))
        )

    def _moved(self, derived: bool) -> dict[str, Any]:
        spans = {"days": (0, 1, 29, 30, 366, 730), "months": (1, 3, 12, 13, 25), "years": (1, 2, 5)}
        period = self.pick(tuple(spans))
        return {"from": self.fact("date", derived=derived), period: self.pick(spans[period])}

    def day(self) -> str:
        return self.pick(DAYS).isoformat()

    # rules

    def _condition(self, place: int) -> dict[str, Any]:
        otherwise = self.pick(("refuse", "ask", "note", "ask"))
        row = {"key": f"c{place}", "clause": "", "says": "s", "otherwise": otherwise}
        row["when"] = self.terms(2)
        if otherwise == "refuse" or self.chance(85):
            row["require"] = self._group(nested=self.chance(50))
        return row

    def _group(self, nested: bool) -> dict[str, Any]:
        items: list[Any] = [self.term() for _ in range(self.random.randint(1, 3))]
        if nested:
            self.has_amount = False  # worked out inside two groups it overflows SQLite's parser
            items.insert(0, self._group(nested=False))
            self.has_amount = True
        kind = self.pick(("all", "any", "any", "at_least"))
        if kind == "at_least":
            return {"at_least": self.random.randint(1, len(items)), "of": items}
        return {kind: items}

    def _tier(self, place: int) -> dict[str, Any]:
        row: dict[str, Any] = {"key": f"t{place}", "clause": "", "when": self.terms(2)}
        if place == 0 and self.chance(60):
            row["when"] = []
        if self.is_plain:
            return row | {"amount": self.pick((0.29, 100, 250.55, 1000, 1000))}
        if self.chance(50):
            row["amount"] = self.pick((0.29, 100, 250.55, 1000, 1005))
        else:
            row["works_out"] = self._works_out()
        if self.chance(30):
            row["uplift"] = {"percent": self.pick((10, 12.5, 33.33, 0.5)), "when": self.terms(1)}
        if self.chance(50):
            modes = self.pick(("down", "half-up", "half-even"))
            row["rounding"] = {"to": self.pick(("fen", "yuan", "ten")), "mode": modes}
        return row

    def _works_out(self) -> dict[str, Any]:
        by = self.pick(("certificate.level", "field.kind"))
        times = self.pick(("field.count", "field.team", "list.many", "list.times"))
        rule = self.pick(
            [
                {"table": "ranks", "by": by, "cell": "pay"},
                {"of": self.fact("money"), "percent": self.pick((50, 12.5, 0.05, 33.33, 110))},
                {"top_up_to": self.pick((1000, 50.5)), "less": self.fact("money")},
                {"each": self.pick((100, 0.15, 33.33)), "times": times},
            ]
        )
        return rule | ({"at_most": self.pick((99.99, 1000))} if self.chance(40) else {})

    def _bound(self, place: int) -> dict[str, Any]:
        take = self.pick(("cases", "cases", "distinct", "sum", "share"))
        within = self.pick(("window", "programme", "year", "family"))
        if take in ("distinct", "share"):
            within = self.pick(("window", "programme"))
        row: dict[str, Any] = {"key": f"b{place}", "clause": "", "says": "s", "take": take}
        row |= {"count": self.pick(("awarded", "awarded", "submitted")), "within": within}
        row["per"] = self.random.sample(KEYS, self.pick((0, 1, 1, 2)))
        row["when"] = self.terms(1) if self.chance(60) else []
        row["tiers"] = self._some_tiers()
        if within == "year":
            row["dated"] = self.pick(("certificate.issued_on", "field.day"))
        return row | self._of(take) | self._limit(take)

    def _some_tiers(self) -> list[str]:
        return [key for key in self.tiers if self.chance(50)] if self.chance(35) else []

    def _of(self, take: str) -> dict[str, Any]:
        if take == "distinct":
            return {"of": self.pick((*KEYS, "certificate.level", "field.count", "field.day"))}
        if take == "sum":
            keys = ("award.amount", "award.amount", "field.cost", "field.count", "field.team")
            return {"of": self.pick(keys)}
        if take == "share":
            terms = self.terms(2, least=1)
            told = {"where": terms, "distinct": self.pick((*KEYS, "field.kind"))}
            return {"of": self.pick((terms, told))}
        return {}

    def _limit(self, take: str) -> dict[str, Any]:
        most = {"sum": (0, 3, 7, 1000, 5000), "share": (0, 25, 50, 80)}.get(take, (0, 1, 2, 3, 5))
        limit = self.pick(most)
        if take == "share" or self.chance(25):
            over = {"over": self.pick(("refuse", "ask", "note", "wait"))}
            return over | {self.pick(("at_least", "at_most")): limit}
        over = {"over": self.pick(("refuse", "ask", "note", "wait", "spill"))}
        if over["over"] == "spill":
            over["spill_to"] = self.pick(self.tiers)
        return over | {"at_most": limit}

    def _order(self, place: int) -> dict[str, Any]:
        if self.chance(40):
            return {"key": f"o{place}", "says": "s", "when": self.terms(1, least=1)}
        kind = self.pick(("number", "money", "date", "code"))
        return {"key": f"o{place}", "fact": self.fact(kind), "descending": self.chance(50)}

    # cases

    def cases(self, count: int, pack: dict[str, Any]) -> list[Case]:
        """Cases of the judged revision and its rivals, in a random order of their ids."""
        people = max(2, count // 3)
        self.people: dict[tuple[int, int], dict[str, Any]] = {}
        serials = list(range(1, count + 1))
        self.random.shuffle(serials)
        rules = [row["key"] for section in ("conditions", "bounds") for row in pack[section]]
        return [self._case(n, serials[n - 1], people, [*rules, "tier", "paper"])
                for n in range(1, count + 1)]  # fmt: skip

    def _case(self, number: int, serial: int, people: int, rules: list[str]) -> Case:
        place = self.pick((PLACES[0],) * 12 + PLACES[1:])
        states = ("waiting",) * 8 + ("returned", "approved", "paid")
        state = self.pick((*states, "refused", "withdrawn"))
        if place.revision:
            state = self.pick(("approved", "paid", "approved", "refused"))
        unit = self.pick(list(UNITS))
        person = self.random.randrange(people)
        case = Case(
            id=number,
            sequence=serial,
            place=place,
            state=state,
            window=self.pick(("w1", "w2")),
            facts=self._built_in(number, unit) | self._person(person, unit),
            keys={
                "person": person,
                "unit": unit,
                "district": UNITS[unit]["district"],
                "certificate": f"n{number}",
            },
            fields=self._answers(),
            rows=self.some(4, self._row),
            files=self.pick((0, 1, 1, 2)),
            passed={key for key in rules if self.chance(10)},
        )
        if case.is_placed:
            case.tier = self.pick((*self.tiers, *self.tiers, None))
            case.fen = self.pick((0, 100_00, 300_00, 1234_56))
        case.keys["field.badge"] = case.fields.pop("badge", None)
        return case

    def _built_in(self, number: int, unit: int) -> dict[str, Any]:
        own = UNITS[unit]
        return {
            "application.channel": self.pick(("unit", "personal")),
            "application.submitted_on": self.pick(DAYS[-6:]),
            "certificate.level": self.pick((*LEVELS, "unheard")),
            "certificate.issuer": self.pick(LETTERS),
            "certificate.occupation": self.pick(("t0", "t1", "t9")),
            "certificate.number": f"n{number}",
            "certificate.issued_on": self.pick(DAYS),
            "certificate.previous_issued_on": self.pick((None, *DAYS)),
            "unit.nature": own["nature"],
            "unit.industry": own["industry"],
            "district.kind": own["kind"],
        }

    def _person(self, person: int, unit: int) -> dict[str, Any]:
        return self.people.setdefault(
            (person, unit),
            {
                "applicant.union_member": self.pick((True, True, True, False, None)),
                "applicant.sex": self.pick(("a", "b", None)),
                "applicant.birth_date": self.pick((None, *DAYS)),
            },
        )

    def _answers(self) -> dict[str, Any]:
        made = {
            "kind": self.pick(LETTERS),
            "note": self.pick(("a", "ab", "甲乙", "n3", "abcde")),
            "count": self.pick(NUMBERS),
            "points": self.pick(NUMBERS),
            "cost": self.pick(YUAN),
            "funds": self.pick(YUAN),
            "day": self.day(),
            "agrees": self.chance(70),
            "badge": self.pick(LETTERS),
        }
        return {key: value for key, value in made.items() if self.chance(85)}

    def _row(self, _place: int) -> dict[str, Any]:
        made = {
            "sex": self.pick(LETTERS),
            "age": self.pick(NUMBERS),
            "money": self.pick(YUAN),
            "since": self.day(),
            "is_new": self.chance(50),
            "note": self.pick(("x", "yy")),
        }
        return {key: value for key, value in made.items() if self.chance(85)}
