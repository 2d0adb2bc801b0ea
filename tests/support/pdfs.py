"""Makes PDF documents in memory: plain, encrypted, damaged, and the ones that are made to hurt a parser."""

import io
import zlib
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import pypdf

A4 = (595.0, 842.0)
LETTER = (612.0, 792.0)
MIB = 1024 * 1024


def assemble(objects: Mapping[int, bytes], *, trailer: bytes = b"", version: bytes = b"1.4") -> bytes:
    """Put objects into a file with a right cross-reference table. Object 1 is the catalog."""
    out = bytearray(b"%PDF-" + version + b"\n%\xe2\xe3\xcf\xd3\n")
    size = max(objects) + 1
    offsets: dict[int, int] = {}
    for number in sorted(objects):
        offsets[number] = len(out)
        out += b"%d 0 obj\n%b\nendobj\n" % (number, objects[number])
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % size
    for number in range(1, size):
        entry = (offsets[number], 0, b"n") if number in offsets else (0, 65535, b"f")
        out += b"%010d %05d %b \n" % entry
    out += b"trailer\n<</Root 1 0 R/Size %d%b>>\nstartxref\n%d\n%%%%EOF\n" % (size, trailer, start)
    return bytes(out)


def stream(body: bytes, dictionary: bytes = b"") -> bytes:
    """Write a stream object's text."""
    return b"<</Length %d%b>>\nstream\n%b\nendstream" % (len(body), dictionary, body)


def pdf(
    pages: int = 1,
    *,
    size: tuple[float, float] = A4,
    sizes: Sequence[tuple[float, float]] = (),
    text: str = "",
    page_entries: bytes = b"",
    count: int | None = None,
) -> bytes:
    """Make a document of `pages` pages: all of one size, or of `sizes` in turn; `text` stands on each."""
    kids = b" ".join(b"%d 0 R" % (10 + page) for page in range(pages))
    objects = {
        1: b"<</Type/Catalog/Pages 2 0 R>>",
        2: b"<</Type/Pages/Kids[%b]/Count %d>>" % (kids, pages if count is None else count),
        3: stream(b"BT /F1 12 Tf 72 72 Td (%b) Tj ET" % text.encode("latin-1")),
    }
    for page in range(pages):
        width, height = sizes[page % len(sizes)] if sizes else size
        objects[10 + page] = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %g %g]/Contents 3 0 R%b>>" % (
            width,
            height,
            page_entries,
        )
    return assemble(objects)


