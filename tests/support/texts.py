"""Every text that a person may read, found in the source: templates, views, and the daemon's sentences.

A sentence of the daemon is a string or an f-string below the doors that reads like one. Its values are named
by the last name of what stands in them: f"{printer.name}: {called(job)}" is "{name}: {called}"; a value
without a name is {value}, a second one of the same name {name_2}. A choice inside is written out.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from jinja2 import Environment, nodes

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "spoold" / "doors" / "web"
_SENTENCE = re.compile(r"(?:[A-Z“\"«(]|\{[a-z_0-9]+\}(?:[:,]| [A-Za-z{])).*[ ].*[.?!]”?\"?$", re.DOTALL)
# What is put behind a sentence or into it: " by {name}, for its owner", ", because {because}".
_ADDED = re.compile(r"(?: |, )[a-z][a-z ]* .*\{[a-z_0-9]+\}.*$|(?: |, )(?:[a-z]+ )+\{[a-z_0-9]+\}$")
_SLOT = re.compile(r"\{[a-z_][a-z0-9_]*\}")
# Read by administrators at a terminal and in the log, in English: commands, configuration, start and stop,
# the worker's own process; and the protocols' requests, which no page shows.
NOT_ON_PAGES = (
    "spoold/__main__.py",
    "spoold/app",
    "spoold/cli",
    "spoold/config",
    "spoold/runtime",
    "spoold/keys",
    "spoold/database",
    "spoold/doors/control",
    "spoold/doors/ipp",
    "spoold/doors/lpr.py",
    "spoold/doors/web/api",
    "spoold/doors/web/security.py",
)
_LOGGING = {"debug", "info", "warning", "error", "critical", "exception", "log"}
# Exceptions that say that the program itself is wrong; nobody but its authors reads them.
_BUGS = {"LookupError", "ValueError", "TypeError", "KeyError", "RuntimeError", "AttributeError", "OSError"}


@dataclass(frozen=True)
class Text:
    """A text and where it stands."""

    message: str
    place: str = field(compare=False)


def daemon_texts() -> list[Text]:
    """Return every sentence that may be shown on a page though it is made below the pages."""
    found: dict[str, Text] = {}
    for path in sorted(ROOT.glob("spoold/**/*.py")) + sorted(ROOT.glob("policy/*.py")):
        relative = str(path.relative_to(ROOT))
        if relative.startswith(NOT_ON_PAGES):
            continue
        for text in sentences_of(path.read_text("utf-8"), relative):
            found.setdefault(text.message, text)
    for line in (ROOT / "spoold/printers/state_reasons.tsv").read_text("utf-8").splitlines():
        if not line.startswith("#") and line.count("\t") == 2:
            found.setdefault(line.split("\t")[2], Text(line.split("\t")[2], "state_reasons.tsv"))
    return list(found.values())


def sentences_of(source: str, place: str) -> Iterator[Text]:
    """Yield the sentences in a module."""
    tree = ast.parse(source)
    passed_over = {id(each) for each in _not_said(tree)}
    for node in _walk(tree, passed_over):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            spoken = [node.value]
        elif isinstance(node, ast.JoinedStr):
            spoken = list(_written_out(node))
        else:
            continue
        for each in spoken:
            message = each.strip()
            if _has_words(message) and (_SENTENCE.match(message) or _ADDED.match(each)):
                yield Text(message, f"{place}:{node.lineno}")


def _has_words(message: str) -> bool:
    return len(re.findall(r"[A-Za-z]{2,}", _SLOT.sub("", message))) >= 1


def _walk(node: ast.AST, passed_over: set[int]) -> Iterator[ast.AST]:
    if id(node) in passed_over:
        return
    yield node
    for child in ast.iter_child_nodes(node):
        # The pieces of an f-string are not texts of their own.
        if isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant):
            continue
        yield from _walk(child, passed_over)


def _not_said(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield docstrings, what goes to the log, and what bugs say."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr in _LOGGING:
                yield node
            if isinstance(node.func, ast.Name) and node.func.id in _BUGS:
                yield node
            if isinstance(node.func, ast.Name) and node.func.id in {"_", "marked", "ngettext"}:
                # Pages' own words: `view_texts`.
                yield node


def _written_out(node: ast.JoinedStr) -> Iterator[str]:
    """Yield the texts of an f-string, one for each choice in it."""
    parts: list[list[str | ast.expr]] = []
    for value in node.values:
        if isinstance(value, ast.Constant):
            parts.append([str(value.value)])
        elif isinstance(value, ast.FormattedValue):
            parts.append(list(_choices(value.value)))
    for choice in product(*parts):
        seen: dict[str, int] = {}
        yield "".join(each if isinstance(each, str) else _slot(each, seen) for each in choice)


def _choices(value: ast.expr) -> Iterator[str | ast.expr]:
    if isinstance(value, ast.IfExp):
        yield from _choices(value.body)
        yield from _choices(value.orelse)
    elif isinstance(value, ast.Constant):
        yield str(value.value)
    elif isinstance(value, ast.JoinedStr):
        yield from _written_out(value)
    else:
        yield value


def _slot(value: ast.expr, seen: dict[str, int]) -> str:
    name = _name(value).strip("_").lower() or "value"
    count = seen[name] = seen.get(name, 0) + 1
    return f"{{{name}}}" if count == 1 else f"{{{name}_{count}}}"


def _name(value: ast.expr) -> str:
    if isinstance(value, ast.Name):
        return value.id
    if isinstance(value, ast.Attribute):
        return value.attr
    if isinstance(value, ast.Call):
        return _name(value.func)
    if isinstance(value, ast.Await):
        return _name(value.value)
    return "value"


# -- pages


def view_texts() -> list[tuple[Text, Text | None]]:
    """Return the texts in the web door's modules, with their plural; a text that is no literal raises."""
    found: list[tuple[Text, Text | None]] = []
    for path in sorted(WEB.rglob("*.py")):
        place = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id in {"_", "marked"} and isinstance(node.args[0], ast.Constant):
                found.append((Text(str(node.args[0].value), f"{place}:{node.lineno}"), None))
            elif node.func.id == "ngettext":
                one, other = node.args[:2]
                assert isinstance(one, ast.Constant), place
                assert isinstance(other, ast.Constant), place
                where = f"{place}:{node.lineno}"
                found.append((Text(str(one.value), where), Text(str(other.value), where)))
            elif node.func.id in {"_", "marked"}:
                assert not isinstance(node.args[0], ast.JoinedStr), f"{place}:{node.lineno}: an f-string"
    return found


