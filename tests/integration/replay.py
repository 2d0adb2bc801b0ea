"""Plays a client's exchange, kept as a readable file, against a daemon.

A file says who the client is and how it talks HTTP, then step by step what it sends and what it needs to read
in the answer. Attributes are written as `syntax name value`, as in ipptool's files; collections as
`collection name { syntax member value ... }`. In braces stand words that only the run knows: {authority},
{queue}, {job-id}, {pin:1234} (its SHA-256, as octets).
"""

import hashlib
import re
import shlex
import socket
import ssl
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from protocols.ipp import values
from protocols.ipp.decoder import decode
from protocols.ipp.encoder import encode
from protocols.ipp.message import Group, Message
from protocols.ipp.operations import Operation
from protocols.ipp.status import keyword_of
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import Attribute, Collection, Range, Resolution, Value
from protocols.limits import IppLimits
from tests.integration.daemon import CANARY_TITLE

REPLAYS = Path(__file__).resolve().parent / "replays"
TIMEOUT_S = 60.0
CHUNK_BYTES = 16_000
# A client that waits for a state gives up after this; Android's own patience is 45 s.
PATIENCE_S = 45.0
_OPERATIONS = {one.rfc_name: one for one in Operation}
_TEXTS = {
    "charset": values.charset,
    "keyword": values.keyword,
    "mimeMediaType": values.mime,
    "nameWithoutLanguage": values.name_,
    "naturalLanguage": values.natural_language,
    "textWithoutLanguage": values.text,
    "uri": values.uri,
}
_NUMBERS = {"integer": values.integer, "enum": values.enum}
_ANSWER_GROUPS = (GroupTag.JOB, GroupTag.PRINTER, GroupTag.UNSUPPORTED, GroupTag.OPERATION)


@dataclass(frozen=True)
class Answer:
    """What came back: HTTP's status, and the IPP message if there is one."""

    status: int
    message: Message | None

    @property
    def keyword(self) -> str:
        return keyword_of(self.message.code) if self.message is not None else f"http-{self.status}"

    def attribute(self, name: str) -> tuple[str, ...] | None:
        """Return an attribute's values as text, wherever it stands."""
        for tag in _ANSWER_GROUPS:
            for group in self.message.all(tag) if self.message is not None else ():
                if (found := group.get(name)) is not None:
                    return tuple(_shown(value) for value in found.values)
        return None


