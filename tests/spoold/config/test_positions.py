"""Every key and value of a document is found at its line and column."""

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spoold.config.positions import Position, Positions
from spoold.config.problems import KeyPath

DOCUMENT = '''# comment
top = 1
"quoted key".b.c = { x = 2, y.z = [3, { q = "s" }] }
"é" = "after umlaut" # x

[printers . "lob.by"]
uri = """
multi\\
   line"""
[printers.second.deep]
x = 9
[[rules]]
name = 'first'
[[rules]]
name = 'second'
[rules.set]
sides = "one-sided"
[[rules.sub]]
a = 1
[[rules.sub]]
a = 2
[lists]
long = [
  "one", # first
  "two",
]
'''


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        (("top",), (2, 1), (2, 7)),
        (("quoted key",), (3, 1), (3, 1)),
        (("quoted key", "b"), (3, 14), (3, 14)),
        (("quoted key", "b", "c"), (3, 16), (3, 20)),
        (("quoted key", "b", "c", "x"), (3, 22), (3, 26)),
        (("quoted key", "b", "c", "y", "z"), (3, 31), (3, 35)),
        (("quoted key", "b", "c", "y", "z", 0), (3, 36), (3, 36)),
        (("quoted key", "b", "c", "y", "z", 1, "q"), (3, 41), (3, 45)),
        (("é",), (4, 1), (4, 7)),
        (("printers",), (6, 2), (6, 1)),
        (("printers", "lob.by"), (6, 13), (6, 1)),
        (("printers", "lob.by", "uri"), (7, 1), (7, 7)),
        (("printers", "second"), (10, 11), (10, 1)),
        (("printers", "second", "deep", "x"), (11, 1), (11, 5)),
        (("rules",), (12, 3), (12, 1)),
        (("rules", 0), (12, 3), (12, 1)),
        (("rules", 0, "name"), (13, 1), (13, 8)),
        (("rules", 1), (14, 3), (14, 1)),
        (("rules", 1, "name"), (15, 1), (15, 8)),
        (("rules", 1, "set"), (16, 8), (16, 1)),
        (("rules", 1, "set", "sides"), (17, 1), (17, 9)),
        (("rules", 1, "sub", 0, "a"), (19, 1), (19, 5)),
        (("rules", 1, "sub", 1, "a"), (21, 1), (21, 5)),
        (("lists", "long", 1), (25, 3), (25, 3)),
    ],
)
def test_places_of_keys_and_values(path: KeyPath, key: tuple[int, int], value: tuple[int, int]) -> None:
    positions = Positions(DOCUMENT)
    assert (positions.of_key(path), positions.of_value(path)) == (key, value)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("missing",), (1, 1)),
        (("printers", "lob.by", "missing"), (6, 1)),
        (("rules", 1, "missing"), (14, 1)),
        (("rules", 7), (12, 1)),
        (("quoted key", "b", "c", "missing"), (3, 20)),
        ((), (1, 1)),
    ],
)
def test_what_is_missing_is_placed_at_the_table_around_it(path: KeyPath, place: tuple[int, int]) -> None:
    positions = Positions(DOCUMENT)
    assert positions.of_key(path) == place
    assert positions.of_value(path) == place


@pytest.mark.parametrize(
    ("source", "offset", "place"),
    [
        ('a = "xyz"', 0, (1, 6)),
        ('a = "xyz"', 2, (1, 8)),
        ('a = "xyz"', 3, (1, 9)),
        ('a = "xyz"', 99, (1, 9)),
        ("a = 'x\\yz'", 2, (1, 8)),
        (r'a = "\"\u00e9\U0001F600z"', 3, (1, 24)),
        ('a = "éz"', 1, (1, 7)),
        ('a = """\nx\nyz"""', 3, (3, 2)),
        ('a = """x\nyz"""', 2, (2, 1)),
        ("a = '''\nx\n  yz'''", 4, (3, 3)),
        ('a = """x \\\n\n   y"""', 2, (3, 4)),
        ('a = """\r\nx\r\nyz"""', 2, (3, 1)),
        ('a = ""', 0, (1, 6)),
        ("a = 17", 1, (1, 5)),
    ],
)
def test_places_inside_strings(source: str, offset: int, place: tuple[int, int]) -> None:
    assert Positions(source).inside(("a",), offset) == place


def test_inside_of_what_is_missing_is_the_table_around_it() -> None:
    assert Positions("\n[t]\nx = 1").inside(("t", "y"), 3) == (2, 1)


def test_long_dotted_keys_need_no_recursion() -> None:
    source = ".".join(["a"] * 5000) + " = 1"
    assert Positions(source).of_value(("a",) * 5000) == (1, len(source))