def template_texts(environment: Environment) -> list[tuple[Text, Text | None]]:
    """Return the texts in the templates, with their plural."""
    found: list[tuple[Text, Text | None]] = []
    for path in sorted((WEB / "templates").glob("*.html")):
        source = path.read_text("utf-8")
        for line, _function, message in environment.extract_translations(source):  # type: ignore[attr-defined]
            place = f"{path.name}:{line}"
            if isinstance(message, tuple):
                texts = [each for each in message if each is not None]
                plural = Text(texts[1], place) if len(texts) > 1 else None
                found.append((Text(texts[0], place), plural))
            elif message:
                found.append((Text(message, place), None))
    return found


# Attributes that people hear or read.
_READ_ATTRIBUTES = {"alt", "title", "placeholder", "aria-label", "data-name", "data-state", "data-words"}
_OPEN_ATTRIBUTE = re.compile(r"<[a-z][^<>]*?([a-z-]+)=\"[^\"<>]*$")
_ATTRIBUTE = re.compile(r"([a-z-]+)=\"([^\"]*)\"")
_TAG = re.compile(r"<!--.*?-->|<[^>]*>", re.DOTALL)
_LETTERS = re.compile(r"[^\W\d_]{2,}")


def bare_texts(environment: Environment, source: str) -> list[str]:
    """Return what a template says without having it translated: between tags, in attributes, by choice."""
    html: list[str] = []
    found: list[str] = []

    def visit(node: nodes.Node) -> None:
        if isinstance(node, nodes.TemplateData):
            html.append(node.data)
        elif isinstance(node, nodes.Output):
            for child in node.nodes:
                if isinstance(child, nodes.TemplateData):
                    html.append(child.data)
                    continue
                attribute = _OPEN_ATTRIBUTE.search("".join(html)[-2000:])
                if attribute is None or attribute[1] in _READ_ATTRIBUTES:
                    found.extend(text for text in _shown_constants(child) if _LETTERS.search(text))
                html.append("\x00")
        else:
            for part in node.iter_child_nodes():
                visit(part)

    visit(environment.parse(source))
    whole = "".join(html)
    for tag in _TAG.findall(whole):
        found.extend(
            text
            for name, text in _ATTRIBUTE.findall(tag)
            if name in _READ_ATTRIBUTES and _LETTERS.search(text)
        )
    # What a block adds to a tag of the frame stands outside of every tag here.
    between = [_ATTRIBUTE.sub("", text).strip() for text in _TAG.split(whole)]
    found.extend(text for text in between if _LETTERS.search(text))
    return found


def _shown_constants(node: nodes.Node) -> Iterator[str]:
    """Yield the strings that an expression may show as they are."""
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, nodes.CondExpr):
        yield from _shown_constants(node.expr1)
        if node.expr2 is not None:
            yield from _shown_constants(node.expr2)
    elif isinstance(node, nodes.Or | nodes.And | nodes.Concat | nodes.Add):
        for child in node.iter_child_nodes():
            yield from _shown_constants(child)
