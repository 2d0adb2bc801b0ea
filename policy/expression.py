"""Expression: the part of CEL that rules are written in, parsed into a tree that knows its columns.

The tree is what the checker walks; evaluation is done by the CEL library on the same text. What this
parser does not know (maps, messages, floats, nested macros) is refused, so it can only be the
stricter of the two. Grammar: https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from policy import cel_library

# A condition longer than this is a program; it also bounds what one evaluation can cost.
MAX_CHARACTERS = 2 * 1024
# Parentheses, lists and arguments inside one another; people write four, recursion needs a bound.
MAX_DEPTH = 40
# Operators, signs and members together: each may be one level of the tree, which is walked by recursion.
MAX_OPERATORS = 150
MAX_INT = 2**63 - 1

TOKEN = re.compile(
    r"""
    (?P<blank>\s+|//[^\n]*)
  | (?P<string>[rR]?(?:\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))
  | (?P<number>\d[\w]*(?:\.\d[\w]*)?)
  | (?P<word>[A-Za-z_]\w*)
  | (?P<symbol>&&|\|\||[<>=!]=|[<>!?:+\-*/%.,()\[\]])
    """,
    re.VERBOSE | re.ASCII,
)
RELATIONS = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})
SUMS = frozenset({"+", "-"})
PRODUCTS = frozenset({"*", "/", "%"})
WORD_HINTS = {
    "and": "&&",
    "or": "||",
    "not": "!",
    "AND": "&&",
    "OR": "||",
    "NOT": "!",
    "True": "true",
    "False": "false",
}
SYMBOL_HINTS = {"=": "==", "&": "&&", "|": "||", "{": None}


class ExpressionError(ValueError):
    """The text is no expression of the language; `offset` is where, in characters from 0."""

    def __init__(self, message: str, offset: int, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.offset = offset
        self.suggestion = suggestion


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, string, true or false."""

    at: int
    value: int | str | bool


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list written out."""

    at: int
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Name:
    """A bare word: a group of facts, or the variable of a macro."""

    at: int
    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """`target.name`; `at` is where the name stands."""

    at: int
    target: "Node"
    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """`name(arguments)` or `target.name(arguments)`; `at` is where the name stands."""

    at: int
    target: "Node | None"
    name: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Unary:
    """`!operand` or `-operand`."""

    at: int
    operator: str
    operand: "Node"


@dataclass(frozen=True, slots=True)
class Binary:
    """`left operator right`; `at` is where the operator stands."""

    at: int
    operator: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Conditional:
    """`test ? yes : no`; `at` is where the question mark stands."""

    at: int
    test: "Node"
    yes: "Node"
    no: "Node"


Node = Literal | ListOf | Name | Member | Call | Unary | Binary | Conditional
# Methods of lists that name a variable: their first argument is its name, the second one is about it.
MACROS = ("all", "exists", "exists_one")


def parts_of(node: Node) -> tuple[Node, ...]:
    """Return what an expression is made of that can be compared with something; facts are whole."""
    match node:
        case ListOf(items=items):
            return items
        case Call(target=target, arguments=arguments):
            return arguments if target is None else (target, *arguments)
        case Unary(operand=operand):
            return (operand,)
        case Binary(left=left, right=right):
            return left, right
        case Conditional(test=test, yes=yes, no=no):
            return test, yes, no
    return ()


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text; kind is "end" after the last one."""

    kind: str
    text: str
    at: int


def parse(text: str) -> Node:
    """Return the tree of an expression; raises ExpressionError at the first mistake."""
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(f"is longer than {MAX_CHARACTERS} characters", MAX_CHARACTERS)
    parser = _Parser(_tokens(text))
    tree = parser.expression()
    parser.expect_end()
    return tree


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    offset = 0
    while offset < len(text):
        match = TOKEN.match(text, offset)
        if not match:
            _refuse_character(text, offset)
        if match.lastgroup != "blank":
            tokens.append(Token(str(match.lastgroup), match[0], offset))
        offset = match.end()
    return [*tokens, Token("end", "", len(text))]


def _refuse_character(text: str, offset: int) -> NoReturn:
    character = text[offset]
    if character in "\"'":
        raise ExpressionError("this string has no end", offset)
    if character == "{":
        raise ExpressionError("rules do not use maps", offset)
    raise ExpressionError(f'"{character}" has no meaning here', offset, SYMBOL_HINTS.get(character))


class _Parser:
    """Recursive descent with bounded depth over a list of tokens."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._index = 0
        self._depth = 0
        self._operators = 0

    @property
    def _next(self) -> Token:
        return self._tokens[self._index]

    def _take(self) -> Token:
        token = self._next
        self._index += 1
        return token

    def _accept(self, *texts: str) -> Token | None:
        if self._next.text in texts and self._next.kind in {"symbol", "word"}:
            return self._take()
        return None

    def _expect(self, text: str) -> Token:
        return self._accept(text) or self._unexpected(f'"{text}"')

    def _count(self, token: Token) -> None:
        self._operators += 1
        if self._operators > MAX_OPERATORS:
            raise ExpressionError(f"has more than {MAX_OPERATORS} operators; use a list", token.at)

    def _unexpected(self, wanted: str) -> NoReturn:
        token = self._next
        hint = WORD_HINTS.get(token.text) if token.kind == "word" else None
        found = "the condition ends" if token.kind == "end" else f'"{token.text[:40]}" stands'
        raise ExpressionError(f"{found} where {wanted} is expected", token.at, hint)

    def expect_end(self) -> None:
        """Refuse anything after a complete expression."""
        if self._next.kind != "end":
            self._unexpected("an operator or the end")

    def expression(self) -> Node:
        """Parse one expression, conditional included."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError(f"is nested more than {MAX_DEPTH} levels deep", self._next.at)
        test = self._either()
        if mark := self._accept("?"):
            self._count(mark)
            yes = self.expression()
            self._expect(":")
            test = Conditional(mark.at, test, yes, self.expression())
        self._depth -= 1
        return test

    def _either(self) -> Node:
        return self._chain(self._both, frozenset({"||"}))

    def _both(self) -> Node:
        return self._chain(self._relation, frozenset({"&&"}))

    def _relation(self) -> Node:
        return self._chain(self._sum, RELATIONS)

    def _sum(self) -> Node:
        return self._chain(self._product, SUMS)

    def _product(self) -> Node:
        return self._chain(self._unary, PRODUCTS)

    def _chain(self, operand: Callable[[], Node], operators: frozenset[str]) -> Node:
        left = operand()
        while token := self._accept(*operators):
            self._count(token)
            left = Binary(token.at, token.text, left, operand())
        return left

    def _unary(self) -> Node:
        signs: list[Token] = []
        while token := self._accept("!", "-"):
            self._count(token)
            signs.append(token)
        node = self._member()
        for sign in reversed(signs):
            node = Unary(sign.at, sign.text, node)
        return node

    def _member(self) -> Node:
        node = self._primary()
        while dot := self._accept("."):
            self._count(dot)
            if self._next.kind != "word":
                self._unexpected("a name")
            name = self._take()
            if self._accept("("):
                node = Call(name.at, node, name.text, self._items(")"))
            else:
                node = Member(name.at, node, name.text)
        if self._next.text == "[":
            raise ExpressionError('rules do not use indexes; write "x" in list', self._next.at)
        return node

    def _primary(self) -> Node:
        token = self._next
        match token.kind:
            case "string":
                return Literal(self._take().at, _string(token))
            case "number":
                return Literal(self._take().at, _number(token))
            case "word" if token.text in {"true", "false"}:
                return Literal(self._take().at, token.text == "true")
            case "word" if token.text not in RELATIONS and token.text not in WORD_HINTS:
                self._take()
                if self._accept("("):
                    return Call(token.at, None, token.text, self._items(")"))
                return Name(token.at, token.text)
        if self._accept("("):
            inner = self.expression()
            self._expect(")")
            return inner
        if self._accept("["):
            return ListOf(token.at, self._items("]"))
        return self._unexpected("a value")

    def _items(self, end: str) -> tuple[Node, ...]:
        items: list[Node] = []
        while not self._accept(end):
            if items:
                self._expect(",")
            items.append(self.expression())
        return tuple(items)


def _string(token: Token) -> str:
    # The library decides what an escape means, so that checking and evaluating agree.
    try:
        value = cel_library.evaluate(token.text)
    except ValueError:
        raise ExpressionError("this string has an unknown escape", token.at) from None
    if not isinstance(value, str):
        raise ExpressionError("this is not a string", token.at)
    return value


def _number(token: Token) -> int:
    if not token.text.isdigit():
        raise ExpressionError("rules use whole decimal numbers only", token.at)
    if (value := int(token.text)) > MAX_INT:
        raise ExpressionError("this number is too large", token.at)
    return value
