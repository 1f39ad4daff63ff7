"""Each row of a revision in words: a title, marks, and what it says, as the notice would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from models.allocation import METHODS, POOL_SPANS, RESTS, TIER, Allocation
from models.base import N_
from models.programme import (
    BEYOND,
    COUNTS,
    DERIVATIONS,
    FIELD_KINDS,
    MEDIA,
    OUTCOMES,
    SPANS,
    STAGE_KINDS,
    TAKES,
    AwardTier,
    Bound,
    Channel,
    Condition,
    DerivedFact,
    FormField,
    OrderKey,
    Revision,
    Stage,
    Window,
)
from models.sharing import PAYERS, Instalment, PaymentRule, Share
from portal.access.permissions import ROLES
from portal.policy.check import ENTERED, STAGE
from portal.policy.payment_words import BATCH_DAYS, payment_words
from portal.policy.stage_words import length_words, stage_words
from portal.policy.vocabulary import Vocabulary
from portal.policy.wording import Said, Wording

PERIODS = {
    "days": N_("%(count)s days after: %(anchor)s"),
    "working_days": N_("%(count)s working days after: %(anchor)s"),
    "months": N_("%(count)s months after: %(anchor)s"),
    "years": N_("%(count)s years after: %(anchor)s"),
    "day_of_next_month": N_("day %(count)s of the month after: %(anchor)s"),
}
"""How long a stage has, in words."""
ROUNDING_UNITS = {"fen": N_("fen"), "yuan": N_("yuan"), "ten": N_("ten yuan")}
ROUNDING_MODES = {
    "down": N_("rounded down"),
    "half-up": N_("rounded half up"),
    "half-even": N_("rounded half to even"),
}


@dataclass(frozen=True)
class Line:
    """What a row says under one heading; an empty ``label`` has none."""

    label: str
    said: tuple[Said, ...]


@dataclass(frozen=True)
class RowWords:
    """A row as the page reads it out."""

    title: str
    lines: tuple[Line, ...] = ()
    marks: tuple[str, ...] = ()


class RowReader:
    """Reads out the rows of one revision."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary, self.say = vocabulary, vocabulary.say
        self.wording = Wording(vocabulary)

    def words(self, row: Any) -> RowWords:
        """*row*, of any table of a revision."""
        made: RowWords = _READERS[type(row).__tablename__](self, row)
        return made

    def window(self, row: Window) -> RowWords:
        """When applications are received."""
        days = self.say(
            N_("%(opens)s to %(closes)s, both days included"),
            opens=row.opens_on,
            closes=row.closes_on,
        )
        lines = [self._line("", days), *self._channels(row)]
        if row.paper_on:
            lines.append(self._line(N_("Papers until"), str(row.paper_on)))
        return RowWords(row.title or row.key, tuple(lines))

    def channel(self, row: Channel) -> RowWords:
        """A way in."""
        roles = self.wording.joined(self.say(ROLES.get(role, role)) for role in row.roles)
        return RowWords(row.title, (self._line(N_("Entered by"), roles),))

    def form_field(self, row: FormField) -> RowWords:
        """A field of the form."""
        lines = [*self._answers(row), *self._when(N_("Asked when"), row.when)]
        if row.hint:
            lines.append(self._line(N_("Hint"), row.hint))
        return RowWords(row.label, tuple(lines), tuple(self._field_marks(row)))

    def derived_fact(self, row: DerivedFact) -> RowWords:
        """A fact that is worked out."""
        origin = (
            self.say(N_("earlier awarded cases of the family"))
            if row.of == "earlier"
            else self.vocabulary.label(row.of)
        )
        took = self.say(DERIVATIONS.get(row.take, row.take))
        words = self.say(N_("%(take)s over: %(origin)s"), take=took, origin=origin)
        lines = [self._line("", words), *self._when(N_("Counted when"), row.when)]
        if row.column:
            lines.append(self._line(N_("Column"), self._column(row.column)))
        if row.per:
            lines.append(self._line(N_("Per"), self._labels(row.per)))
        if row.self_when is not None:
            always = (Said(self.say(N_("always"))),)
            said = self.wording.terms(row.self_when) or always
            lines.append(Line(self.say(N_("The applicant counts too, when")), said))
        return RowWords(row.title, tuple(lines))

    def attachment_rule(self, row: Any) -> RowWords:
        """A paper or file."""
        count = self.say(N_("%(low)s to %(high)s files"), low=row.at_least, high=row.at_most)
        marks = [self.say(MEDIA.get(row.medium, row.medium)), count]
        if row.copies != 1:
            marks.append(self.say(N_("%(count)s copies"), count=row.copies))
        lines = self._when(N_("When"), row.when)
        if row.hint:
            lines.append(self._line(N_("Hint"), row.hint))
        marks.append(self._outcome(N_("When missing"), row.otherwise))
        return RowWords(row.title, tuple(lines), tuple(marks))

    def condition(self, row: Condition) -> RowWords:
        """What must hold."""
        lines = self._when(N_("When"), row.when)
        if row.require is None:
            lines.append(self._line(N_("Requires"), self.say(N_("a person's judgement"))))
        else:
            lines.append(self._group(N_("Requires"), row.require))
        marks = [self._outcome(N_("Otherwise"), row.otherwise)]
        if row.asks:
            marks.append(self._marked(N_("Asked at"), self.vocabulary.stage(row.asks)))
        if row.moments:
            marks.append(self._marked(N_("Looked at again"), self._moments(row.moments)))
        return RowWords(row.says, tuple(lines), tuple(marks))

    def award_tier(self, row: AwardTier) -> RowWords:
        """An amount."""
        lines = self._when(N_("When"), row.when)
        if row.rule:
            lines.append(self._line(N_("Amount worked out"), self._amount(row.rule)))
        if row.uplift:
            lines += self._uplift(row.uplift)
        if row.rounding:
            lines.append(self._line(N_("Rounding"), self._rounding(row.rounding)))
        return RowWords(row.title, tuple(lines), tuple(self._tier_marks(row)))

    def bound(self, row: Bound) -> RowWords:
        """How many, per whom, within what."""
        lines = [self._line("", self._limit(row)), *self._of(row)]
        if row.tiers:
            tiers = self.wording.joined(map(self.vocabulary.tier, row.tiers))
            lines.append(self._line(N_("Tiers"), tiers))
        lines += self._when(N_("When"), row.when)
        beyond = self._outcome(N_("Beyond it"), row.over)
        if row.spill_to:
            beyond = f"{beyond} → {self.vocabulary.tier(row.spill_to)}"
        marks = [beyond]
        if row.asks:
            marks.append(self._marked(N_("Asked at"), self.vocabulary.stage(row.asks)))
        return RowWords(row.says, tuple(lines), tuple(marks))

    def order_key(self, row: OrderKey) -> RowWords:
        """Who comes first."""
        if not row.fact:
            lines = self._when(N_("First come those for whom"), row.when)
            return RowWords(row.says or row.key, tuple(lines))
        way = N_("%(fact)s, highest first") if row.descending else N_("%(fact)s, lowest first")
        words = self.say(way, fact=self.vocabulary.label(row.fact))
        return RowWords(row.says or words, (self._line("", words),) if row.says else ())

    def stage(self, row: Stage) -> RowWords:
        """A step of the route."""
        lines = [
            self._line(N_("Who acts"), self.say(ROLES.get(row.acts, row.acts))),
            self._line(N_("Status words"), self.wording.joined(row.words.values())),
            *self._channels(row),
            *self._when(N_("Only when"), row.when),
        ]
        if row.due:
            lines.append(self._line(N_("Due"), self.due(row.due)))
        if row.returns_to:
            lines.append(self._line(N_("Returns to"), self.vocabulary.stage(row.returns_to)))
        if not row.keeps_place or row.keeps_within:
            words = self.say(N_("lost by a return"))
            if row.keeps_within:
                length = length_words(row.keeps_within, self.say)
                words = self.say(N_("kept if it comes back within %(length)s"), length=length)
            lines.append(self._line(N_("Place in the order"), words))
        told = stage_words(row, self.say, self.wording.joined)
        lines += [self._line(label, words) for label, words in told]
        marks = [self.say(STAGE_KINDS.get(row.kind, row.kind))]
        if row.is_editable:
            marks.append(self.say(N_("Editable while waiting")))
        return RowWords(row.title, tuple(lines), tuple(marks))

    def allocation(self, row: Allocation) -> RowWords:
        """To whom what is short goes."""
        lines = [self._line(N_("What there is"), self.wording.joined(self._pool(row)))]
        each = [
            self.say(N_("Award tier")) if key == TIER else self.vocabulary.label(key)
            for key in row.per
        ]
        if each:
            lines.append(self._line(N_("A pool for each"), self.wording.joined(each)))
        if row.tiers:
            tiers = self.wording.joined(map(self.vocabulary.tier, row.tiers))
            lines.append(self._line(N_("Tiers"), tiers))
        lines += self._when(N_("When"), row.when)
        rest = self.say(RESTS.get(row.rest, row.rest))
        lines.append(self._line(N_("Who is not reached"), rest))
        marks = [self.say(METHODS.get(row.method, row.method))]
        marks.append(self.say(POOL_SPANS.get(row.within, row.within)))
        if row.soft:
            marks.append(self.say(N_("May be raised with a reason")))
        return RowWords(row.title, tuple(lines), tuple(marks))

    def share(self, row: Share) -> RowWords:
        """What a payer pays."""
        payers = self.wording.joined(self.say(PAYERS[key]) for key in (row.payer, *row.others))
        lines = [self._line(N_("Payer"), payers)]
        if row.tiers:
            tiers = self.wording.joined(map(self.vocabulary.tier, row.tiers))
            lines.append(self._line(N_("Tiers"), tiers))
        lines += self._when(N_("When"), row.when)
        if row.rule is None:
            mark = self._marked(N_("Part of the amount"), str(row.weight))
        else:
            mark = self._marked(N_("On top of the amount"), self._amount(row.rule))
        return RowWords(row.title, tuple(lines), (mark,))

    def instalment(self, row: Instalment) -> RowWords:
        """A part that is paid at one time."""
        after = self.vocabulary.stage(row.after) if row.after else self.say(N_("final approval"))
        lines = [self._line(N_("Released by"), after)]
        if row.due:
            lines.append(self._line(N_("Due"), self.due(row.due)))
        return RowWords(row.title, tuple(lines), (self._marked(N_("Weight"), str(row.weight)),))

    def payment_rule(self, row: PaymentRule) -> RowWords:
        """A way of payment."""
        told = payment_words(row, self.say, self.wording.joined)
        lines = [*self._channels(row), *(self._line(label, words) for label, words in told)]
        if row.due:
            lines.append(self._line(N_("Due"), self.due(row.due)))
        return RowWords(row.title, tuple(lines))

    def due(self, due: dict[str, Any]) -> str:
        """A deadline."""
        anchor = self.anchor(str(due.get("after", ENTERED)))
        words = [
            self.say(PERIODS[key], count=due[key], anchor=anchor) for key in PERIODS if key in due
        ]
        return "".join(words)

    def anchor(self, key: str) -> str:
        """The day or event that a deadline counts from."""
        if key == ENTERED:
            return self.say(N_("reaching this stage"))
        if key in BATCH_DAYS:
            return self.say(BATCH_DAYS[key])
        if key.startswith(STAGE):
            title = self.vocabulary.stage(key.removeprefix(STAGE))
            return self.say(N_("passing “%(stage)s”"), stage=title)
        return self.vocabulary.label(key)

    def _field_marks(self, row: FormField) -> Iterator[str]:
        yield self.say(FIELD_KINDS.get(row.kind, row.kind))
        if row.critical:
            yield self.say(N_("Required"))
        if row.purpose == "survey":
            yield self.say(N_("Survey"))
        if not row.in_sheet:
            yield self.say(N_("Not in the sheet"))
        if row.is_key:
            yield self.say(N_("Identifies what is claimed"))
        if row.stage:
            yield self._marked(N_("Filled in at"), self.vocabulary.stage(row.stage))
        for label, limit in ((N_("At least"), row.at_least), (N_("At most"), row.at_most)):
            if limit is not None:
                yield self._marked(label, str(limit))

    def _answers(self, row: FormField) -> Iterator[Line]:
        if row.catalogue:
            yield self._line(N_("Catalogue"), self.vocabulary.catalogue(row.catalogue))
        if row.choices:
            yield self._line(N_("Choices"), self.wording.joined(row.choices.values()))
        if row.columns:
            names = [str(column.get("label") or column.get("key")) for column in row.columns]
            yield self._line(N_("Columns"), self.wording.joined(names))

    def _tier_marks(self, row: AwardTier) -> Iterator[str]:
        if row.amount_fen is not None:
            yield self.wording.yuan(_yuan(row.amount_fen))
        elif not row.rule:
            yield self.say(N_("Amount not set yet"))

    def _amount(self, rule: dict[str, Any]) -> str:
        match rule:
            case {"table": str(table), "by": str(by), "cell": cell}:
                return self.wording.cell(table, by, cell)
            case {"of": str(of), "percent": percent, **rest}:
                told = {"percent": percent, "fact": self.vocabulary.label(of)}
                if "at_most" not in rest:
                    return self.say(N_("%(percent)s %% of %(fact)s"), **told)
                most = self.wording.yuan(rest["at_most"])
                return self.say(
                    N_("%(percent)s %% of %(fact)s, at most %(most)s"), **told, most=most
                )
            case {"top_up_to": target, "less": str(less)}:
                told = {"target": self.wording.yuan(target), "fact": self.vocabulary.label(less)}
                return self.say(N_("topped up to %(target)s, less %(fact)s"), **told)
            case {"each": each, "times": str(times)}:
                told = {"each": self.wording.yuan(each), "fact": self.vocabulary.label(times)}
                return self.say(N_("%(each)s for each: %(fact)s"), **told)
        return str(rule)

    def _uplift(self, uplift: dict[str, Any]) -> list[Line]:
        words = self.say(N_("%(percent)s %% more"), percent=uplift.get("percent", ""))
        said = Said(words, self.wording.terms(uplift.get("when", ())))
        return [Line(self.say(N_("Uplift")), (said,))]

    def _rounding(self, rounding: dict[str, Any]) -> str:
        mode = ROUNDING_MODES.get(rounding.get("mode", ""), "")
        unit = ROUNDING_UNITS.get(rounding.get("to", ""), "")
        words = {"mode": self.say(mode), "unit": self.say(unit)}
        return self.say(N_("%(mode)s to %(unit)s"), **words)

    def _limit(self, row: Bound) -> str:
        counted = self.say(COUNTS.get(row.counts, row.counts))
        if row.take != "cases":
            counted = f"{counted} · {self.say(TAKES.get(row.take, row.take))}"
        told = {"counted": counted, "span": self.say(SPANS.get(row.within, row.within))}
        if row.per:
            per = N_("%(counted)s, per %(per)s, within: %(span)s")
            lead = self.say(per, **told, per=self._labels(row.per))
        else:
            lead = self.say(N_("%(counted)s, all together, within: %(span)s"), **told)
        limits = [
            self._marked(label, f"{limit:,}")
            for label, limit in ((N_("At most"), row.at_most), (N_("At least"), row.at_least))
            if limit is not None
        ]
        return self.wording.joined([lead, *limits])

    def _of(self, row: Bound) -> list[Line]:
        if isinstance(row.of, str):
            return [self._line(N_("What is counted"), self.vocabulary.label(row.of))]
        if isinstance(row.of, dict):
            distinct = self.vocabulary.label(str(row.of.get("distinct", "")))
            once = self._line(N_("Each counted once by"), distinct)
            return [*self._when(N_("What is counted"), row.of.get("where")), once]
        return self._when(N_("What is counted"), row.of) if isinstance(row.of, list) else []

    def _channels(self, row: Window | Stage | PaymentRule) -> list[Line]:
        if not row.channels:
            return []
        titles = self.wording.joined(map(self.vocabulary.channel, row.channels))
        return [self._line(N_("Channels"), titles)]

    def _moments(self, moments: list[str]) -> str:
        titles = [
            self.say(N_("Before payment")) if key == "payment" else self.vocabulary.stage(key)
            for key in moments
        ]
        return self.wording.joined(titles)

    def _column(self, key: str) -> str:
        found = self.vocabulary.label(f"row.{key}")
        return self.vocabulary.label(key) if found == f"row.{key}" else found

    def _labels(self, keys: list[str]) -> str:
        return self.wording.joined(map(self.vocabulary.label, keys))

    def _when(self, label: str, terms: list[Any] | None) -> list[Line]:
        return [Line(self.say(label), self.wording.terms(terms))] if terms else []

    def _group(self, label: str, group: Any) -> Line:
        """A group of one term is that term."""
        said = self.wording.group_words(group)
        alone = len(said.items) == 1 and not said.items[0].items
        return Line(self.say(label), said.items if alone else (said,))

    def _line(self, label: str, words: str) -> Line:
        return Line(self.say(label) if label else "", (Said(words),))

    def _marked(self, label: str, words: str) -> str:
        return self.say(N_("%(label)s: %(value)s"), label=self.say(label), value=words)

    def _pool(self, row: Allocation) -> Iterator[str]:
        """The budget and the places of a pool."""
        if row.budget_fen is not None:
            yield self.wording.yuan(_yuan(row.budget_fen))
        elif row.budget_rule:
            yield self._amount(row.budget_rule)
        if row.places is not None:
            yield self.say(N_("%(count)s places"), count=f"{row.places:,}")
        elif row.places_rule:
            told = self._amount(row.places_rule)
            yield self.say(N_("places: %(words)s"), words=told)

    def _outcome(self, label: str, outcome: str) -> str:
        return self._marked(label, self.say((BEYOND | OUTCOMES).get(outcome, outcome)))


_READERS: dict[str, Callable[[RowReader, Any], RowWords]] = {
    "window": RowReader.window,
    "channel": RowReader.channel,
    "form_field": RowReader.form_field,
    "derived_fact": RowReader.derived_fact,
    "attachment_rule": RowReader.attachment_rule,
    "condition": RowReader.condition,
    "award_tier": RowReader.award_tier,
    "bound": RowReader.bound,
    "order_key": RowReader.order_key,
    "stage": RowReader.stage,
    "allocation": RowReader.allocation,
    "share": RowReader.share,
    "instalment": RowReader.instalment,
    "payment_rule": RowReader.payment_rule,
}


def rows_of(revision: Revision, section: str) -> list[Any]:
    """The rows of a section in their order."""
    return sorted(getattr(revision, section), key=lambda row: (row.position, row.id or 0))


def _yuan(fen: int) -> int | float:
    return fen // 100 if fen % 100 == 0 else fen / 100
