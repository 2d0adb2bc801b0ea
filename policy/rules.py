"""Rules: one rule as written, what is wrong with it, and its compiled form."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from policy.cel_library import Program, compile_expression
from policy.checker import check
from policy.decision import NOTHING_SET, PERSON_PREFIX, AttributeValue, OutcomeKind, Stage
from policy.facts import FACTS, Facts
from policy.groups import with_folded_groups
from policy.holidays import HolidayError, parse_days
from policy.schedule import ScheduleError, calendars_of, parse_period
from policy.setting import Setting
from policy.suggestion import closest
from policy.surroundings import Surroundings
from policy.watermark import mistakes_in

# A site with more rules than this wants a directory group; it also bounds what one decision can cost.
MAX_RULES = 1_000

RuleField = Literal[
    "name",
    "when",
    "stage",
    "allow",
    "deny",
    "hold",
    "approvers",
    "set",
    "redirect",
    "prefer",
    "watermark",
    "schedules",
    "holidays",
    "timezone",
]


@dataclass(frozen=True, slots=True)
class RuleSource:
    """One rule as the site wrote it.

    Args:
        when: the condition.
        stage: asked at this stage only; at both when None.
        queues: asked for jobs of these queues only; for all when None.
        deny: refuse the job and say this.
        hold: hold the job until it is approved and say this.
        set_attributes: Job Template attributes to set, by IPP name.
        expires_after_s: shorten the hold to this many seconds from when the job came in.
        allow: ask nothing after this rule.
        approvers: who may approve what it holds: groups, and people as "user:NAME".
        copies_limit: the most copies.
        redirect: printers where the job goes instead, the preferred one first.
        prefer: "cheapest" when the cheapest of those is preferred, and not the first.
        mask: tell the printer no name of the document.
        watermark: words for every page, with placeholders; `policy.watermark`.
        archive: keep a copy of what was printed.
    """

    name: str
    when: str
    stage: Stage | None = None
    queues: tuple[str, ...] | None = None
    deny: str | None = None
    hold: str | None = None
    set_attributes: Mapping[str, AttributeValue] = field(default_factory=lambda: NOTHING_SET)
    expires_after_s: int | None = None
    allow: bool = False
    approvers: tuple[str, ...] = ()
    copies_limit: int | None = None
    redirect: tuple[str, ...] = ()
    prefer: Literal["cheapest"] | None = None
    mask: bool = False
    watermark: str | None = None
    archive: bool = False

    @property
    def effects(self) -> tuple[OutcomeKind, ...]:
        """Everything that the rule can do when its condition holds."""
        found: dict[OutcomeKind, object] = {
            "deny": self.deny is not None,
            "hold-for-approval": self.hold is not None,
            "set": self.set_attributes,
            "limit": self.copies_limit is not None,
            "redirect": self.redirect,
            "shorten": self.expires_after_s is not None,
            "mask": self.mask,
            "watermark": self.watermark is not None,
            "archive": self.archive,
            "allow": self.allow,
        }
        return tuple(kind for kind, wanted in found.items() if wanted)

    def is_asked(self, stage: Stage, queue: str) -> bool:
        """Return whether the rule is asked at a stage for the jobs of a queue."""
        return self.stage in {None, stage} and (self.queues is None or queue in self.queues)


@dataclass(frozen=True, slots=True)
class PolicyProblem:
    """One mistake in the rules or schedules.

    Args:
        rule: index of the rule, None for schedules, holidays and time zone.
        field: the key of the rule that is wrong; those three stand for themselves.
        schedule: name of the schedule or calendar and index of its entry, for the two.
        offset: place inside the condition or the watermark, in characters from 0.
        item: index inside the list that the field is.
    """

    rule: int | None
    field: RuleField
    message: str
    suggestion: str | None = None
    offset: int | None = None
    schedule: tuple[str, int] | None = None
    item: int | None = None


class PolicyErrors(ValueError):  # noqa: N818 - several
    """The rules cannot be used; `problems` holds every mistake found."""

    def __init__(self, problems: Sequence[PolicyProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problem.message for problem in self.problems))


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule that can be asked.

    Args:
        condition: the condition as it is evaluated: names of groups are folded in it.
        program: the same, compiled.
        reads: facts it reads, as ("user", "groups").
        calls: what it asks functions for, as ("open", "school-hours").
    """

    source: RuleSource
    condition: str
    program: Program
    reads: frozenset[tuple[str, str]]
    calls: frozenset[tuple[str, str]] = frozenset()

    @property
    def reads_inspected(self) -> bool:
        """Whether it asks what only an inspection of the document can tell."""
        return any(FACTS[group][name].inspected for group, name in self.reads)

    @property
    def reads_document(self) -> bool:
        """Whether it asks anything that is unknown before the document has arrived."""
        return any(FACTS[group][name].arrives for group, name in self.reads)

    def read(self, facts: Facts, around: Surroundings) -> dict[str, Any]:
        """Return what the condition reads, and its value; None where it is not known."""
        found = {
            f"{group}.{name}": FACTS[group][name].value(facts, around) for group, name in sorted(self.reads)
        }
        for function, name in sorted(self.calls):
            called = f'{function}("{name}")' if name else f"{function}()"
            if function == "open":
                found[called] = around.is_open(name)
            elif function == "holiday":
                found[called] = around.is_holiday(*([name] if name else []))
            else:
                found[called] = around.is_inside(name, facts.client.address)
        return found


def compile_rule(source: RuleSource, setting: Setting) -> CompiledRule:
    """Compile a rule that has no problems."""
    checked = check(source.when, setting)
    condition = with_folded_groups(source.when)
    return CompiledRule(
        source,
        condition,
        compile_expression(condition),
        frozenset(checked.reads),
        frozenset(checked.calls),
    )


