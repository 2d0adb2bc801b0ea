"""Engine: rules and schedules compiled once, asked for every job; in doubt the answer is no."""

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from types import MappingProxyType
from typing import Any

from policy import cel_library
from policy.asking import Plan, early, effects, failed_words, plan
from policy.decision import LAST, REFUSALS, AttributeValue, Decision, RuleOutcome, Stage
from policy.explain import Explained, Explanation
from policy.facts import Facts, variables
from policy.folding import fold
from policy.groups import FOLD
from policy.holidays import parse_calendar
from policy.rules import CompiledRule, PolicyErrors, PolicyProblem, RuleSource, compile_rule, problems_of
from policy.schedule import ScheduleError, parse_schedule, time_zone
from policy.setting import Setting
from policy.surroundings import Surroundings

# What evaluation raises: overflow and division by zero, an unknown fact, wrong types, other library errors.
EVALUATION_ERRORS = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)
MAX_DETAIL_CHARACTERS = 200
_ALLOWED = Decision("allow")
_NO_MATCH: tuple[RuleOutcome, ...] = ()


class PolicyEngine:
    """Decides; immutable and without side effects, so one engine serves all tasks until it is replaced."""

    def __init__(self, rules: Sequence[CompiledRule], setting: Setting, timezone: tzinfo) -> None:
        self._rules = tuple(rules)
        self._setting = setting
        self._schedules = {name: parse_schedule(entries) for name, entries in setting.schedules.items()}
        self._holidays = {name: parse_calendar(days) for name, days in setting.holidays.items()}
        self._access = setting.access
        self._timezone = timezone
        self._plans: Mapping[Stage, Plan] = {
            "accept": plan(self._rules, "accept"),
            "release": plan(self._rules, "release"),
        }
        self._early = plan(early(self._rules), "accept")

    @property
    def timezone(self) -> tzinfo:
        """The zone in which the site means times of day."""
        return self._timezone

    @property
    def rules(self) -> tuple[RuleSource, ...]:
        """The rules as written, in file order."""
        return tuple(rule.source for rule in self._rules)

    @property
    def setting(self) -> Setting:
        """What the rules may name."""
        return self._setting

    @property
    def approvers(self) -> Mapping[str, tuple[str, ...]]:
        """Who may approve, by the name of every rule that holds jobs for approval."""
        return {rule.name: rule.approvers for rule in self.rules if rule.hold is not None}

    def uses_document(self, stage: Stage) -> bool:
        """Return whether any rule of the stage asks what only inspecting the document can tell."""
        return self._plans[stage].uses_document

    def asks(self, stage: Stage, *, early: bool = False) -> bool:
        """Return whether anything is asked at the stage; else nobody needs to gather facts.

        Args:
            early: only what asks nothing of the document.
        """
        asked = self._early if early else self._plans[stage]
        return bool(asked.rules) or self._access.concerns(stage)

    def decide(self, stage: Stage, facts: Facts, now: datetime) -> Decision:
        """Return what the rules say: the first that denies or allows ends it, else what they ask adds up.

        Groups named at the queue and the printer are asked before any rule.

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

    def _decide(self, asked: Plan, stage: Stage, facts: Facts, now: datetime) -> Decision:
        refusal = self._access.refusal(stage, facts)
        if refusal is not None:
            return Decision("deny", refusal.message, refusal.rule, because=(refusal,))
        if not asked.rules:
            return _ALLOWED
        context = self._context(asked, facts, self.around(now))
        outcomes: list[RuleOutcome] = []
        for batch in asked.batches(facts.queue.name):
            if batch.none_matches(context):
                continue
            for rule in batch.rules:
                found = _ask(rule, stage, facts, context)
                if found is _NO_MATCH:
                    continue
                outcomes += found
                if found[-1].kind in LAST:
                    return _conclude(outcomes, facts)
        return _conclude(outcomes, facts)

    def explain(self, stage: Stage, facts: Facts, now: datetime) -> Explanation:
        """Return the decision and what every rule says, also those that do not apply or come too late."""
        decision = self.decide(stage, facts, now)
        around = self.around(now)
        context = self._context(self._plans[stage], facts, around)
        explained: list[Explained] = []
        over = decision.because[:1] and decision.because[0].kind == "no-access"
        for rule in self._rules:
            source = rule.source
            read = rule.read(facts, around)
            if source.stage not in {None, stage}:
                found: tuple[RuleOutcome, ...] = (RuleOutcome(source.name, "other-stage"),)
            elif not source.is_asked(stage, facts.queue.name):
                found = (RuleOutcome(source.name, "other-queue"),)
            else:
                found = _ask(rule, stage, facts, context) or (RuleOutcome(source.name, "no-match"),)
            explained.append(Explained(source, found, read, late=bool(over)))
            over = over or found[-1].kind in LAST
        return Explanation(stage, around.local, decision, tuple(explained))

    def around(self, now: datetime) -> Surroundings:
        """Return the site at a moment, which needs its time zone."""
        if now.tzinfo is None:
            raise ValueError("the moment of a decision needs a time zone")
        local = now.astimezone(self._timezone)
        return Surroundings(local, self._schedules, self._holidays, self._setting.networks)

    def _context(self, asked: Plan, facts: Facts, around: Surroundings) -> Any:
        functions: dict[str, Any] = {FOLD: fold}
        for name in asked.functions:
            if name == "open":
                functions[name] = around.is_open
            elif name == "holiday":
                functions[name] = around.is_holiday
            else:
                functions[name] = lambda network: around.is_inside(network, facts.client.address)
        return cel_library.context(variables(facts, around, asked.reads), functions)


def compile_rules(rules: Sequence[RuleSource], setting: Setting, timezone: tzinfo | str) -> PolicyEngine:
    """Compile the site's policy; raises PolicyErrors with every mistake in it.

    Args:
        timezone: an IANA name or a zone, in which schedules and the facts of time are meant.
    """
    problems = list(problems_of(rules, setting))
    zone = timezone
    if isinstance(zone, str):
        try:
            zone = time_zone(zone)
        except ScheduleError as error:
            problems.append(PolicyProblem(None, "timezone", str(error)))
    if problems or isinstance(zone, str):
        raise PolicyErrors(problems)
    return PolicyEngine([compile_rule(rule, setting) for rule in rules], setting, zone)


def _ask(rule: CompiledRule, stage: Stage, facts: Facts, context: Any) -> tuple[RuleOutcome, ...]:
    source = rule.source
    try:
        answer = rule.program.execute(context)
    except EVALUATION_ERRORS as error:
        return (_failed(rule, facts, f"{type(error).__name__}: {error}"),)
    if answer is False:
        return _NO_MATCH
    if answer is not True:
        return (_failed(rule, facts, f"the condition is neither true nor false but {type(answer).__name__}"),)
    return effects(source, stage, facts.job.approved)


def _failed(rule: CompiledRule, facts: Facts, detail: str) -> RuleOutcome:
    message = failed_words(rule, facts)
    return RuleOutcome(rule.source.name, "failed", message, detail=detail[:MAX_DETAIL_CHARACTERS])


def _conclude(outcomes: Sequence[RuleOutcome], facts: Facts) -> Decision:
    if not outcomes:
        return _ALLOWED
    because = tuple(outcomes)
    if because[-1].kind in REFUSALS:
        return Decision("deny", because[-1].message, because[-1].rule, because=because)
    attributes: dict[str, AttributeValue] = {}
    sent: RuleOutcome | None = None
    for outcome in because:
        attributes.update(outcome.set_attributes)
        sent = outcome if outcome.printers else sent
    limits = [outcome.copies_limit for outcome in because if outcome.copies_limit is not None]
    copies = attributes.get("copies", facts.job.copies)
    if limits and isinstance(copies, int) and copies > min(limits):
        attributes["copies"] = min(limits)
    terms = [outcome.hold_s for outcome in because if outcome.hold_s is not None]
    held = next((outcome for outcome in because if outcome.kind == "hold-for-approval"), None)
    return Decision(
        verdict="hold-for-approval" if held else "allow",
        message=held.message if held else "",
        rule=held.rule if held else None,
        set_attributes=MappingProxyType(attributes),
        hold_s=min(terms, default=None),
        because=because,
        redirect=() if sent is None else sent.printers,
        cheapest=sent is not None and sent.cheapest,
        mask=any(outcome.kind == "mask" for outcome in because),
        watermark=tuple(dict.fromkeys(outcome.watermark for outcome in because if outcome.watermark)),
        archive=any(outcome.kind == "archive" for outcome in because),
    )
