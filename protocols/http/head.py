"""Reads one complete request head (RFC 9112) and refuses whatever could be read in two ways.

Two readers must agree: a grammar over the raw bytes, which is ours, and llhttp (through httptools), which
is what the fields are taken from. Every rule beyond the RFC has its reason beside it; all of them are
about requests that a proxy in front of us, or a browser behind us, could understand differently.
"""

import re
from urllib.parse import unquote_to_bytes

import httptools

from protocols.errors import RemoteProtocolError
from protocols.http.events import Headers, RequestHead
from protocols.limits import HttpLimits

BAD_REQUEST = 400
CONTENT_TOO_LARGE = 413
URI_TOO_LONG = 414
FIELDS_TOO_LARGE = 431
NOT_IMPLEMENTED = 501

# CONNECT would make us a proxy and TRACE echoes credentials; anything else is not HTTP as printers speak it.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})

# A field that decides framing, routing or rights must not come twice: who would say which one counts?
_SINGLE_FIELDS = frozenset(
    {
        "authorization",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "host",
        "origin",
        "referer",
        "sec-fetch-site",
        "transfer-encoding",
        "upgrade",
    }
)

# RFC 9112 3 (request-line) and 5 (field-line): one space, CRLF only, no folding, no control characters
# but HTAB inside a value. Possessive, so that a hostile head costs one pass.
_REQUEST_LINE = re.compile(rb"([A-Z]{1,16}+) ([!-~]++) HTTP/1\.([01])\r\n")
_FIELD_LINES = re.compile(rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[\t -~\x80-\xff]*+\r\n)*+\r\n")
# What no head may hold, whole or not yet whole.
_FORBIDDEN = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r\n[ \t]")

# RFC 3986 3.3 and 3.4, without ";": path parameters are cut off by some servers and kept by others.
_PATH = re.compile(r"/(?:[A-Za-z0-9\-._~!$&'()*+,=:@/]|%[0-9A-Fa-f]{2})*+")
_QUERY = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*+")
_ABSOLUTE = re.compile(r"(?i:https?)://([^/?]+)(.*)")
_HOST = re.compile(r"(?:([A-Za-z0-9][A-Za-z0-9._\-]*+)|\[([0-9A-Fa-f:.]{2,45})\])(?::([0-9]{1,5}))?")
# A sign, a list, a hexadecimal or an octal-looking number is read differently by different servers.
_LENGTH = re.compile(r"0|[1-9][0-9]{0,17}")


# RFC 2817 3.1 and 7: what CUPS asks for is "TLS/1.2,TLS/1.1,TLS/1.0".
_TLS_VERSIONS = re.compile(r"TLS/1\.[0-9](?:[ \t]*,[ \t]*TLS/1\.[0-9]){0,7}")

# Method, two spaces, version and line end around the target.
_MAX_LINE_OVERHEAD = 32


class _FieldSink:
    """Collects what llhttp reads."""

    __slots__ = ("fields", "target")

    def __init__(self) -> None:
        self.fields: list[tuple[bytes, bytes]] = []
        self.target = b""

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))


def check_partial_head(data: bytes, start: int, searched: int, limits: HttpLimits) -> None:
    """Refuse an unfinished head, from `start` in `data`, that no further byte can mend.

    Without this, a head with bare line feeds (or HTTP/0.9) would hold the connection until its deadline.
    What lies before `searched` was looked at already, so that a head in many pieces stays linear.

    Raises:
        RemoteProtocolError: with the HTTP status to answer.
    """
    # A line end may lie across the border.
    if _FORBIDDEN.search(data, max(start, searched - 2)):
        raise RemoteProtocolError(_why_forbidden(data[start:]))
    if data.find(b"\r\n", start, start + limits.max_target_bytes + _MAX_LINE_OVERHEAD) >= 0:
        _read_request_line(data[start : start + limits.max_target_bytes + _MAX_LINE_OVERHEAD], limits)
    elif len(data) - start > limits.max_target_bytes + _MAX_LINE_OVERHEAD:
        raise RemoteProtocolError("the request target is too long", status_hint=URI_TOO_LONG)
    elif not data[start : start + 1].isupper():
        raise RemoteProtocolError("this is not an HTTP request")
    if len(data) - start > limits.max_head_bytes:
        raise RemoteProtocolError("the request head is too long", status_hint=FIELDS_TOO_LARGE)


