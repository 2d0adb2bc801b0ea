"""Positions: where each key and value of a TOML document stands, also inside strings.

tomllib gives values without places; tree-sitter gives places. A key path leads from one to the other.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import tree_sitter
import tree_sitter_toml

from spoold.config.problems import KeyPath

PUNCTUATION = frozenset({"[", "]", "[[", "]]", "{", "}", "=", ",", ".", "comment", "\n"})
KEY_TYPES = frozenset({"bare_key", "quoted_key", "dotted_key"})
# TOML 1.0: \uXXXX and \UXXXXXXXX; all other escapes are two characters.
ESCAPE_CHARACTERS = {"u": 6, "U": 10}


class Position(NamedTuple):
    """Line and column, both from 1, the column in characters."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a path's key stands and, once it is written out, its value."""

    key: tree_sitter.Node
    value: tree_sitter.Node


class Positions:
    """The places of one document; parts that are no TOML have none."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._places: dict[KeyPath, _Place] = {}
        self._tables: dict[KeyPath, int] = {}
        language = tree_sitter.Language(tree_sitter_toml.language())
        # The tree must outlive its nodes.
        self._tree = tree_sitter.Parser(language).parse(text.encode())
        for node in self._tree.root_node.children:
            self._top_level(node)

    def of_key(self, path: KeyPath) -> Position:
        """Return where the key stands, or where the nearest table around it does."""
        place = self._places.get(path)
        return self._position(place.key) if place else self._around(path)

    def of_value(self, path: KeyPath) -> Position:
        """Return where the value begins, or where the nearest table around it does."""
        place = self._places.get(path)
        return self._position(place.value) if place else self._around(path)

    def inside(self, path: KeyPath, offset: int) -> Position:
        """Return where the character at `offset` of a string value stands, counted after decoding.

        What is no string, or shorter, gives its beginning or its closing quote.
        """
        place = self._places.get(path)
        if place is None or place.value.type != "string":
            return self.of_value(path)
        start = self._position(place.value)
        raw = (place.value.text or b"").decode()
        consumed = raw[: _raw_offset(raw, offset)]
        line = start.line + consumed.count("\n")
        tail = consumed.rpartition("\n")[2]
        return Position(line, len(tail) + (start.column if line == start.line else 1))

    def _around(self, path: KeyPath) -> Position:
        while path:
            path = path[:-1]
            if place := self._places.get(path):
                return self._position(place.value)
        return Position(1, 1)

    def _position(self, node: tree_sitter.Node) -> Position:
        row, column = node.start_point
        # tree-sitter counts bytes, people count characters.
        return Position(row + 1, len(self._lines[row].encode()[:column].decode()) + 1)

    def _top_level(self, node: tree_sitter.Node) -> None:
        if node.type == "pair" and not node.has_error:
            self._pair((), node)
        elif node.type in {"table", "table_array_element"}:
            header = next((child for child in node.children if child.type not in PUNCTUATION), None)
            if header is None or header.type not in KEY_TYPES or header.has_error:
                return
            path = self._header(node, header)
            for child in node.children:
                if child.type == "pair" and not child.has_error:
                    self._pair(path, child)

    def _header(self, node: tree_sitter.Node, header: tree_sitter.Node) -> KeyPath:
        """Record a [table] or [[table]] and return its path, with the indexes of arrays of tables."""
        path: KeyPath = ()
        keys = list(_keys(header))
        for number, key in enumerate(keys, start=1):
            path = (*path, _key_text(key))
            last = number == len(keys)
            self._places.setdefault(path, _Place(key, node))
            if last and node.type == "table_array_element":
                self._tables[path] = self._tables.get(path, -1) + 1
            elif last:
                self._places[path] = _Place(key, node)
            if path in self._tables:
                path = (*path, self._tables[path])
                self._places.setdefault(path, _Place(key, node))
        return path

    def _pair(self, table: KeyPath, node: tree_sitter.Node) -> None:
        key_node, value = (child for child in node.children if child.type not in PUNCTUATION)
        path = table
        for key in _keys(key_node):
            path = (*path, _key_text(key))
            self._places.setdefault(path, _Place(key, key))
        self._places[path] = _Place(key, value)
        self._value(path, value)

    def _value(self, path: KeyPath, node: tree_sitter.Node) -> None:
        parts = [child for child in node.children if child.type not in PUNCTUATION]
        if node.type == "array":
            for index, item in enumerate(parts):
                self._places[(*path, index)] = _Place(item, item)
                self._value((*path, index), item)
        elif node.type == "inline_table":
            for pair in parts:
                self._pair(path, pair)


def _keys(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """Yield the parts of a key in order; dotted keys nest to the left, as deep as they are long."""
    parts: list[tree_sitter.Node] = []
    while node.type == "dotted_key":
        node, *rest = (child for child in node.children if child.type not in PUNCTUATION)
        parts.extend(reversed(rest))
    yield node
    yield from reversed(parts)


def _key_text(node: tree_sitter.Node) -> str:
    text = (node.text or b"").decode()
    return next(iter(tomllib.loads(f"{text} = 1"))) if node.type == "quoted_key" else text


def _raw_offset(raw: str, offset: int) -> int:
    """Return how far into a string as written its `offset`-th decoded character stands, quotes included."""
    quotes = 3 if raw.startswith(('"""', "'''")) else 1
    index, end = quotes, len(raw) - quotes
    escapes = raw.startswith('"')
    if quotes > 1:
        # A line end right after the opening quotes belongs to the notation.
        index += len("\r\n") if raw.startswith("\r\n", index) else raw.startswith("\n", index)
    while index < end:
        if escapes and raw[index] == "\\" and raw[index + 1] in " \t\r\n":
            index += 1
            while index < end and raw[index] in " \t\r\n":
                index += 1
            continue
        if offset == 0:
            return index
        if escapes and raw[index] == "\\":
            index += ESCAPE_CHARACTERS.get(raw[index + 1], 2)
        else:
            index += len("\r\n") if raw.startswith("\r\n", index) else 1
        offset -= 1
    return end
