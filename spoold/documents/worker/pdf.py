"""Counts a PDF's pages and lists their sizes with pypdf, through a page walk of bounded length.

The only module of spoold that imports pypdf. It runs in the locked-in worker only; what it returns is
advisory, and every trouble with a document becomes an answer, never an exception with its text.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pypdf
from pypdf.errors import LimitReachedError, PyPdfError
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject

from spoold.documents.worker.wire import MAX_PAGE_SIZES, MAX_PAGES, MAX_POINTS, Answer, Reason

MAX_PAGES_WALKED = 2_000
"""Walking 100,000 pages took pypdf 6.4 s and 340 MiB; past this the document's own /Count is reported."""
MAX_NODES_VISITED = 20_000
"""A page tree may consist of nodes without a page; ten per page is more than any writer makes."""
MAX_DEPTH = 100
"""pypdf's own limit; balanced trees of ten children reach 10,000 pages at depth 4."""

_WARM_UP = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 595 842]>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R>>endobj\n"
    b"trailer<</Root 1 0 R/Size 4>>\nstartxref\n0\n%%EOF\n"
)


@dataclass(frozen=True)
class _Inherited:
    """Attributes a page takes from the nodes above it (ISO 32000-1, 7.7.3.4)."""

    media_box: Any = None
    rotate: Any = None


@dataclass(frozen=True)
class _Frame:
    """One node of the page tree on the way from the root to where the walk is."""

    identity: tuple[int, int] | None
    kids: Iterator[Any]
    inherited: _Inherited


class _DamagedTreeError(Exception):
    """The page tree is not a tree of pages."""


class _TooManyNodesError(Exception):
    """The page tree is larger than a walk may be, but not in pages."""


def warm_up() -> None:
    """Use the parser once, so that what it loads late is loaded before the walls go up."""
    inspect(io.BytesIO(_WARM_UP))


def inspect(document: io.BytesIO) -> Answer:
    """Look at one PDF. Never raises for what is in it."""
    try:
        return _inspect(document)
    except MemoryError:
        return Answer(reason=Reason.MEMORY)
    except (LimitReachedError, RecursionError, _TooManyNodesError):
        return Answer(reason=Reason.LIMIT)
    except (PyPdfError, _DamagedTreeError):
        return Answer(broken=True, reason=Reason.BROKEN)
    except Exception:  # noqa: BLE001
        # The edge of a parser that meets hostile bytes: fuzzing pypdf 7.1 for 150 s gave 241 exceptions that
        # are not its own. Their texts quote the document, so none is kept.
        return Answer(broken=True, reason=Reason.BROKEN)


def _inspect(document: io.BytesIO) -> Answer:
    try:
        reader = pypdf.PdfReader(document, strict=False)
    except NotImplementedError:
        # A security handler other than "Standard", such as certificates (ISO 32000-1, 7.6.5).
        if b"/Encrypt" in document.getvalue():
            return Answer(encrypted=True, reason=Reason.PASSWORD)
        raise
    if not reader.is_encrypted:
        return replace(_walk(reader), encrypted=False)
    # Most encrypted documents only restrict what may be done with them: their user password is empty.
    if reader.decrypt("") == pypdf.PasswordType.NOT_DECRYPTED:
        return Answer(encrypted=True, reason=Reason.PASSWORD)
    return replace(_walk(reader), encrypted=True)


def _walk(reader: pypdf.PdfReader) -> Answer:
    """Count pages depth first, with a stack of our own: a document must not choose our recursion depth."""
    root = reader.root_object
    tree = root.raw_get("/Pages")
    stack = [_enter(tree, _Inherited())]
    pages, visited = 0, 0
    sizes: dict[tuple[float, float], None] = {}
    while stack:
        kid = next(stack[-1].kids, None)
        if kid is None:
            stack.pop()
            continue
        visited += 1
        if visited > MAX_NODES_VISITED or len(stack) > MAX_DEPTH:
            raise _TooManyNodesError
        node = _dictionary(kid)
        if "/Kids" in node:
            if _identity(kid) is not None and any(frame.identity == _identity(kid) for frame in stack):
                raise _DamagedTreeError
            stack.append(_enter(kid, stack[-1].inherited))
            continue
        pages += 1
        if pages > MAX_PAGES_WALKED:
            return _count_in_its_own_words(reader, _dictionary(tree), tuple(sizes))
        size = _page_size(node, _inherit(node, stack[-1].inherited))
        if size is not None and len(sizes) < MAX_PAGE_SIZES:
            sizes[size] = None
    if pages == 0:
        raise _DamagedTreeError
    return Answer(pages=pages, page_sizes=tuple(sizes), broken=False)


def _enter(reference: Any, inherited: _Inherited) -> _Frame:
    node = _dictionary(reference)
    kids = _value(node, "/Kids", None)
    if not isinstance(kids, ArrayObject):
        raise _DamagedTreeError
    return _Frame(_identity(reference), iter(kids), _inherit(node, inherited))


def _dictionary(reference: Any) -> DictionaryObject:
    node = reference.get_object()
    if not isinstance(node, DictionaryObject):
        raise _DamagedTreeError
    return node


def _identity(reference: Any) -> tuple[int, int] | None:
    """Tell nodes apart by object number; a node written in place cannot contain itself."""
    return (reference.idnum, reference.generation) if isinstance(reference, IndirectObject) else None


def _inherit(node: DictionaryObject, above: _Inherited) -> _Inherited:
    return _Inherited(
        media_box=_value(node, "/MediaBox", above.media_box),
        rotate=_value(node, "/Rotate", above.rotate),
    )


def _value(node: DictionaryObject, key: str, absent: Any) -> Any:
    """Look a key up through its reference, which `DictionaryObject.get` does not follow."""
    value = node.get(key)
    return absent if value is None else value.get_object()


def _page_size(page: DictionaryObject, inherited: _Inherited) -> tuple[float, float] | None:
    """Width and height in points as the page is looked at, or None where its box makes no sense."""
    try:
        left, bottom, right, top = (float(side.get_object()) for side in inherited.media_box)
        unit = float(_value(page, "/UserUnit", 1))
        quarter_turns = int(inherited.rotate or 0) // 90
    except (TypeError, ValueError, AttributeError, OverflowError):
        return None
    # A tenth of a point is 0.04 mm: enough to tell paper apart, too coarse to count rounding as a size.
    width, height = round(abs(right - left) * unit, 1), round(abs(top - bottom) * unit, 1)
    if not (0 < width <= MAX_POINTS and 0 < height <= MAX_POINTS):
        return None
    return (height, width) if quarter_turns % 2 else (width, height)


def _count_in_its_own_words(
    reader: pypdf.PdfReader, tree: DictionaryObject, sizes: tuple[tuple[float, float], ...]
) -> Answer:
    """Report /Count where it can be true: more than were walked, and no more than there are objects.

    It is not proof (a document can lie either way), so the reason goes with it.
    """
    count = _value(tree, "/Count", None)
    objects = sum(len(generation) for generation in reader.xref.values()) + len(reader.xref_objStm)
    believable = isinstance(count, int) and MAX_PAGES_WALKED < count <= min(objects, MAX_PAGES)
    return Answer(
        pages=int(count) if believable else None,
        page_sizes=sizes,
        broken=False,
        reason=Reason.TOO_MANY_PAGES,
    )