def read_head(raw: bytes, limits: HttpLimits) -> RequestHead:
    """Read `raw`, which ends with the empty line.

    Raises:
        RemoteProtocolError: with the HTTP status to answer (400, 413, 414, 431 or 501).
    """
    if len(raw) > limits.max_head_bytes:
        raise RemoteProtocolError("the request head is too long", status_hint=FIELDS_TOO_LARGE)
    method, target, minor, line_end = _read_request_line(raw, limits)
    if not _FIELD_LINES.fullmatch(raw, line_end):
        raise RemoteProtocolError(_why_forbidden(raw))
    fields = _read_fields(raw, method, target, limits)
    host, port = _read_host(fields.get("host", ""))
    path, query = _read_target(method, target, fields["host"])
    connection = fields.get("connection", "").lower()
    return RequestHead(
        method=method,
        target=target,
        path=path,
        query=query,
        headers=Headers(fields),
        host=host,
        port=port,
        http_version=(1, minor),
        content_length=_read_framing(fields, minor, limits),
        keep_alive=minor == 1 and not (connection and "close" in re.split(r"[ \t]*,[ \t]*", connection)),
        expects_continue=_read_expectation(fields, minor),
        upgrades_to_tls="upgrade" in fields and _read_upgrade(fields, minor),
    )


def _why_forbidden(raw: bytes) -> str:
    found = _FORBIDDEN.search(raw)
    if found is None:
        return "a header field is malformed"
    if found.group() == b"\n" or found.group() == b"\r":
        return "lines end with CR LF, nothing else"
    if found.group().startswith(b"\r\n"):
        return "folded header lines are not accepted"
    return "control characters are not accepted"


def _read_request_line(raw: bytes, limits: HttpLimits) -> tuple[str, str, int, int]:
    """Return method, target, minor version and where the fields begin."""
    line = _REQUEST_LINE.match(raw)
    if line is None:
        end = raw.find(b"\r\n")
        if end > limits.max_target_bytes + _MAX_LINE_OVERHEAD:
            raise RemoteProtocolError("the request target is too long", status_hint=URI_TOO_LONG)
        raise RemoteProtocolError("the request line is malformed")
    method = line[1].decode("ascii")
    if method not in METHODS:
        raise RemoteProtocolError("this method is not implemented", status_hint=NOT_IMPLEMENTED)
    if len(line[2]) > limits.max_target_bytes:
        raise RemoteProtocolError("the request target is too long", status_hint=URI_TOO_LONG)
    return method, line[2].decode("ascii"), int(line[3]), line.end()


def _read_fields(raw: bytes, method: str, target: str, limits: HttpLimits) -> dict[str, str]:
    """Let llhttp take the head apart; return its fields by lower-case name."""
    count = raw.count(b"\r\n") - 2
    if count > limits.max_fields:
        raise RemoteProtocolError("too many header fields", status_hint=FIELDS_TOO_LARGE)
    sink = _FieldSink()
    reader = httptools.HttpRequestParser(sink)
    try:
        reader.feed_data(raw)
    except httptools.HttpParserUpgrade:
        # That is how llhttp ends the head of such a request; whether we want it is decided by its fields.
        pass
    except httptools.HttpParserError as error:
        raise RemoteProtocolError(f"the request head is malformed ({error})") from None
    if (
        len(sink.fields) != count
        or sink.target.decode("latin-1") != target
        or reader.get_method().decode("latin-1") != method
    ):
        raise RemoteProtocolError("the request head can be read in two ways")
    fields: dict[str, str] = {}
    for raw_name, raw_value in sink.fields:
        name = raw_name.decode("ascii").lower()
        value = raw_value.strip(b" \t").decode("latin-1")
        if name in fields:
            if name in _SINGLE_FIELDS:
                raise RemoteProtocolError(f"the field {name} came more than once")
            value = f"{fields[name]}, {value}"
        fields[name] = value
    if "trailer" in fields:
        raise RemoteProtocolError("trailers are not accepted")
    return fields


