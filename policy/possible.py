"""Possible: finds conditions that no job can ever meet, and rules that are never asked.

A condition is taken apart into the cases in which it holds, each a list of demands on single facts. It is
impossible when the demands of every case contradict one another, or the values the fact can have. What is
not understood demands nothing, so that only what is impossible for certain is reported.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from types import MappingProxyType

from policy.checker import check
from policy.demands import Demand, Domain, Test, conflict, one_of
from policy.expression import Binary, Call, Conditional, ListOf, Literal, Member, Name, Node, Unary, parse
from policy.facts import FACTS, Kind
from policy.rules import PolicyProblem, RuleSource
from policy.setting import Setting

# Conditions with more cases than this are taken for possible; people write a dozen.
MAX_CASES = 256
# Pairs of rules that are compared: each costs some 50 us, and a reload should not take seconds.
MAX_PAIRS = 20_000
_TURNED = MappingProxyType({"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="})
_OPPOSITE = MappingProxyType({"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="})
_STRING_TESTS = frozenset({"startsWith", "endsWith", "contains", "matches"})

Case = tuple[Demand, ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a condition is asked, as far as it says something about facts.

    Args:
        setting: what the site has.
        demands: what always holds there, such as the queue's name.
    """

    setting: Setting
    demands: Case = ()
    _domains: dict[str, Domain] = field(default_factory=dict, compare=False)

    def domain(self, subject: str) -> Domain:
        """Return the values that a fact can have at this site."""
        if subject not in self._domains:
            self._domains[subject] = self._found(subject)
        return self._domains[subject]

    def _found(self, subject: str) -> Domain:
        group, _, name = subject.partition(".")
        fact = FACTS.get(group, {}).get(name)
        if fact is None or fact.kind not in {Kind.STRING, Kind.INT}:
            return Domain()
        words = fact.words or self.setting.words_of(group, name)
        return Domain(words or None, fact.least, fact.most)


def scope_of(rule: RuleSource, setting: Setting) -> Scope:
    """Return what is known of every job that a rule is asked about."""
    demands: list[Demand] = []
    queues = [name for name in rule.queues or () if setting.queues is None or name in setting.queues]
    if queues:
        demands.append(one_of("queue.name", queues))
        if setting.queues is not None:
            printers = [printer for name in queues for printer in setting.queues[name]]
            if printers:
                demands.append(one_of("printer.name", printers))
    if rule.stage == "accept":
        demands.append(one_of("job.age_minutes", [0]))
        demands.append(Demand("job.approved", Test("is", False)))
    return Scope(setting, tuple(demands))


def doubts_of(rules: Sequence[RuleSource], setting: Setting) -> Iterator[PolicyProblem]:
    """Yield every condition that no job can meet, and every rule that is never asked.

    Rules with other mistakes in their conditions are passed over.
    """
    sound = [index for index, rule in enumerate(rules) if not check(rule.when, setting).mistakes]
    wrong: set[int] = set()
    for index in sound:
        for message, offset in impossible(parse(rules[index].when), scope_of(rules[index], setting)):
            wrong.add(index)
            yield PolicyProblem(index, "when", message, offset=offset)
    asked = [index for index in sound if index not in wrong]
    for position, name in never_asked([rules[index] for index in asked], setting):
        words = f'is never asked: the rule "{name}" before it always decides first'
        yield PolicyProblem(asked[position], "when", words)


def impossible(tree: Node, scope: Scope) -> Iterator[tuple[str, int]]:
    """Yield (what is wrong, where) for comparisons and conditions that cannot be as they are written."""
    found = False
    for node in _comparisons(tree):
        wrong = _wrong_comparison(node, scope)
        if wrong is not None:
            found = True
            yield wrong, node.at
    if found:
        return
    cases = _cases(tree, wanted=True)
    if cases is None:
        return
    worst: Demand | None = None
    for case in cases:
        demand = conflict([*scope.demands, *case], scope.domain)
        if demand is None:
            return
        worst = worst or demand
    if worst is None:
        yield "can never be true", 0
    else:
        yield f"can never be true: no job has what is asked of {worst.subject}", max(0, worst.at)


def never_asked(rules: Sequence[RuleSource], setting: Setting) -> Iterator[tuple[int, str]]:
    """Yield (index, name of the rule before it) for rules that another one always decides before.

    Args:
        rules: without mistakes in their conditions.
    """
    trees = [parse(rule.when) for rule in rules]
    reads = [frozenset(_subjects(tree)) for tree in trees]
    pairs = 0
    for index, rule in enumerate(rules):
        scope = scope_of(rule, setting)
        for before in range(index):
            ender = rules[before]
            if not (ender.deny is not None or ender.allow) or not _covers(ender, rule):
                continue
            if not reads[before] <= reads[index]:
                continue
            pairs += 1
            if pairs > MAX_PAIRS:
                return
            if _excludes(trees[index], trees[before], scope):
                yield index, ender.name
                break


def _covers(ender: RuleSource, rule: RuleSource) -> bool:
    """Tell whether one rule is asked wherever another is."""
    stages = ender.stage in {None, rule.stage}
    return stages and (ender.queues is None or set(rule.queues or ("",)) <= set(ender.queues))


def _excludes(tree: Node, ender: Node, scope: Scope) -> bool:
    """Tell whether a condition holds only where another one does."""
    ours, others = _cases(tree, wanted=True), _cases(ender, wanted=False)
    if ours is None or others is None or len(ours) * len(others) > MAX_CASES:
        return False
    return all(
        conflict([*scope.demands, *one, *other], scope.domain) is not None
        for one, other in product(ours, others)
    )