def problems_of(rules: Sequence[RuleSource], setting: Setting) -> Iterator[PolicyProblem]:
    """Yield every mistake in rules, schedules and holidays."""
    if len(rules) > MAX_RULES:
        yield PolicyProblem(MAX_RULES, "name", f"there are more than {MAX_RULES} rules")
    seen: set[str] = set()
    for index, rule in enumerate(rules[:MAX_RULES]):
        if rule.name in seen:
            yield PolicyProblem(index, "name", f'another rule is already named "{rule.name}"')
        seen.add(rule.name)
        yield from _problems_of_effects(index, rule)
        yield from _problems_of_condition(index, rule, setting)
        yield from _problems_of_redirect(index, rule, setting)
    yield from _problems_of_times(setting)


def _problems_of_effects(index: int, rule: RuleSource) -> Iterator[PolicyProblem]:
    if not rule.effects:
        effects = "allow, deny, hold, set, redirect, mask, watermark, archive or expires_after"
        words = f"has no effect: give it {effects}"
        yield PolicyProblem(index, "name", words)
    if rule.deny is not None and len(rule.effects) > 1:
        yield PolicyProblem(index, "deny", "a rule that denies has no other effect")
    elif rule.allow and rule.hold is not None:
        yield PolicyProblem(index, "allow", "a rule that holds the job does not allow it")
    if rule.approvers and rule.hold is None:
        yield PolicyProblem(index, "approvers", "has a meaning only with hold")
    for item, name in enumerate(rule.approvers):
        if not name.removeprefix(PERSON_PREFIX).strip():
            yield PolicyProblem(
                index, "approvers", f'names a group, or a person as "{PERSON_PREFIX}NAME"', item=item
            )
    copies = rule.set_attributes.get("copies")
    if isinstance(copies, int) and rule.copies_limit is not None:
        yield PolicyProblem(index, "set", "sets copies, or bounds them by copies_limit, not both")
    for mistake in () if rule.watermark is None else mistakes_in(rule.watermark):
        yield PolicyProblem(index, "watermark", mistake.message, mistake.suggestion, mistake.offset)


def _problems_of_condition(index: int, rule: RuleSource, setting: Setting) -> Iterator[PolicyProblem]:
    checked = check(rule.when, setting)
    for mistake in checked.mistakes:
        yield PolicyProblem(index, "when", mistake.message, mistake.suggestion, mistake.offset)
    if rule.stage != "release" and any(group == "printer" for group, _ in checked.reads):
        words = 'the printer is known at release only: add stage = "release"'
        yield PolicyProblem(index, "when", words, offset=_find(rule.when, "printer"))
    elif ("printer", "cost") in checked.reads:
        for name in sorted(_reached(rule, setting) & set(setting.unpriced)):
            words = f'nobody has said what a page costs at "{name}": give [printers.{name}] a cost'
            yield PolicyProblem(index, "when", words, offset=_find(rule.when, "printer.cost"))


def _problems_of_redirect(index: int, rule: RuleSource, setting: Setting) -> Iterator[PolicyProblem]:
    if rule.redirect and rule.stage != "release":
        yield PolicyProblem(index, "redirect", 'the printer is known at release only: add stage = "release"')
    if rule.prefer is not None and not rule.redirect:
        yield PolicyProblem(index, "prefer", "has a meaning only with redirect")
    if setting.queues is None:
        return
    reached = _reached(rule, setting)
    for item, name in enumerate(rule.redirect):
        if name in rule.redirect[:item]:
            yield PolicyProblem(index, "redirect", f'"{name}" is listed twice', item=item)
        elif name not in reached:
            words = f'none of the queues that this rule is for has a printer named "{name}"'
            yield PolicyProblem(index, "redirect", words, closest(name, reached), item=item)
        elif rule.prefer == "cheapest" and name in setting.unpriced:
            words = f'nobody has said what a page costs at "{name}": give [printers.{name}] a cost'
            yield PolicyProblem(index, "redirect", words, item=item)


def _reached(rule: RuleSource, setting: Setting) -> set[str]:
    """Return the printers of the queues that a rule is for; empty where they are not known."""
    queues = setting.queues or {}
    return {printer for name in rule.queues or queues for printer in queues.get(name, ())}


def _problems_of_times(setting: Setting) -> Iterator[PolicyProblem]:
    for name, entries in setting.schedules.items():
        for position, text in enumerate(entries):
            place = (name, position)
            try:
                named = calendars_of(text)
                if named is None:
                    parse_period(text)
            except ScheduleError as error:
                yield PolicyProblem(None, "schedules", str(error), error.suggestion, schedule=place)
                continue
            for calendar in sorted(named or ()):
                if calendar not in setting.holidays:
                    words = f'there is no calendar of holidays named "{calendar}"'
                    hint = closest(calendar, setting.holidays)
                    yield PolicyProblem(None, "schedules", words, hint, schedule=place)
        if entries and all(_is_exception(text) for text in entries):
            yield PolicyProblem(None, "schedules", "is never open: it has no period", schedule=(name, 0))
    for name, entries in setting.holidays.items():
        for position, text in enumerate(entries):
            try:
                parse_days(text)
            except HolidayError as error:
                yield PolicyProblem(None, "holidays", str(error), error.suggestion, schedule=(name, position))


def _is_exception(text: str) -> bool:
    try:
        return calendars_of(text) is not None
    except ScheduleError:
        return False


def _find(text: str, word: str) -> int | None:
    return text.find(word) if word in text else None
