"""Groups: conditions are rewritten once, so that what they compare with groups is folded like these."""

import json
import unicodedata
from dataclasses import dataclass, field

from policy.expression import (
    MACROS,
    RELATIONS,
    TOKEN,
    Binary,
    Call,
    Conditional,
    ListOf,
    Literal,
    Member,
    Name,
    Node,
    parse,
    parts_of,
)
from policy.folding import fold

FOLD = "fold"
"""The function that rewritten conditions call; whoever writes rules cannot, and need not."""
_MATCHES = "matches"
_STRING_METHODS = frozenset({"contains", "endsWith", "startsWith"})


def with_folded_groups(condition: str) -> str:
    """Return a sound condition in which all that is compared with the person's groups is folded like them.

    Strings are replaced by their folded form, patterns ignore case, and other facts are folded when they are
    asked for: `"Pupils" in user.groups || queue.name in user.groups` becomes
    `"pupils" in user.groups || fold(queue.name) in user.groups`. The rest of the text stays as it is.
    """
    rewriter = _Rewriter(condition)
    rewriter.visit(parse(condition))
    for (start, end), text in sorted(rewriter.edits.items(), reverse=True):
        condition = condition[:start] + text + condition[end:]
    return condition


def without_case(pattern: str) -> str:
    """Return a pattern that finds in folded names what it finds in the names as they are written.

    Letters that fold to several, as the German sharp s does, are replaced outside of brackets.
    """
    found, in_brackets, is_escaped = ["(?i)"], False, False
    for letter in unicodedata.normalize("NFC", pattern):
        folded = fold(letter)
        is_one = len(folded) == 1 or in_brackets or is_escaped
        found.append(letter if is_one else f"(?:{folded})")
        if is_escaped:
            is_escaped = False
        elif letter == "\\":
            is_escaped = True
        else:
            in_brackets = letter != "]" if in_brackets else letter == "["
    return "".join(found)


@dataclass(slots=True)
class _Rewriter:
    """Walks a tree once and collects what takes the place of which part of the text.

    Args:
        groups_in: the variable that stands for a group where the walk is; there is one at most.
        edits: text by its place in the condition.
    """

    condition: str
    groups_in: str | None = None
    edits: dict[tuple[int, int], str] = field(default_factory=dict)

    def visit(self, node: Node) -> None:
        """Look for comparisons with groups in an expression."""
        match node:
            case Binary(operator=operator, left=left, right=right) if operator in RELATIONS:
                self._compare(left, right)
            case Call(target=target, name=name, arguments=(argument,)) if target is not None:
                if name in _STRING_METHODS:
                    self._compare(target, argument)
                elif name == _MATCHES and self._is_of_groups(target):
                    self._ignore_case(argument)
            case Call(target=target, name=name, arguments=(Name(name=variable), inner)) if (
                target is not None and name in MACROS
            ):
                self.visit(target)
                if self._is_of_groups(target):
                    self._fold(target)
                    self.groups_in = variable
                self.visit(inner)
                self.groups_in = None
                return
        for part in parts_of(node):
            self.visit(part)

    def _compare(self, one: Node, other: Node) -> None:
        if self._is_of_groups(one) or self._is_of_groups(other):
            self._fold(one)
            self._fold(other)

    def _is_of_groups(self, node: Node) -> bool:
        """Tell whether a value is the list of groups, one of them, or made of one."""
        match node:
            case Member(target=Name(name="user"), name="groups"):
                return True
            case Name(name=name):
                return name == self.groups_in
            case ListOf(items=items):
                return any(map(self._is_of_groups, items))
            case Binary(operator="+", left=left, right=right):
                return self._is_of_groups(left) or self._is_of_groups(right)
            case Conditional(yes=yes, no=no):
                return self._is_of_groups(yes) or self._is_of_groups(no)
        return False

    def _fold(self, node: Node) -> None:
        """Fold the strings that a value is made of; groups are folded already."""
        match node:
            case Literal(at=at, value=str() as value):
                self.edits[at, self._end_of_string(at)] = _quoted(fold(value))
            case Member(target=Name(name="user"), name="groups" | "roles"):
                # Lists; the names of roles have no capitals.
                return
            case Member(at=at, target=Name(at=start), name=name):
                self._call_fold(start, at + len(name))
            case Name(at=at, name=name) if name != self.groups_in:
                self._call_fold(at, at + len(name))
            case ListOf(items=items):
                for item in items:
                    self._fold(item)
            case Binary(operator="+", left=left, right=right):
                self._fold(left)
                self._fold(right)
            case Conditional(yes=yes, no=no):
                self._fold(yes)
                self._fold(no)

    def _call_fold(self, start: int, end: int) -> None:
        self.edits[start, end] = f"{FOLD}({self.condition[start:end]})"

    def _ignore_case(self, pattern: Node) -> None:
        if isinstance(pattern, Literal) and isinstance(pattern.value, str):
            self.edits[pattern.at, self._end_of_string(pattern.at)] = _quoted(without_case(pattern.value))

    def _end_of_string(self, at: int) -> int:
        found = TOKEN.match(self.condition, at)
        return at if found is None else found.end()


def _quoted(text: str) -> str:
    # What JSON escapes, CEL reads alike; it leaves all other characters alone.
    return json.dumps(text, ensure_ascii=False)