def encrypted(user_password: str = "", *, algorithm: str = "AES-256", pages: int = 1) -> bytes:
    """Make an encrypted document; with an empty user password everybody may open it."""
    writer = pypdf.PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(*A4)
    writer.encrypt(user_password, "the owner's own", algorithm=algorithm)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def with_object_stream(pages: int = 1, *, padding: bytes = b"", filters: int = 1) -> bytes:
    """Make a PDF 1.5 document whose page tree lies in a compressed object stream.

    `padding` is raw deflate output (see `deflated_zeros`) that follows the objects inside the stream.
    """
    objects = [(2, b"<</Type/Pages/Kids[%b]/Count %d>>" % (b"3 0 R " * pages, pages))]
    objects.append((3, b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>"))
    positions = [0, len(objects[0][1]) + 1]
    head = b" ".join(b"%d %d" % (number, at) for (number, _), at in zip(objects, positions, strict=True))
    body = head + b"\n" + b"\n".join(text for _, text in objects) + b"\n"
    packed = _zlib_with_tail(body, padding)
    for _ in range(filters - 1):
        packed = zlib.compress(packed, 9)
    names = b"[" + b"/FlateDecode" * filters + b"]"
    first = b"/Type/ObjStm/N 2/First %d/Filter%b" % (len(head) + 1, names)
    out = bytearray(b"%PDF-1.5\n")
    at_catalog = len(out)
    out += b"1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n"
    at_stream = len(out)
    out += b"4 0 obj\n" + stream(packed, first) + b"\nendobj\n"
    at_table = len(out)
    entries = [(0, 0, 255), (1, at_catalog, 0), (2, 4, 0), (2, 4, 1), (1, at_stream, 0), (1, at_table, 0)]
    table = b"".join(bytes([kind]) + at.to_bytes(4, "big") + bytes([last]) for kind, at, last in entries)
    out += b"5 0 obj\n" + stream(table, b"/Type/XRef/Size 6/W[1 4 1]/Root 1 0 R") + b"\nendobj\n"
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % at_table)


def deflated_zeros(size_bytes: int) -> bytes:
    """Make raw deflate data for many zeros quickly: one packed MiB that ends on a byte, repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    mebibyte = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    return mebibyte * (size_bytes // MIB)


def _zlib_with_tail(body: bytes, tail: bytes) -> bytes:
    if not tail:
        return zlib.compress(body)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = packer.compress(body) + packer.flush(zlib.Z_FULL_FLUSH)
    # A zlib header, the blocks, an empty last block. The checksum is wrong: no reader should get that far.
    return b"\x78\xda" + head + tail + b"\x03\x00" + bytes(4)


def incremental_update(document: bytes, catalog: bytes) -> bytes:
    """Append a new catalog, as editors do that leave the old file in front."""
    at = len(document)
    old_table = document.rindex(b"startxref\n") + len(b"startxref\n")
    previous = int(document[old_table:].split()[0])
    out = document + b"1 0 obj\n%b\nendobj\n" % catalog
    table = len(out)
    out += b"xref\n1 1\n%010d 00000 n \n" % at
    return out + b"trailer\n<</Root 1 0 R/Size 1000/Prev %d>>\nstartxref\n%d\n%%%%EOF\n" % (previous, table)


# The bombs. Each is small to send and dear to read for somebody who trusts it.


def page_tree_cycle() -> bytes:
    """A node that is its own grandchild."""
    return assemble(
        {
            1: b"<</Type/Catalog/Pages 2 0 R>>",
            2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            3: b"<</Type/Pages/Parent 2 0 R/Kids[4 0 R]/Count 1>>",
            4: b"<</Type/Pages/Parent 3 0 R/Kids[2 0 R]/Count 1>>",
        }
    )


def page_tree_fan_out(levels: int = 30, *, leaf: bytes = b"<</Type/Page/MediaBox[0 0 9 9]>>") -> bytes:
    """2 to the power of `levels` leaves out of a few objects: every node names the next one twice."""
    objects = {1: b"<</Type/Catalog/Pages 2 0 R>>"}
    for number in range(2, levels + 2):
        objects[number] = b"<</Type/Pages/Kids[%d 0 R %d 0 R]/Count 2>>" % (number + 1, number + 1)
    return assemble(objects | {levels + 2: leaf})


def deep_page_tree(depth: int = 20_000) -> bytes:
    """One page under a very long chain of nodes."""
    objects = {1: b"<</Type/Catalog/Pages 2 0 R>>", depth + 2: b"<</Type/Page/MediaBox[0 0 9 9]>>"}
    objects |= {
        number: b"<</Type/Pages/Kids[%d 0 R]/Count 1>>" % (number + 1) for number in range(2, depth + 2)
    }
    return assemble(objects)


def nested_arrays(depth: int = 200_000) -> bytes:
    """A page tree whose kids are arrays in arrays in arrays."""
    nest = b"[" * depth + b"]" * depth
    return assemble({1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Type/Pages/Count 1/Kids %b>>" % nest})


def many_pages(pages: int) -> bytes:
    """A flat tree of nodes of a hundred pages each."""
    objects = {1: b"<</Type/Catalog/Pages 2 0 R>>"}
    nodes = range(3, 3 + (pages + 99) // 100)
    objects[2] = b"<</Type/Pages/Count %d/MediaBox[0 0 595 842]/Kids[%b]>>" % (
        pages,
        b" ".join(b"%d 0 R" % node for node in nodes),
    )
    next_page = nodes.stop
    bounds = [next_page + min(first, pages) for first in range(0, pages + 100, 100)]
    for node, (first, last) in zip(nodes, pairwise(bounds), strict=False):
        kids = b" ".join(b"%d 0 R" % page for page in range(first, last))
        objects[node] = b"<</Type/Pages/Parent 2 0 R/Count %d/Kids[%b]>>" % (last - first, kids)
        objects |= dict.fromkeys(range(first, last), b"<</Type/Page/Parent %d 0 R>>" % node)
    return assemble(objects)


def _repeated(piece: bytes, size_bytes: int) -> bytes:
    return b"%PDF-1.4\n" + piece * (size_bytes // len(piece))


def _object_garbage() -> bytes:
    return _repeated(b"1 0 obj\n", 63 * MIB)


def _object_garbage_with_missing_kids() -> bytes:
    """Every kid is missing, so that a repairing reader searches the whole file for each."""
    kids = b" ".join(b"%d 0 R" % number for number in range(100, 2100))
    tree = (
        b"1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Count 2000/Kids[%b]>>endobj " % kids
    )
    return _repeated(b"9 0 obj ", 16 * MIB) + tree + b"trailer<</Root 1 0 R/Size 2100>> startxref 0 %%EOF"


def _long_comment() -> bytes:
    return b"%PDF-1.4\n%" + b"c" * (64 * MIB - 1024) + pdf()


def _self_length() -> bytes:
    return assemble(
        {1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Length 2 0 R>>stream\nx\nendstream"},
    )


def _previous_loop() -> bytes:
    document = pdf()
    start = int(document[document.rindex(b"startxref\n") + 10 :].split()[0])
    return document.replace(b"/Root 1 0 R", b"/Root 1 0 R/Prev %d" % start)


def _object_stream_in_itself() -> bytes:
    return with_object_stream().replace(b"/Type/ObjStm", b"/Extends 4 0 R/Type/ObjStm")


def _predictor_columns() -> bytes:
    parameters = b"/DecodeParms<</Predictor 12/Columns 2147483647/Colors 1000>>/Type/ObjStm"
    return with_object_stream().replace(b"/Type/ObjStm", parameters)


def _huge_cross_reference() -> bytes:
    table = b"/Type/XRef/Size 2147483647/Index[0 2147483647]/W[0 0 0]/Root 1 0 R"
    return b"%PDF-1.5\n1 0 obj\n" + stream(b"", table) + b"\nendobj\nstartxref\n9\n%%EOF\n"


BOMBS: dict[str, Callable[[], bytes]] = {
    "page-tree-cycle": page_tree_cycle,
    "count-of-a-billion": lambda: pdf(1, count=1_000_000_000),
    "count-below-zero": lambda: pdf(1, count=-1),
    "fan-out-of-pages": page_tree_fan_out,
    "fan-out-of-empty-nodes": lambda: page_tree_fan_out(leaf=b"<</Type/Pages/Kids[]/Count 0>>"),
    "deep-page-tree": deep_page_tree,
    "nested-arrays": nested_arrays,
    "nested-dictionaries": lambda: pdf(1, page_entries=b"<</A" * 100_000),
    "flate-1-gib": lambda: with_object_stream(padding=deflated_zeros(1024 * MIB)),
    "flate-1-gib-twice": lambda: with_object_stream(padding=deflated_zeros(1024 * MIB), filters=2),
    "100000-pages": lambda: many_pages(100_000),
    "64-mib-comment": _long_comment,
    "object-garbage": _object_garbage,
    "object-garbage-with-missing-kids": _object_garbage_with_missing_kids,
    "length-of-itself": _self_length,
    "previous-table-loop": _previous_loop,
    "object-stream-in-itself": _object_stream_in_itself,
    "predictor-columns": _predictor_columns,
    "huge-cross-reference": _huge_cross_reference,
}
"""By name, made when asked for: some take a second and 64 MiB."""