@pytest.mark.parametrize(
    "source", ["a = = 1", "[a\nb = 1", "[[", 'a."x = 1', "a = [1, {", "= 1", "[]", 'a."\\q" = 1']
)
def test_what_is_no_toml_has_no_places_and_does_no_harm(source: str) -> None:
    assert Positions(source).of_key(("zz",)) == (1, 1)


@settings(deadline=None)
@given(st.text("ab.=[]{}\"'\\\n, 1#é", max_size=40))
def test_any_text_can_be_looked_into(source: str) -> None:
    line, column = Positions(source).of_value(("a", "b"))
    assert line >= 1
    assert column >= 1


# --- documents in every notation, with values that name their own path


KEYS = st.sampled_from(["a", "b-1", "c_2", "é", "with space", "dot.ted", 'quo"te'])


def leaves(value: Any, path: KeyPath = ()) -> list[tuple[KeyPath, Any]]:
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in leaves(item, (*path, key))]
    if isinstance(value, list):
        return [leaf for index, item in enumerate(value) for leaf in leaves(item, (*path, index))]
    return [(path, value)]


def written_key(key: str) -> str:
    bare = key.replace("-", "").replace("_", "")
    return key if bare.isascii() and bare.isalnum() else '"' + key.replace('"', '\\"') + '"'


@st.composite
def written(draw: st.DrawFn, depth: int = 2) -> str:
    """A value in TOML: a number, a string in any notation, an array or an inline table."""
    kind = draw(st.sampled_from(["number", "string", "array", "inline"] if depth else ["number", "string"]))
    if kind == "number":
        return str(draw(st.integers(0, 10**9)))
    if kind == "string":
        text = draw(st.text("abcéß😀 ", max_size=8))
        return draw(st.sampled_from(['"{}"', "'{}'", '"""{}"""', "'''\n{}'''", '"\\u00e9\\t{}"'])).format(
            text
        )
    if kind == "array":
        items = draw(st.lists(written(depth - 1), max_size=3))
        comma = draw(st.sampled_from([", ", ",", ",\n  ", ", # é ]\n"]))
        return f"[{comma.join(items)}]"
    pairs = draw(st.dictionaries(KEYS, written(depth - 1).filter(lambda text: "\n" not in text), max_size=3))
    return "{ " + ", ".join(f"{written_key(key)} = {value}" for key, value in pairs.items()) + " }"


@st.composite
def documents(draw: st.DrawFn) -> str:
    lines: list[str] = []
    for key, value in draw(st.dictionaries(KEYS, written(), max_size=3)).items():
        lines.append(f"{written_key(key)}{draw(st.sampled_from([' = ', '=']))}{value}")
    for number, table in enumerate(
        draw(st.lists(st.sampled_from(["[{}]", "[[{}]]", "[ {} . é]"]), max_size=4))
    ):
        name = f"t{number}" if table == "[{}]" else "many" if table == "[[{}]]" else f"u{number}"
        lines.append(draw(st.sampled_from(["", "  ", "# é\n"])) + table.format(name).replace("é", '"é"'))
        for key, value in draw(st.dictionaries(KEYS, written(), max_size=3)).items():
            lines.append(f"\t{written_key(key)} = {value} # comment")
    return "\n".join(lines)


def at(source: str, position: Position) -> str:
    """The rest of the source from a position on."""
    lines = source.split("\n")
    return "\n".join([lines[position.line - 1][position.column - 1 :], *lines[position.line :]])


@settings(deadline=None, max_examples=50)
@given(documents())
def test_values_are_found_where_they_are_written(source: str) -> None:
    positions = Positions(source)
    for path, value in leaves(tomllib.loads(source)):
        rest = at(source, positions.of_value(path))
        if isinstance(value, int):
            assert rest.startswith(str(value))
            continue
        assert rest[0] in "\"'"
        for offset, character in enumerate(value):
            inside = at(source, positions.inside(path, offset))
            # Escapes stand for another character than the one written.
            assert inside.startswith((character, "\\u00e9" if character == "é" else "\\t"))
        assert at(source, positions.inside(path, len(value)))[0] in "\"'"


@settings(deadline=None, max_examples=50)
@given(documents())
def test_keys_are_found_where_they_are_written(source: str) -> None:
    positions = Positions(source)
    for path, _ in leaves(tomllib.loads(source)):
        for end in range(1, len(path) + 1):
            key = path[end - 1]
            if isinstance(key, str):
                assert at(source, positions.of_key(path[:end])).startswith((written_key(key), '"é"'))
