"""Rules: one rule as written, what is wrong with it, and its compiled form."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from policy.cel_library import Program, compile_expression
from policy.checker import check
from policy.decision import NOTHING_SET, AttributeValue, Stage
from policy.facts import FACTS
from policy.schedule import ScheduleError, parse_period

# A site with more rules than this wants a directory group; it also bounds what one decision can cost.
MAX_RULES = 1_000

RuleField = Literal["name", "when", "stage", "deny", "hold", "set", "schedules", "timezone"]


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
    """

    name: str
    when: str
    stage: Stage | None = None
    queues: tuple[str, ...] | None = None
    deny: str | None = None
    hold: str | None = None
    set_attributes: Mapping[str, AttributeValue] = field(default_factory=lambda: NOTHING_SET)
    expires_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class PolicyProblem:
    """One mistake in the rules or schedules.

    Args:
        rule: index of the rule, None for schedules and time zone.
        field: the key of the rule that is wrong; "schedules" and "timezone" stand for themselves.
        schedule: name of the schedule and index of its period, when field is "schedules".
        offset: place inside the condition, in characters from 0.
    """

    rule: int | None
    field: RuleField
    message: str
    suggestion: str | None = None
    offset: int | None = None
    schedule: tuple[str, int] | None = None


class PolicyErrors(ValueError):  # noqa: N818 - several
    """The rules cannot be used; `problems` holds every mistake found."""

    def __init__(self, problems: Sequence[PolicyProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problem.message for problem in self.problems))


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule that can be asked.

    Args:
        program: the compiled condition.
        reads: facts it reads, as ("user", "groups").
    """

    source: RuleSource
    program: Program
    reads: frozenset[tuple[str, str]]

    @property
    def reads_inspected(self) -> bool:
        """Whether it asks what only an inspection of the document can tell."""
        return any(FACTS[group][name].inspected for group, name in self.reads)

    @property
    def reads_document(self) -> bool:
        """Whether it asks anything that is unknown before the document has arrived."""
        return any(FACTS[group][name].arrives for group, name in self.reads)


def compile_rule(source: RuleSource, schedules: Collection[str]) -> CompiledRule:
    """Compile a rule that has no problems."""
    return CompiledRule(
        source, compile_expression(source.when), frozenset(check(source.when, schedules).reads)
    )


def problems_of(
    rules: Sequence[RuleSource], schedules: Mapping[str, Sequence[str]]
) -> Iterator[PolicyProblem]:
    """Yield every mistake in rules and schedules."""
    if len(rules) > MAX_RULES:
        yield PolicyProblem(MAX_RULES, "name", f"there are more than {MAX_RULES} rules")
    seen: set[str] = set()
    for index, rule in enumerate(rules[:MAX_RULES]):
        if rule.name in seen:
            yield PolicyProblem(index, "name", f'another rule is already named "{rule.name}"')
        seen.add(rule.name)
        yield from _problems_of_rule(index, rule, schedules)
    for name, periods in schedules.items():
        for position, text in enumerate(periods):
            try:
                parse_period(text)
            except ScheduleError as error:
                yield PolicyProblem(
                    None, "schedules", str(error), error.suggestion, schedule=(name, position)
                )


def _problems_of_rule(index: int, rule: RuleSource, schedules: Collection[str]) -> Iterator[PolicyProblem]:
    if rule.deny is None and rule.hold is None and not rule.set_attributes and rule.expires_after_s is None:
        yield PolicyProblem(index, "name", "has no effect: give it deny, hold, set or expires_after")
    if rule.deny is not None and (rule.hold is not None or rule.set_attributes or rule.expires_after_s):
        yield PolicyProblem(index, "deny", "a rule that denies has no other effect")
    checked = check(rule.when, schedules)
    for mistake in checked.mistakes:
        yield PolicyProblem(index, "when", mistake.message, mistake.suggestion, mistake.offset)
    if rule.stage != "release" and any(group == "printer" for group, _ in checked.reads):
        yield PolicyProblem(
            index,
            "when",
            'the printer is known at release only: add stage = "release"',
            offset=_find(rule.when, "printer"),
        )


def _find(text: str, word: str) -> int | None:
    return text.find(word) if word in text else None
