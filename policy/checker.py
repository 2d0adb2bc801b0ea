"""Checker: finds every unknown name and wrong type of a condition before it is ever evaluated."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from policy import cel_library
from policy.expression import (
    MACROS,
    Binary,
    Call,
    Conditional,
    ExpressionError,
    ListOf,
    Literal,
    Member,
    Name,
    Node,
    Unary,
    parse,
)
from policy.facts import FACTS, Fact, Kind
from policy.groups import without_case
from policy.setting import Setting
from policy.suggestion import closest

STRING_METHODS = ("contains", "endsWith", "matches", "startsWith")
# What functions take, in words and as an example.
NAMED = {
    "holiday": ("calendar of holidays", "public"),
    "inside": ("network", "offices"),
    "open": ("schedule", "school-hours"),
}
FUNCTIONS = (*NAMED, "size")
# More possible values than this are not read in a message.
_MAX_WORDS = 16
LISTS = {Kind.STRINGS: Kind.STRING, Kind.INTS: Kind.INT}
# A pattern that asks for capitals to count, which names of groups do not have any more.
_WITH_CASE = re.compile(r"\(\?[A-Za-z]*-[A-Za-z]*i")


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake in a condition; `offset` counts characters of the condition from 0."""

    message: str
    offset: int
    suggestion: str | None = None


@dataclass(slots=True)
class Checked:
    """What is known of a condition after checking.

    Args:
        reads: facts it reads, as ("user", "groups").
        calls: what it asks functions for, as ("open", "school-hours"); the name is empty without one.
        mistakes: empty when it can be evaluated.
    """

    reads: set[tuple[str, str]] = field(default_factory=set)
    calls: set[tuple[str, str]] = field(default_factory=set)
    mistakes: list[Mistake] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Type:
    """A type; kind None stands for what could not be told, which fits everywhere."""

    kind: Kind | None
    words: tuple[str, ...] = ()


_UNTOLD = _Type(None)
_BOOL = _Type(Kind.BOOL)
_INT = _Type(Kind.INT)
_STRING = _Type(Kind.STRING)


def check(text: str, setting: Setting) -> Checked:
    """Check a condition against the facts and the names of the site."""
    checked = Checked()
    try:
        tree = parse(text)
    except ExpressionError as error:
        checked.mistakes.append(Mistake(str(error), error.offset, error.suggestion))
        return checked
    walk = _Walk(checked, setting)
    walk.expect(tree, Kind.BOOL, "the condition must be true or false")
    if not checked.mistakes:
        try:
            cel_library.compile_expression(text)
        except ValueError:
            checked.mistakes.append(Mistake("is not an expression of the language", 0))
    checked.mistakes.sort(key=lambda mistake: mistake.offset)
    return checked


