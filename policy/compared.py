"""Compared: the words that a condition compares with a fact, and where they stand."""

from collections.abc import Iterator

from policy.expression import (
    MACROS,
    Binary,
    Call,
    ExpressionError,
    ListOf,
    Literal,
    Member,
    Name,
    Node,
    parse,
    parts_of,
)

_EQUALITY = frozenset({"==", "!=", "in"})


def compared(condition: str) -> Iterator[tuple[str, str, int]]:
    """Yield (fact, word, offset) for every word that must equal a fact, or one of its list, or must not.

    Facts are named as "user.name". What is no condition compares nothing.
    """
    try:
        tree = parse(condition)
    except ExpressionError:
        return
    yield from _in(tree, "", "")


def _in(node: Node, variable: str, meaning: str) -> Iterator[tuple[str, str, int]]:
    """Walk a tree; the variable stands for one of the facts that `meaning` names."""
    match node:
        case Binary(operator=operator, left=left, right=right) if operator in _EQUALITY:
            for one, other in ((left, right), (right, left)):
                fact = meaning if isinstance(one, Name) and one.name == variable else _path(one)
                if fact:
                    yield from ((fact, word, at) for word, at in _words(other))
        case Call(target=target, name=name, arguments=(Name(name=bound), inner)) if (
            target is not None and name in MACROS
        ):
            yield from _in(inner, bound, _path(target))
            return
    for part in parts_of(node):
        yield from _in(part, variable, meaning)


def _path(node: Node) -> str:
    match node:
        case Member(target=Name(name=group), name=name):
            return f"{group}.{name}"
    return ""


def _words(node: Node) -> Iterator[tuple[str, int]]:
    for item in node.items if isinstance(node, ListOf) else (node,):
        if isinstance(item, Literal) and isinstance(item.value, str):
            yield item.value, item.at