@dataclass
class Replay:
    """One run of an exchange.

    Args:
        port: of the daemon on loopback.
        documents: what the file calls a document, and its octets.
        trust: for exchanges over TLS.
        words: more of what stands in braces; "job-id" and "job-uri" are learned from answers.
        token: of a personal print URI to play it to, over TLS, in place of the queue's own address.
        leaves_out: expectations that are not meant then.
    """

    name: str
    port: int
    queue: str
    documents: Mapping[str, bytes]
    trust: ssl.SSLContext
    words: dict[str, str] = field(default_factory=dict)
    token: str = field(default="", repr=False)
    leaves_out: tuple[str, ...] = ()
    answers: list[Answer] = field(default_factory=list)

    def play(self) -> list[Answer]:
        """Send everything and check every answer; returns the answers."""
        script = tomllib.loads((REPLAYS / f"{self.name}.toml").read_text())
        known = {"authority": f"localhost:{self.port}", "queue": self.queue, "title": CANARY_TITLE}
        self.words = {**known, "user": script["client"].get("user", ""), **self.words}
        is_tls = script["client"].get("tls") or self.token
        connection = _Connection(self.port, self.trust if is_tls else None)
        try:
            for number, step in enumerate(script["step"], 1):
                where = f"{self.name}, step {number}: {step['does']}"
                for _ in range(step.get("times", 1)):
                    self._take(connection, script["client"], step, where)
        finally:
            connection.close()
        return self.answers

    def _take(self, connection: "_Connection", client: Mapping[str, Any], step: Any, where: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            answer = self._ask(connection, client, step)
            told = f"{where}\n{answer}"
            assert answer.keyword in step.get("status", ["successful-ok"]), told
            expected = [line for line in step.get("expect", ()) if line not in self.leaves_out]
            wrong = [line for line in expected if not self._holds(line, answer)]
            if not wrong:
                break
            is_over = not step.get("poll") or time.monotonic() > deadline
            assert not is_over, f"{wrong} in {told}"
            # Clients that poll do so once a second; nothing is gained by being as slow.
            time.sleep(0.05)
        self.answers.append(answer)
        for name in ("job-id", "job-uri"):
            if (found := answer.attribute(name)) is not None:
                self.words[name] = found[0]

    def _ask(self, connection: "_Connection", client: Mapping[str, Any], step: Any) -> Answer:
        operation = (*client["begins"], *step.get("operation-attributes", ()))
        groups = [Group(GroupTag.OPERATION, tuple(self._attributes(operation)))]
        if "job-attributes" in step:
            groups.append(Group(GroupTag.JOB, tuple(self._attributes(step["job-attributes"]))))
        major, minor = client["version"].split(".")
        message = Message(
            version=(int(major), int(minor)),
            code=_OPERATIONS[step["operation"]],
            request_id=len(self.answers) + 1,
            groups=tuple(groups),
        )
        body = encode(message) + self.documents.get(step.get("document", ""), b"")
        headers = [self._fill(line) for line in (*client["headers"], *step.get("headers", ()))]
        path = self._fill(step.get("path", client["path"]))
        status, content = connection.post(path, headers, body, chunked=step.get("chunked", False))
        is_ipp = status == 200
        return Answer(status, decode(content, IppLimits())[0] if is_ipp else None)

    def _holds(self, line: str, answer: Answer) -> bool:
        name, relation, wanted = (*line.split(" ", 2), "", "")[:3]
        found = answer.attribute(name)
        expected = self._fill(wanted)
        match relation:
            case "=":
                return found is not None and ",".join(found) == expected
            case "has":
                return found is not None and set(expected.split(",")) <= set(found)
            case "lacks":
                return found is None or expected not in found
            case "is-there":
                return found is not None
            case "is-not-there":
                return found is None
        raise AssertionError(line)

    def _attributes(self, lines: Any) -> Iterator[Attribute]:
        for line in lines:
            words = iter(shlex.split(line))
            yield self._attribute(next(words), words)

    def _attribute(self, syntax: str, words: Iterator[str]) -> Attribute:
        name, text = next(words), next(words)
        if syntax == "collection":
            assert text == "{", name
            members = []
            while (member := next(words)) != "}":
                members.append(self._attribute(member, words))
            return values.collection(name, Collection(tuple(members)))
        if syntax in _TEXTS:
            return _TEXTS[syntax](name, *(self._fill(one) for one in text.split(",")))
        filled = self._fill(text)
        if syntax in _NUMBERS:
            return _NUMBERS[syntax](name, *map(int, filled.split(",")))
        match syntax:
            case "boolean":
                return values.boolean(name, filled == "true")
            case "octetString":
                return values.octets(name, _octets(text, filled=self._fill))
            case "resolution":
                cross, _, feed = filled.removesuffix("dpi").partition("x")
                return values.resolution(name, Resolution(int(cross), int(feed or cross)))
            case "rangeOfInteger":
                low, _, high = filled.partition("-")
                return values.range_(name, Range(int(low), int(high)))
        raise AssertionError(syntax)

    def _fill(self, text: str) -> str:
        if self.token:
            text = text.replace("/ipp/print/{queue}", f"/ipp/print/{{queue}}/u/{self.token}")
        return re.sub(r"\{([a-z-]+)\}", lambda word: self.words[word[1]], text)


def _octets(text: str, filled: Callable[[str], str]) -> bytes:
    if text.startswith("{pin:"):
        return hashlib.sha256(text[5:-1].encode()).digest()
    return filled(text).encode()


def _shown(value: Value) -> str:
    match value.data:
        case bool():
            return "true" if value.data else "false"
        case Range(lower, upper):
            return f"{lower}-{upper}"
        case Resolution():
            return f"{value.data.cross_feed}dpi"
        case Collection(members):
            return "{" + " ".join(f"{one.name}={','.join(map(_shown, one.values))}" for one in members) + "}"
        case bytes():
            return value.data.hex()
    return str(value.data)


class _Connection:
    """HTTP as a client without a browser's habits speaks it; connected anew when the server has closed."""

    def __init__(self, port: int, tls: ssl.SSLContext | None) -> None:
        self._port = port
        self._tls = tls
        self._socket: socket.socket | None = None
        self._pending = b""

    def post(self, path: str, headers: list[str], body: bytes, *, chunked: bool) -> tuple[int, bytes]:
        """Send a request; returns the status and the body of the answer."""
        length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
        head = "\r\n".join(
            [f"POST {path} HTTP/1.1", f"Host: localhost:{self._port}", *headers, length, "", ""]
        ).encode()
        connection = self._connected()
        if any(line.lower() == "expect: 100-continue" for line in headers):
            connection.sendall(head)
            status, fields = self._head()
            if status != 100:
                return status, self._body(fields)
            connection.sendall(_chunks(body) if chunked else body)
        else:
            connection.sendall(head + (_chunks(body) if chunked else body))
        status, fields = self._head()
        while status == 100:
            status, fields = self._head()
        return status, self._body(fields)

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._pending = None, b""

    def _connected(self) -> socket.socket:
        if self._socket is None:
            plain = socket.create_connection(("localhost", self._port), timeout=TIMEOUT_S)
            self._socket = (
                plain if self._tls is None else self._tls.wrap_socket(plain, server_hostname="localhost")
            )
        return self._socket

    def _head(self) -> tuple[int, dict[str, str]]:
        while b"\r\n\r\n" not in self._pending:
            self._fill()
        head, _, self._pending = self._pending.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        fields = {
            name.strip().lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)
        }
        return int(first.split()[1]), fields

    def _body(self, fields: Mapping[str, str]) -> bytes:
        assert "transfer-encoding" not in fields, fields
        length = int(fields.get("content-length", "0"))
        while len(self._pending) < length:
            self._fill()
        body, self._pending = self._pending[:length], self._pending[length:]
        if fields.get("connection", "").lower() == "close":
            self.close()
        return body

    def _fill(self) -> None:
        piece = self._connected().recv(65536)
        assert piece, "the daemon has hung up in the middle of an answer"
        self._pending += piece


def _chunks(body: bytes) -> bytes:
    pieces = [body[start : start + CHUNK_BYTES] for start in range(0, len(body), CHUNK_BYTES)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))