class _Walk:
    """Walks a tree once, telling types and collecting mistakes."""

    def __init__(self, checked: Checked, setting: Setting) -> None:
        self._checked = checked
        self._setting = setting
        self._variable: tuple[str, _Type] | None = None

    def _mistake(self, node: Node, message: str, suggestion: str | None = None) -> _Type:
        self._checked.mistakes.append(Mistake(message, node.at, suggestion))
        return _UNTOLD

    def expect(self, node: Node, kind: Kind, message: str) -> _Type:
        """Tell the node's type and complain if it is not of the kind."""
        found = self._type(node)
        if found.kind not in {None, kind}:
            self._mistake(_start(node), f"{message}, but this is {found.kind}")
        return found

    def _type(self, node: Node) -> _Type:
        match node:
            case Literal(value=bool()):
                return _BOOL
            case Literal(value=int()):
                return _INT
            case Literal():
                return _STRING
            case ListOf():
                return self._list(node)
            case Name():
                return self._name(node)
            case Member():
                return self._member(node)
            case Call():
                return self._function(node) if node.target is None else self._method(node, node.target)
            case Unary():
                return self._unary(node)
            case Binary():
                return self._binary(node)
            case Conditional():
                return self._conditional(node)

    def _list(self, node: ListOf) -> _Type:
        types = [self._type(item) for item in node.items]
        kinds = {found.kind for found in types} - {None}
        if len(kinds) > 1:
            return self._mistake(node, "the items of a list must all be of one type")
        if not kinds:
            return _UNTOLD if node.items else self._mistake(node, "an empty list holds nothing")
        for whole, item in LISTS.items():
            if kinds == {item}:
                return _Type(whole)
        return self._mistake(node, "a list holds strings or numbers")

    def _name(self, node: Name) -> _Type:
        if self._variable and node.name == self._variable[0]:
            return self._variable[1]
        if node.name in FACTS:
            example = f"{node.name}.{next(iter(FACTS[node.name]))}"
            return self._mistake(node, f'"{node.name}" is a group of facts; name one of them', example)
        paths = [f"{group}.{name}" for group, names in FACTS.items() for name in names]
        exact = [path for path in paths if path.endswith(f".{node.name}")]
        hint = exact[0] if exact else closest(node.name, [*FACTS, *(f.split(".")[1] for f in paths)])
        return self._mistake(node, f'there is no fact named "{node.name}"', hint)

    def _member(self, node: Member) -> _Type:
        target = node.target
        bound = isinstance(target, Name) and self._variable is not None and target.name == self._variable[0]
        if not isinstance(target, Name) or bound:
            self._type(target)
            return self._mistake(node, f'"{node.name}" is not a part of this')
        group = FACTS.get(target.name)
        if group is None:
            return self._mistake(
                target, f'there is no group of facts named "{target.name}"', closest(target.name, FACTS)
            )
        fact = group.get(node.name)
        if fact is None:
            return self._mistake(
                node, f'there is no fact named "{target.name}.{node.name}"', closest(node.name, group)
            )
        self._checked.reads.add((target.name, node.name))
        return _Type(fact.kind, fact.words or self._setting.words_of(target.name, node.name))

    def _function(self, node: Call) -> _Type:
        if node.name == "size" and self._count(node, 1):
            return self._size(node, node.arguments[0])
        if node.name in NAMED and ((node.name == "holiday" and not node.arguments) or self._count(node, 1)):
            return self._named(node)
        if node.name not in FUNCTIONS:
            self._types(node.arguments)
            hint = closest(node.name, [*FUNCTIONS, *STRING_METHODS])
            return self._mistake(node, f'there is no function named "{node.name}"', hint)
        return _UNTOLD

    def _count(self, node: Call, wanted: int) -> bool:
        if len(node.arguments) == wanted:
            return True
        self._types(node.arguments)
        self._mistake(node, f'"{node.name}" takes {wanted} argument{"s" * (wanted != 1)}')
        return False

    def _types(self, nodes: Iterable[Node]) -> list[_Type]:
        return [self._type(node) for node in nodes]

    def _size(self, node: Node, target: Node) -> _Type:
        found = self._type(target)
        if found.kind in {Kind.INT, Kind.BOOL}:
            return self._mistake(node, f'"size" takes a string or a list, but this is {found.kind}')
        return _INT

    def _named(self, node: Call) -> _Type:
        if not node.arguments:
            self._checked.calls.add((node.name, ""))
            return _BOOL
        argument = node.arguments[0]
        called, example = NAMED[node.name]
        if not isinstance(argument, Literal) or not isinstance(argument.value, str):
            self._type(argument)
            words = f'{node.name}() takes the name of a {called}, as in {node.name}("{example}")'
            self._mistake(_start(argument), words)
        elif argument.value not in self._setting.named(node.name):
            hint = closest(argument.value, self._setting.named(node.name))
            self._mistake(argument, f'there is no {called} named "{argument.value}"', hint)
        else:
            self._checked.calls.add((node.name, argument.value))
        return _BOOL

    def _method(self, node: Call, target: Node) -> _Type:
        if node.name in MACROS:
            return self._macro(node, target)
        if node.name == "size" and self._count(node, 0):
            return self._size(node, target)
        if node.name in STRING_METHODS:
            self.expect(target, Kind.STRING, f'"{node.name}" belongs to a string')
            if self._count(node, 1):
                self.expect(node.arguments[0], Kind.STRING, f'"{node.name}" takes a string')
                if node.name == "matches":
                    self._pattern(node.arguments[0])
            return _BOOL
        if node.name != "size":
            self._type(target)
            self._types(node.arguments)
            hint = closest(node.name, [*STRING_METHODS, *MACROS, "size"])
            self._mistake(node, f'there is no function named "{node.name}"', hint)
        return _UNTOLD

    def _pattern(self, argument: Node) -> None:
        if not isinstance(argument, Literal):
            self._mistake(_start(argument), '"matches" takes a pattern written out')
        elif isinstance(argument.value, str):
            if not _is_pattern(argument.value):
                self._mistake(argument, "this is no valid regular expression")
            elif _WITH_CASE.search(argument.value):
                self._mistake(argument, 'leave "-i" out: capitals count without it, and never in groups')
            elif not _is_pattern(without_case(argument.value)):
                self._mistake(argument, "this regular expression is too large")

    def _macro(self, node: Call, target: Node) -> _Type:
        found = self._type(target)
        if found.kind is not None and found.kind not in LISTS:
            self._mistake(node, f'"{node.name}" belongs to a list, but this is {found.kind}')
        if len(node.arguments) != 2 or not isinstance(node.arguments[0], Name):
            return self._mistake(
                node, f'"{node.name}" takes a variable and a condition, as in {node.name}(x, x == "a")'
            )
        if self._variable:
            # One level costs the length of a list; two would cost its square.
            return self._mistake(node, f'"{node.name}" cannot stand inside another all, exists or exists_one')
        variable = node.arguments[0]
        if variable.name in FACTS:
            return self._mistake(variable, f'"{variable.name}" already names facts; choose another variable')
        item = LISTS.get(found.kind) if found.kind else None
        self._variable = (variable.name, _Type(item, found.words))
        self.expect(node.arguments[1], Kind.BOOL, "the condition must be true or false")
        self._variable = None
        return _BOOL

    def _unary(self, node: Unary) -> _Type:
        wanted = Kind.BOOL if node.operator == "!" else Kind.INT
        self.expect(node.operand, wanted, f'"{node.operator}" takes {wanted}')
        return _Type(wanted)

    def _binary(self, node: Binary) -> _Type:
        match node.operator:
            case "&&" | "||":
                for side in (node.left, node.right):
                    self.expect(side, Kind.BOOL, f'"{node.operator}" joins conditions')
                return _BOOL
            case "in":
                return self._in(node)
            case "==" | "!=":
                return self._equality(node)
            case "<" | "<=" | ">" | ">=":
                return self._order(node)
            case _:
                return self._arithmetic(node)

    def _in(self, node: Binary) -> _Type:
        left, right = self._type(node.left), self._type(node.right)
        if right.kind is None:
            return _BOOL
        if right.kind not in LISTS:
            advice = '; write text.contains("...")' if right.kind is Kind.STRING else ""
            self._mistake(node, f'"in" looks into a list, but this is {right.kind}{advice}')
        elif left.kind not in {None, LISTS[right.kind]}:
            self._mistake(node, f'"in" looks for {left.kind} in {right.kind}')
        else:
            self._words(node.left, right.words)
            items = node.right.items if isinstance(node.right, ListOf) else ()
            for item in items:
                self._words(item, left.words)
        return _BOOL

    def _equality(self, node: Binary) -> _Type:
        left, right = self._type(node.left), self._type(node.right)
        if None not in {left.kind, right.kind} and left.kind != right.kind:
            self._mistake(node, f'"{node.operator}" compares {left.kind} with {right.kind}')
        if any(isinstance(side, Member) and side.name == "groups" for side in (node.left, node.right)):
            self._mistake(node, 'groups come in no order; write "..." in user.groups')
        self._words(node.left, right.words)
        self._words(node.right, left.words)
        return _BOOL

    def _words(self, node: Node, words: tuple[str, ...]) -> None:
        if words and isinstance(node, Literal) and isinstance(node.value, str) and node.value not in words:
            known = ", ".join(word or '""' for word in words[:_MAX_WORDS])
            known += ", ..." if len(words) > _MAX_WORDS else ""
            self._mistake(
                node, f'"{node.value}" is none of the possible values: {known}', closest(node.value, words)
            )

    def _order(self, node: Binary) -> _Type:
        left, right = self._type(node.left), self._type(node.right)
        kinds = {left.kind, right.kind} - {None}
        if len(kinds) > 1 or not kinds <= {Kind.INT, Kind.STRING}:
            self._mistake(node, f'"{node.operator}" compares two numbers or two strings')
        return _BOOL

    def _arithmetic(self, node: Binary) -> _Type:
        left, right = self._type(node.left), self._type(node.right)
        kinds = {left.kind, right.kind} - {None}
        if kinds == {Kind.STRING} and node.operator == "+":
            return _STRING
        if kinds <= {Kind.INT}:
            return _INT
        return self._mistake(node, f'"{node.operator}" takes two numbers')

    def _conditional(self, node: Conditional) -> _Type:
        self.expect(node.test, Kind.BOOL, '"?" takes a condition')
        yes, no = self._type(node.yes), self._type(node.no)
        if None not in {yes.kind, no.kind} and yes.kind != no.kind:
            return self._mistake(node, f'"?:" chooses between {yes.kind} and {no.kind}')
        return yes if yes.kind else no


def _is_pattern(text: str) -> bool:
    program = cel_library.compile_expression('"".matches(pattern)')
    try:
        program.execute({"pattern": text})
    except RuntimeError:
        return False
    return True


def _start(node: Node) -> Node:
    """Return the leftmost node: where a person sees the expression begin."""
    while True:
        match node:
            case Binary(left=first) | Conditional(test=first) | Member(target=first):
                node = first
            case Call(target=first) if first is not None:
                node = first
            case _:
                return node


def vocabulary() -> Iterator[tuple[str, Fact]]:
    """Yield every fact by its full name, for documentation and completion."""
    for group, names in FACTS.items():
        for name, fact in names.items():
            yield f"{group}.{name}", fact
