"""Engine: rules and schedules compiled once, asked for every job; in doubt the answer is no."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from types import MappingProxyType
from typing import Any

from policy import cel_library
from policy.decision import SILENT, AttributeValue, Decision, RuleOutcome, Stage
from policy.facts import FACTS, Facts, variables
from policy.rules import CompiledRule, PolicyErrors, PolicyProblem, RuleSource, compile_rule, problems_of
from policy.schedule import Schedule, ScheduleError, parse_schedule, time_zone

# What evaluation raises: overflow and division by zero, an unknown fact, wrong types, other library errors.
EVALUATION_ERRORS = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)
MAX_DETAIL_CHARACTERS = 200

FAILED = 'The rule "{rule}" could not be decided{why}, so the job is refused. Please tell the administrator.'


@dataclass(frozen=True, slots=True)
class _StagePlan:
    """What one stage asks: its rules in file order, and the groups of facts they read."""

    rules: tuple[CompiledRule, ...]
    groups: tuple[str, ...]
    uses_document: bool


class PolicyEngine:
    """Decides; immutable and without side effects, so one engine serves all tasks until it is replaced."""

    def __init__(
        self, rules: Sequence[CompiledRule], schedules: Mapping[str, Schedule], timezone: tzinfo
    ) -> None:
        self._rules = tuple(rules)
        self._schedules = dict(schedules)
        self._timezone = timezone
        self._plans: Mapping[Stage, _StagePlan] = {
            "accept": _plan(self._rules, "accept"),
            "release": _plan(self._rules, "release"),
        }
        self._early = _plan([rule for rule in self._rules if not rule.reads_document], "accept")

    @property
    def timezone(self) -> tzinfo:
        """The zone in which the site means times of day."""
        return self._timezone

    def uses_document(self, stage: Stage) -> bool:
        """Return whether any rule of the stage asks what only inspecting the document can tell."""
        return self._plans[stage].uses_document

    def asks(self, stage: Stage, *, early: bool = False) -> bool:
        """Return whether there is any rule for the stage; without one nobody needs to gather facts.

        Args:
            early: only those that ask nothing of the document.
        """
        return bool((self._early if early else self._plans[stage]).rules)

    def decide(self, stage: Stage, facts: Facts, now: datetime) -> Decision:
        """Return what the rules say: the first that denies ends it, else holds, settings and terms add up.

        Args:
            stage: "accept" when a job comes in, "release" when its owner asks for it.
            now: the moment of the decision, with time zone.

        A rule that cannot be decided denies. At release, `facts.job.approved` satisfies rules that hold.
        """
        return self._decide(self._plans[stage], stage, facts, now)

    def decide_early(self, facts: Facts, now: datetime) -> Decision:
        """Return what the rules for accepting say that ask nothing of the document, before it arrives.

        Only a denial is final: with the document known, further rules are asked.
        """
        return self._decide(self._early, "accept", facts, now)

    def _decide(self, plan: _StagePlan, stage: Stage, facts: Facts, now: datetime) -> Decision:
        context = self._context(plan.groups, facts, now) if plan.rules else None
        outcomes: list[RuleOutcome] = []
        for rule in plan.rules:
            found = _ask(rule, stage, facts, context)
            outcomes += found
            if found[0].kind in {"deny", "failed"}:
                break
        return _conclude(outcomes)

    def explain(self, stage: Stage, facts: Facts, now: datetime) -> tuple[Decision, tuple[RuleOutcome, ...]]:
        """Return the decision and what every rule says, also those that do not apply or come too late."""
        decision = self.decide(stage, facts, now)
        context = self._context(self._plans[stage].groups, facts, now)
        outcomes: list[RuleOutcome] = []
        for rule in self._rules:
            if rule.source.stage not in {None, stage}:
                outcomes.append(RuleOutcome(rule.source.name, "other-stage"))
            else:
                outcomes += _ask(rule, stage, facts, context)
        return decision, tuple(outcomes)

    def _context(self, groups: Sequence[str], facts: Facts, now: datetime) -> Any:
        if now.tzinfo is None:
            raise ValueError("the moment of a decision needs a time zone")
        local = now.astimezone(self._timezone)
        is_open: Callable[[str], bool] = lambda name: self._schedules[name].is_open(local)  # noqa: E731
        return cel_library.context(variables(facts, local, groups), {"open": is_open})


def compile_rules(
    rules: Sequence[RuleSource], schedules: Mapping[str, Sequence[str]], timezone: tzinfo | str
) -> PolicyEngine:
    """Compile the site's policy; raises PolicyErrors with every mistake in it.

    Args:
        schedules: periods by name of the schedule, as `policy.schedule.parse_period` reads them.
        timezone: an IANA name or a zone, in which schedules and the facts of time are meant.
    """
    problems = list(problems_of(rules, schedules))
    zone = timezone
    if isinstance(zone, str):
        try:
            zone = time_zone(zone)
        except ScheduleError as error:
            problems.append(PolicyProblem(None, "timezone", str(error)))
    if problems or isinstance(zone, str):
        raise PolicyErrors(problems)
    return PolicyEngine(
        [compile_rule(rule, schedules) for rule in rules],
        {name: parse_schedule(periods) for name, periods in schedules.items()},
        zone,
    )


def _plan(rules: Sequence[CompiledRule], stage: Stage) -> _StagePlan:
    asked = tuple(rule for rule in rules if rule.source.stage in {None, stage})
    return _StagePlan(
        asked,
        tuple(sorted({group for rule in asked for group, _ in rule.reads})),
        any(rule.reads_inspected for rule in asked),
    )


def _ask(rule: CompiledRule, stage: Stage, facts: Facts, context: Any) -> tuple[RuleOutcome, ...]:
    source = rule.source
    if source.queues is not None and facts.queue.name not in source.queues:
        return (RuleOutcome(source.name, "other-queue"),)
    try:
        answer = rule.program.execute(context)
    except EVALUATION_ERRORS as error:
        return (_failed(rule, facts, f"{type(error).__name__}: {error}"),)
    if answer is False:
        return (RuleOutcome(source.name, "no-match"),)
    if answer is not True:
        return (_failed(rule, facts, f"the condition is neither true nor false but {type(answer).__name__}"),)
    return _effects(source, stage, approved=facts.job.approved)


def _effects(source: RuleSource, stage: Stage, *, approved: bool) -> tuple[RuleOutcome, ...]:
    if source.deny is not None:
        return (RuleOutcome(source.name, "deny", source.deny),)
    effects: list[RuleOutcome] = []
    if source.hold is not None:
        settled = approved and stage == "release"
        effects.append(RuleOutcome(source.name, "approved" if settled else "hold-for-approval", source.hold))
    if source.set_attributes:
        effects.append(RuleOutcome(source.name, "set", set_attributes=source.set_attributes))
    if source.expires_after_s is not None:
        effects.append(RuleOutcome(source.name, "shorten", hold_s=source.expires_after_s))
    return tuple(effects)


def _failed(rule: CompiledRule, facts: Facts, detail: str) -> RuleOutcome:
    unknown = sorted(
        {
            FACTS[group][name].called
            for group, name in rule.reads
            if FACTS[group][name].called and getattr(getattr(facts, group), name) is None
        }
    )
    why = (
        f" because {' and '.join(unknown)} {'is' if len(unknown) == 1 else 'are'} not known"
        if unknown
        else ""
    )
    message = FAILED.format(rule=rule.source.name, why=why)
    return RuleOutcome(rule.source.name, "failed", message, detail=detail[:MAX_DETAIL_CHARACTERS])


def _conclude(outcomes: Sequence[RuleOutcome]) -> Decision:
    because = tuple(outcome for outcome in outcomes if outcome.kind not in SILENT)
    for outcome in because:
        if outcome.kind in {"deny", "failed"}:
            return Decision("deny", outcome.message, outcome.rule, because=because)
    attributes: dict[str, AttributeValue] = {}
    for outcome in because:
        attributes.update(outcome.set_attributes)
    terms = [outcome.hold_s for outcome in because if outcome.hold_s is not None]
    held = next((outcome for outcome in because if outcome.kind == "hold-for-approval"), None)
    return Decision(
        verdict="hold-for-approval" if held else "allow",
        message=held.message if held else "",
        rule=held.rule if held else None,
        set_attributes=MappingProxyType(attributes),
        hold_s=min(terms, default=None),
        because=because,
    )
