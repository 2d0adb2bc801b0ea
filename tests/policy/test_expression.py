"""The expression parser agrees with the CEL library on structure, and refuses what rules do not use."""

import cel
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from policy.expression import (
    MAX_CHARACTERS,
    MAX_DEPTH,
    MAX_OPERATORS,
    Binary,
    Call,
    Conditional,
    ExpressionError,
    ListOf,
    Literal,
    Member,
    Name,
    Unary,
    parse,
)


def test_the_tree_knows_where_each_part_stands() -> None:
    assert parse('"a" in user.groups && !open("b")') == Binary(
        19,
        "&&",
        Binary(4, "in", Literal(0, "a"), Member(12, Name(7, "user"), "groups")),
        Unary(22, "!", Call(23, None, "open", (Literal(28, "b"),))),
    )


def test_lists_calls_and_conditionals() -> None:
    assert parse("a.b(1, [2]) ? x : -3") == Conditional(
        12,
        Call(2, Name(0, "a"), "b", (Literal(4, 1), ListOf(7, (Literal(8, 2),)))),
        Name(14, "x"),
        Unary(18, "-", Literal(19, 3)),
    )


NUMBERS = st.integers(0, 9).map(str)
OPERATORS = st.sampled_from(["+", "-", "*"])


def whole(node: object) -> int:
    """Compute a tree of numbers, to compare its shape with the library's."""
    match node:
        case Literal(value=int(value)):
            return value
        case Unary(operator="-", operand=operand):
            return -whole(operand)
        case Binary(operator=operator, left=left, right=right):
            one, other = whole(left), whole(right)
            return {"+": one + other, "-": one - other, "*": one * other}[operator]
    raise AssertionError(node)


@settings(deadline=None)
@given(
    st.recursive(
        NUMBERS,
        lambda inner: st.one_of(
            st.tuples(inner, OPERATORS, inner).map(" ".join),
            inner.map("({})".format),
            inner.map("-({})".format),
        ),
        max_leaves=12,
    )
)
def test_precedence_is_that_of_the_library(text: str) -> None:
    assert whole(parse(text)) == cel.evaluate(text)


def truth(node: object) -> bool:
    match node:
        case Literal(value=bool(value)):
            return value
        case Unary(operand=operand):
            return not truth(operand)
        case Conditional(test=test, yes=yes, no=no):
            return truth(yes) if truth(test) else truth(no)
        case Binary(operator="&&", left=left, right=right):
            return truth(left) and truth(right)
        case Binary(operator="||", left=left, right=right):
            return truth(left) or truth(right)
        case Binary(operator="==", left=left, right=right):
            return truth(left) == truth(right)
    raise AssertionError(node)


@settings(deadline=None)
@given(
    st.recursive(
        st.sampled_from(["true", "false"]),
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from(["&&", "||", "=="]), inner).map(" ".join),
            inner.map("({})".format),
            inner.map("!({})".format),
            st.tuples(inner, inner, inner).map(lambda parts: "({}) ? ({}) : {}".format(*parts)),
        ),
        max_leaves=12,
    )
)
def test_conditions_have_the_structure_of_the_library(text: str) -> None:
    assert truth(parse(text)) == cel.evaluate(text)


@settings(deadline=None)
@given(st.text(max_size=60))
@example("(" * 500)
@example("!" * 1500)
@example("[" * 500)
@example("a" + ".b" * 900)
@example("1" + "+1" * 900)
@example("a?b:" * 400)
def test_any_text_is_a_tree_or_an_expression_error(text: str) -> None:
    offset = 0
    try:
        parse(text)
    except ExpressionError as error:
        offset = error.offset
    assert 0 <= offset <= len(text)


PIECES = [
    "user",
    ".",
    "groups",
    "(",
    ")",
    "[",
    "]",
    ",",
    "&&",
    "||",
    "!",
    "-",
    "==",
    "in",
    '"a"',
    "1",
    "true",
    "?",
]


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map(" ".join))
def test_what_it_takes_the_library_takes_too(text: str) -> None:
    try:
        parse(text)
    except ExpressionError:
        return
    cel.compile(text)


@pytest.mark.parametrize(
    ("text", "message", "offset", "suggestion"),
    [
        ("a = 3", '"=" has no meaning', 2, "=="),
        ("a & b", '"&" has no meaning', 2, "&&"),
        ("a and b", '"and" stands where', 2, "&&"),
        ("not a", '"not" stands where', 0, "!"),
        ("a ==", "the condition ends where a value", 4, None),
        ("(a", 'the condition ends where ")"', 2, None),
        ('a == "x', "no end", 5, None),
        ("a.1", '"1" stands where a name', 2, None),
        ("a == 1.5", "whole decimal", 5, None),
        ("a == 0x1f", "whole decimal", 5, None),
        ("a == 9223372036854775808", "too large", 5, None),
        ("a[0]", "indexes", 1, None),
        ("{}", "maps", 0, None),
        (r'"\q" == a', "unknown escape", 0, None),
        ("a b", "where an operator or the end", 2, None),
        ("", "the condition ends", 0, None),
        ("True", '"True" stands', 0, "true"),
    ],
)
def test_mistakes_are_told_with_their_place(
    text: str, message: str, offset: int, suggestion: str | None
) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert (caught.value.offset, caught.value.suggestion) == (offset, suggestion)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("at_limit", "above"),
    [
        ('"' + "x" * (MAX_CHARACTERS - 2) + '"', '"' + "x" * (MAX_CHARACTERS - 1) + '"'),
        ("(" * (MAX_DEPTH - 1) + "1" + ")" * (MAX_DEPTH - 1), "(" * MAX_DEPTH + "1" + ")" * MAX_DEPTH),
        ("1" + "+1" * MAX_OPERATORS, "1" + "+1" * (MAX_OPERATORS + 1)),
        ("!" * MAX_OPERATORS + "a", "!" * (MAX_OPERATORS + 1) + "a"),
    ],
)
def test_limits_hold_on_both_sides(at_limit: str, above: str) -> None:
    parse(at_limit)
    with pytest.raises(ExpressionError, match=r"longer|nested|operators"):
        parse(above)


def test_strings_mean_what_the_library_says() -> None:
    assert parse(r'"a\n\u00e9\"" ') == Literal(0, 'a\né"')
    assert parse(r"r'\d'") == Literal(0, r"\d")
    assert parse('"""a\n"b"""') == Literal(0, 'a\n"b')