def _read_host(value: str) -> tuple[str, int | None]:
    """Read Host (RFC 9110 7.2); it is required of HTTP/1.0 too, because it is what rebinding cannot forge."""
    found = _HOST.fullmatch(value)
    if found is None:
        raise RemoteProtocolError("a valid Host field is required")
    port = int(found[3]) if found[3] is not None else None
    if port is not None and not 0 < port < 65536:
        raise RemoteProtocolError("a valid Host field is required")
    return (found[1] or found[2]).lower(), port


def _read_target(method: str, target: str, host: str) -> tuple[str, str]:
    """Return the decoded path and the raw query (RFC 9112 3.2)."""
    if target == "*":
        if method != "OPTIONS":
            raise RemoteProtocolError("only OPTIONS may ask for *")
        return "*", ""
    if not target.startswith("/"):
        absolute = _ABSOLUTE.fullmatch(target)
        if absolute is None:
            raise RemoteProtocolError("the request target is malformed")
        if absolute[1].lower() != host.lower():
            raise RemoteProtocolError("the request target and Host disagree")
        target = absolute[2] if absolute[2].startswith("/") else "/" + absolute[2]
    path, mark, query = target.partition("?")
    if _PATH.fullmatch(path) is None or (mark and _QUERY.fullmatch(query) is None):
        raise RemoteProtocolError("the request target holds characters that do not belong there")
    if "%" in path or "/." in path or "//" in path:
        path = _decode_path(path)
    return path, query


def _decode_path(path: str) -> str:
    """Decode percent escapes once, and refuse what a second reader would resolve to another path."""
    try:
        decoded = unquote_to_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        raise RemoteProtocolError("the path is not UTF-8") from None
    if (
        decoded.count("/") != path.count("/")  # %2f
        or "//" in decoded
        or not {".", ".."}.isdisjoint(decoded.split("/"))
        or not {"\\", ";", "%"}.isdisjoint(decoded)  # "%": decoded twice it would be something else
        or not decoded.isprintable()
    ):
        raise RemoteProtocolError("the path is ambiguous")
    return decoded


def _read_framing(fields: dict[str, str], minor: int, limits: HttpLimits) -> int | None:
    """Return the body's length, None for chunked (RFC 9112 6)."""
    coding = fields.get("transfer-encoding")
    length = fields.get("content-length")
    if coding is not None:
        if length is not None:
            raise RemoteProtocolError("Content-Length and Transfer-Encoding together are ambiguous")
        if minor == 0:
            raise RemoteProtocolError("Transfer-Encoding does not belong to HTTP/1.0")
        if coding.lower() != "chunked":
            raise RemoteProtocolError("only the chunked coding is accepted", status_hint=NOT_IMPLEMENTED)
        return None
    if length is None:
        return 0
    if _LENGTH.fullmatch(length) is None:
        raise RemoteProtocolError("Content-Length is malformed")
    if int(length) > limits.max_body_bytes:
        raise RemoteProtocolError("the body is too large", status_hint=CONTENT_TOO_LARGE)
    return int(length)


def _read_upgrade(fields: dict[str, str], minor: int) -> bool:
    """Read Upgrade (RFC 9110 7.8): to TLS and nothing else, in one form that cannot be misunderstood."""
    options = re.split(r"[ \t]*,[ \t]*", fields.get("connection", "").lower())
    if minor == 0 or "upgrade" not in options or _TLS_VERSIONS.fullmatch(fields["upgrade"]) is None:
        raise RemoteProtocolError("this protocol is not spoken here", status_hint=NOT_IMPLEMENTED)
    if "transfer-encoding" in fields or fields.get("content-length", "0") != "0":
        # Part of it could be on its way in clear while we are waiting for a handshake.
        raise RemoteProtocolError("a request to upgrade has no body")
    if "close" in options or "expect" in fields:
        raise RemoteProtocolError("a request to upgrade cannot ask for that as well")
    return True


def _read_expectation(fields: dict[str, str], minor: int) -> bool:
    expectation = fields.get("expect")
    if expectation is None:
        return False
    if expectation.lower() != "100-continue":
        raise RemoteProtocolError("only the expectation 100-continue is known")
    return minor == 1  # RFC 9110 10.1.1: ignored in HTTP/1.0
