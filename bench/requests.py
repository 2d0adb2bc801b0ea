"""The requests of the bench, made once: the same octets go to every server but for its own URI."""

import base64

from protocols.ipp.encoder import encode
from protocols.ipp.message import Attribute, Group, Message
from protocols.ipp.operations import Operation
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import charset, integer, keyword, mime, name_, natural_language, uri

USER = "bench"
KIB = 1024

# What the CUPS backend asks for between two looks at a job (recorded from CUPS 2.4.2).
POLLED = (
    "marker-colors",
    "marker-levels",
    "marker-message",
    "marker-names",
    "marker-types",
    "printer-alert",
    "printer-alert-description",
    "printer-is-accepting-jobs",
    "printer-mandatory-job-attributes",
    "printer-state",
    "printer-state-message",
    "printer-state-reasons",
)

# What lpstat asks for of each job (recorded from CUPS 2.4.2).
LISTED = (
    "job-id",
    "job-k-octets",
    "job-name",
    "job-originating-user-name",
    "job-printer-state-message",
    "job-printer-uri",
    "job-state",
    "job-state-reasons",
    "time-at-creation",
    "time-at-processing",
    "time-at-completed",
)


def get_printer_attributes(host: str, path: str, *requested: str) -> bytes:
    """Return a Get-Printer-Attributes request."""
    return _request(host, path, Operation.GET_PRINTER_ATTRIBUTES, keyword("requested-attributes", *requested))


def get_jobs(host: str, path: str, limit: int, *requested: str) -> bytes:
    """Return a Get-Jobs request; without `requested`, numbers and addresses are answered."""
    asked = (keyword("requested-attributes", *requested),) if requested else ()
    return _request(host, path, Operation.GET_JOBS, integer("limit", limit), *asked)


def print_job(
    host: str,
    path: str,
    document: bytes,
    *,
    further_bytes: int = 0,
    document_format: str = "application/pdf",
) -> bytes:
    """Return a Print-Job request.

    Args:
        further_bytes: how much of the document follows later, for the length.
    """
    attributes = (name_("job-name", "bench"), mime("document-format", document_format))
    return _request(
        host, path, Operation.PRINT_JOB, *attributes, document=document, further_bytes=further_bytes
    )


def about_job(host: str, path: str, operation: Operation, number: int, *, password: str = "") -> bytes:
    """Return a request about one job (Release-Job, Get-Job-Attributes, Cancel-Job)."""
    return _request(host, path, operation, integer("job-id", number), password=password)


def pdf(size_bytes: int) -> bytes:
    """Return a PDF of one page and exactly this size."""
    return _pdf(size_bytes - len(_pdf(0)))


def _pdf(filling_bytes: int) -> bytes:
    # A content stream may have as many spaces as it likes.
    content = b"BT /F1 24 Tf 72 720 Td (A page of the bench) Tj ET\n" + b" " * filling_bytes
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources <<"
        b" /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length %010d >>\nstream\n%s\nendstream" % (len(content), content),
    ]
    file = bytearray(b"%PDF-1.4\n")
    table = b"0000000000 65535 f \n"
    for number, body in enumerate(objects, 1):
        table += b"%010d 00000 n \n" % len(file)
        file += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    end = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%010d\n%%%%EOF\n"
    return bytes(file) + b"xref\n0 %d\n" % (len(objects) + 1) + table + end % (len(objects) + 1, len(file))


def _request(
    host: str,
    path: str,
    operation: Operation,
    *attributes: Attribute,
    document: bytes = b"",
    further_bytes: int = 0,
    password: str = "",
) -> bytes:
    head = (
        charset("attributes-charset", "utf-8"),
        natural_language("attributes-natural-language", "en"),
        uri("printer-uri", f"ipp://{host}{path}"),
    )
    # RFC 8011 4.1.4 and 4.1.5: the target first, then who asks; job-id belongs to the target.
    target = tuple(one for one in attributes if one.name == "job-id")
    others = tuple(one for one in attributes if one.name != "job-id")
    operation_attributes = (*head, *target, name_("requesting-user-name", USER), *others)
    group = Group(GroupTag.OPERATION, operation_attributes)
    message = encode(Message((2, 0), operation, 1, (group,)))
    fields = [
        f"POST {path} HTTP/1.1",
        f"Host: {host}",
        "Content-Type: application/ipp",
        f"Content-Length: {len(message) + len(document) + further_bytes}",
    ]
    if password:
        proof = base64.b64encode(f"{USER}:{password}".encode()).decode()
        fields.append(f"Authorization: Basic {proof}")
    return ("\r\n".join(fields) + "\r\n\r\n").encode() + message + document