# -- taking conditions apart --


def _cases(node: Node, *, wanted: bool) -> list[Case] | None:
    """Return the cases in which a condition is as wanted; None when there are too many."""
    match node:
        case Literal(value=bool() as value):
            return [()] if value is wanted else []
        case Unary(operator="!", operand=operand):
            return _cases(operand, wanted=not wanted)
        case Binary(operator="&&" | "||" as operator, left=left, right=right):
            sides = [_cases(left, wanted=wanted), _cases(right, wanted=wanted)]
            return _together(sides) if (operator == "&&") is wanted else _either(sides)
        case Conditional(test=test, yes=yes, no=no):
            return _either(
                [
                    _together([_cases(test, wanted=True), _cases(yes, wanted=wanted)]),
                    _together([_cases(test, wanted=False), _cases(no, wanted=wanted)]),
                ]
            )
    return [(_demand(node, wanted=wanted),)]


def _together(sides: Iterable[list[Case] | None]) -> list[Case] | None:
    found: list[Case] = [()]
    for side in sides:
        if side is None or len(found) * len(side) > MAX_CASES:
            return None
        found = [(*one, *other) for one in found for other in side]
    return found


def _either(sides: Iterable[list[Case] | None]) -> list[Case] | None:
    found: list[Case] = []
    for side in sides:
        if side is None or len(found) + len(side) > MAX_CASES:
            return None
        found += side
    return found


def _demand(node: Node, *, wanted: bool) -> Demand:
    """Return what a condition without && and || demands; of what is not understood only that it holds."""
    at = _start(node).at
    match node:
        case Binary(operator="in", left=left, right=ListOf(items=items)):
            values = [item.value for item in items if isinstance(item, Literal)]
            subject = _path(left)
            if subject and len(values) == len(items):
                return Demand(subject, Test("in" if wanted else "not in", tuple(values)), at)
        case Binary(operator=operator, left=left, right=right) if operator in _TURNED:
            if isinstance(left, Literal):
                left, right, operator = right, left, _TURNED[operator]
            subject = _path(left)
            if subject and isinstance(right, Literal):
                return _comparison(subject, operator if wanted else _OPPOSITE[operator], right.value, at)
        case Call(target=target, name=name, arguments=(Literal(value=str() as text),)) if (
            target is not None and name in _STRING_TESTS
        ):
            subject = _path(target)
            if subject:
                return Demand(subject, Test(name, text, wanted=wanted), at)
    return Demand(_path(node) or text_of(node), Test("is", wanted), at)


def _comparison(subject: str, operator: str, value: int | str | bool, at: int) -> Demand:
    if isinstance(value, bool):
        return Demand(subject, Test("is", value is (operator == "==")), at)
    if operator in {"==", "!="}:
        return Demand(subject, Test("in" if operator == "==" else "not in", (value,)), at)
    return Demand(subject, Test(operator, value), at)


def _comparisons(node: Node) -> Iterator[Node]:
    """Yield every comparison of a fact outside of macros, whose variables are no facts."""
    match node:
        case Unary(operand=operand):
            yield from _comparisons(operand)
        case Binary(operator="&&" | "||", left=left, right=right):
            yield from _comparisons(left)
            yield from _comparisons(right)
        case Conditional(test=test, yes=yes, no=no):
            for one in (test, yes, no):
                yield from _comparisons(one)
        case Binary():
            yield node


def _wrong_comparison(node: Node, scope: Scope) -> str | None:
    demand = _demand(node, wanted=True)
    if conflict([demand], scope.domain) is not None:
        return f"is never true: {demand.subject} is {scope.domain(demand.subject).words(demand.subject)}"
    against = _demand(node, wanted=False)
    domain = scope.domain(demand.subject)
    value = demand.test.value
    if domain.is_outside(value) and conflict([against], scope.domain) is not None:
        return f"is always true: {demand.subject} is {domain.words(demand.subject)}"
    return None


def _subjects(node: Node) -> Iterator[str]:
    for case in _cases(node, wanted=True) or ():
        yield from (demand.subject for demand in case)


def _path(node: Node) -> str:
    match node:
        case Member(target=Name(name=group), name=name):
            return f"{group}.{name}" if name in FACTS.get(group, {}) else ""
    return ""


def _start(node: Node) -> Node:
    match node:
        case Binary(left=first) | Conditional(test=first) | Member(target=first):
            return _start(first)
        case Call(target=first) if first is not None:
            return _start(first)
    return node


def text_of(node: Node) -> str:
    """Return an expression as text, alike for alike expressions."""
    match node:
        case Literal(value=bool() as value):
            return str(value).lower()
        case Literal(value=str() as value):
            return f'"{value}"'
        case Literal(value=value):
            return str(value)
        case ListOf(items=items):
            return f"[{', '.join(map(text_of, items))}]"
        case Name(name=name):
            return name
        case Member(target=target, name=name):
            return f"{text_of(target)}.{name}"
        case Call(target=target, name=name, arguments=arguments):
            before = "" if target is None else f"{text_of(target)}."
            return f"{before}{name}({', '.join(map(text_of, arguments))})"
        case Unary(operator=operator, operand=operand):
            return f"{operator}{text_of(operand)}"
        case Binary(operator=operator, left=left, right=right):
            return f"({text_of(left)} {operator} {text_of(right)})"
        case Conditional(test=test, yes=yes, no=no):
            return f"({text_of(test)} ? {text_of(yes)} : {text_of(no)})"
