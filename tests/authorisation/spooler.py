"""One running daemon with people and jobs, callers of every kind, and a look at what a call changed."""

import base64
import enum
import http.client
import itertools
import json
import re
import socket
import sqlite3
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from protocols.ipp.decoder import decode
from protocols.ipp.encoder import encode
from protocols.ipp.message import Attribute, Group, Message
from protocols.ipp.operations import Operation
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import boolean, charset, integer, name_, natural_language, uri
from protocols.limits import IppLimits
from spoold.doors.web.guard import COOKIE, STATION_COOKIE
from spoold.model.access import Action, Standing, may
from spoold.model.approval import Approval, standing_of_approver
from spoold.model.ids import JobId, UserId
from spoold.model.job import Job
from spoold.model.jobstate import FINAL, JobState
from spoold.model.principal import Method, Principal, Role
from tests.integration.daemon import CANARY_DOCUMENT, CANARY_PASSWORD, CANARY_TITLE, Daemon

CONFIG = """
[printers.out]
uri = "folder:{printed}"

[queues.secure]
printers = ["out"]

[queues.open]
printers = ["out"]
authentication = "at-release"

[queues.secure-asking]
printers = ["out"]

[queues.open-asking]
printers = ["out"]
authentication = "at-release"

[[rules]]
name = "ask"
queues = ["secure-asking", "open-asking"]
when = "true"
hold = "Somebody looks at it first."

[queues.exams]
printers = ["out"]

[[rules]]
name = "ask-by-name"
queues = ["exams"]
when = "true"
hold = "An examiner looks at it first."
approvers = ["user:nina", "user:alice", "examiners"]

[badges]
lengths = [10]

[stations.out]
printer = "out"
networks = ["127.0.0.0/8"]

[stations.spare]
printer = "out"
networks = ["127.0.0.0/8"]
"""
DOCUMENT = CANARY_DOCUMENT + b" of somebody, as plain text\n"
_CSRF = re.compile(rb'name="csrf" value="([0-9a-f]{64})"')


class Who(enum.StrEnum):
    """Everybody a door can meet, with respect to alice's job."""

    ANONYMOUS = "anonymous"
    SENDER = "anonymous-at-the-sender"
    OTHER = "other-user"
    NEIGHBOUR = "other-user-at-the-sender"
    OWNER = "owner"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"
    # Somebody who may release all jobs of which alice was proven to be the owner.
    DELEGATE = "delegate"
    # The enrolled device of a release station, with nobody signed in there.
    STATION = "station"


ACCOUNTS: Mapping[Who, tuple[str, Role]] = {
    Who.OWNER: ("alice", Role.USER),
    Who.OTHER: ("bob", Role.USER),
    Who.NEIGHBOUR: ("bob", Role.USER),
    Who.OPERATOR: ("oskar", Role.OPERATOR),
    Who.ADMINISTRATOR: ("ada", Role.ADMINISTRATOR),
    Who.DELEGATE: ("dora", Role.USER),
}
# The job comes from here; its owner asks from elsewhere, because an account is known by its proof alone.
SENDER_ADDRESS = "127.0.0.2"
ADDRESSES: Mapping[Who, str] = {
    **dict.fromkeys(Who, "127.0.0.1"),
    Who.SENDER: SENDER_ADDRESS,
    Who.NEIGHBOUR: SENDER_ADDRESS,
    Who.OWNER: "127.0.0.3",
}


class Kind(enum.StrEnum):
    """Whether alice was proven when the job came, or only named."""

    OWNED = "owned"
    UNCLAIMED = "unclaimed"

    @property
    def queue(self) -> str:
        return "secure" if self is Kind.OWNED else "open"


@dataclass(frozen=True)
class Target:
    """One of alice's jobs, with the title that is hers to read."""

    job: Job
    title: str
    # What it is the job of, where it may serve more than one cell.
    kept_as: tuple[Kind, bool] | None = None

    @property
    def id(self) -> str:
        return str(self.job.id)


@dataclass(frozen=True)
class Answer:
    """What a caller got: every byte of it, and what it says.

    Args:
        status: HTTP status; for the control socket 200, or 0 for a refusal.
        message: the IPP answer, where there is one.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    message: Message | None = None

    def holds(self, words: str) -> bool:
        """Tell whether the words are anywhere in the answer."""
        everything = "\n".join(self.headers.values()).encode() + self.body
        return words.encode() in everything or json.dumps(words).encode() in everything

    @property
    def ipp_status(self) -> int:
        """The IPP status; -1 when the answer is none."""
        return -1 if self.message is None else self.message.code


@dataclass
class Changes:
    """What happened between two looks at the records and at the paper."""

    jobs: set[str] = field(default_factory=set)
    accounts: int = 0
    audit: list[dict[str, Any]] = field(default_factory=list)
    paper: int = 0

    @property
    def none(self) -> bool:
        return not (self.jobs or self.accounts or self.audit or self.paper)


@dataclass
class Spooler:
    """The daemon, who is who in it, and every way to call it."""

    daemon: Daemon
    printed: Path
    people: dict[Who, Principal] = field(default_factory=dict)
    sessions: dict[Who, tuple[str, str]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _untouched: dict[tuple[Kind, bool], Target] = field(default_factory=dict)
    # What the calls about the job of this cell have changed.
    _looks: list[Changes] = field(default_factory=list)

    def populate(self) -> None:
        """Make an account for everybody who has one."""
        for who, (name, role) in ACCOUNTS.items():
            known = next((one for one in self.people.values() if one.name == name), None)
            if known is None:
                made = self.daemon.command("user-add", name=name, new_password=CANARY_PASSWORD, role=role)
                now = datetime.now(UTC)
                known = Principal(UserId(made["id"]), name, frozenset(), role, Method.BASIC, now)
            self.people[who] = known
        end = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        given = self.control("delegate", {"delegate": "dora", "expires_at": end}, "alice")
        assert given.status == 200

    def expects(self, who: Who, action: Action, target: Target | None, *, by_address: bool = False) -> bool:
        """Return what the table of access says.

        Args:
            by_address: whether the door is one whose clients are also known by their address.
        """
        job = None if target is None else target.job
        peer = ADDRESSES[who] if by_address else None
        return may(self.people.get(who), action, job, peer=peer, also=self._also(who, action, target))

    def _also(self, who: Who, action: Action, target: Target | None) -> frozenset[Standing]:
        if target is None or who not in self.people:
            return frozenset()
        if action is Action.APPROVE:
            # What waits here waits for the staff.
            wanted = Approval("", target.job.id, ("ask",), ((),), target.job.created_at)
            return standing_of_approver(self.people[who], wanted, shows_names=False)
        is_owner_proven = target.job.owner_id is not None
        return frozenset({Standing.DELEGATE} if who is Who.DELEGATE and is_owner_proven else ())

    # -- jobs

    def job(self, kind: Kind, *, arriving: bool = False, documents: int = 0, waiting: bool = False) -> Target:
        """Have alice's computer send a job: held, waiting for approval, or arriving with documents sent.

        A job that the calls of the cell before left as it was serves again; another cell's is destroyed, so
        that there is one job of hers at a time.
        """
        self._looks.clear()
        kept = None if arriving or documents else self._untouched.pop((kind, waiting), None)
        while self._untouched:
            self.destroy(self._untouched.popitem()[1])
        if kept is not None:
            return kept
        return self._sent(kind, arriving=arriving, documents=documents, waiting=waiting)

    def _sent(self, kind: Kind, *, arriving: bool, documents: int, waiting: bool) -> Target:
        queue = f"{kind.queue}-asking" if waiting else kind.queue
        title = f"{CANARY_TITLE}-{next(self._numbers)}"
        who = Who.OWNER if kind is Kind.OWNED else Who.SENDER
        said = (name_("requesting-user-name", "alice"), name_("job-name", title))
        operation = Operation.CREATE_JOB if arriving else Operation.PRINT_JOB
        document = b"" if arriving else DOCUMENT
        made = self.ipp(who, operation, *said, queue=queue, document=document, address=SENDER_ADDRESS).message
        assert made is not None
        assert made.code == 0
        number = made.group(GroupTag.JOB).integer("job-id")
        assert number is not None
        for _ in range(documents):
            sent = self.ipp(
                who,
                Operation.SEND_DOCUMENT,
                integer("job-id", number),
                boolean("last-document", False),
                queue=kind.queue,
                document=DOCUMENT,
                address=SENDER_ADDRESS,
            )
            assert sent.ipp_status == 0
        return Target(self.row(number), title, None if arriving else (kind, waiting))

    def row(self, number: int) -> Job:
        """Return a job as access decisions see it."""
        with self._records() as records:
            key, queue, state, owner, claimed, peer = records.execute(
                "SELECT id, queue, state, owner_id, claimed_name, peer FROM jobs WHERE number = ?", (number,)
            ).fetchone()
        now = datetime.now(UTC)
        return Job(
            id=JobId(UUID(bytes=key)),
            number=number,
            queue=queue,
            state=JobState(state),
            reason="",
            owner_id=owner,
            claimed_name=claimed,
            peer=peer,
            protocol="ipp",
            created_at=now,
            changed_at=now,
            expires_at=now,
        )

    def state(self, target: Target) -> JobState:
        """Return the state of a job."""
        return self.row(target.job.number).state

    def clear(self, target: Target) -> None:
        """Have the next cell meet a spooler that is alike: leave it an untouched job, or none."""
        untouched = bool(self._looks) and all(changes.none for changes in self._looks)
        if target.kept_as is None or target.kept_as in self._untouched or not untouched:
            self.destroy(target)
        else:
            self._untouched[target.kept_as] = target

    def destroy(self, target: Target) -> None:
        """Cancel a job that has not ended."""
        if self.state(target) not in FINAL:
            self.daemon.command("cancel", job=target.id)

    # -- what a call changed

    @contextmanager
    def watched(self) -> Iterator[Changes]:
        """Look at everything before and after; sign-ins are recorded whatever comes of them."""
        changes = Changes()
        jobs, accounts, seq, paper = self._look()
        yield changes
        jobs_after, accounts_after, _, paper_after = self._look()
        changes.jobs = {str(UUID(bytes=key)) for key, *_ in set(jobs_after) ^ set(jobs)}
        changes.accounts = len(set(accounts_after) ^ set(accounts))
        changes.paper = paper_after - paper
        with self._records() as records:
            entries = [
                json.loads(text)
                for (text,) in records.execute("SELECT entry FROM audit WHERE seq > ?", (seq,))
            ]
        changes.audit = [entry for entry in entries if not entry["kind"].startswith("sign-")]
        self._looks.append(changes)

    def _look(self) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]], int, int]:
        with self._records() as records:
            jobs = records.execute(
                "SELECT id, state, owner_id, claimed_name, queue, template, private, wrapped_key, printer,"
                " attempt, documents, expires_us FROM jobs"
            ).fetchall()
            accounts = records.execute("SELECT * FROM users").fetchall()
            (seq,) = records.execute("SELECT max(seq) FROM audit").fetchone()
        return jobs, accounts, seq, self.sheets()

    def sheets(self) -> int:
        """Return how many documents have come out of the printer."""
        return sum(not path.name.startswith(".") for path in self.printed.iterdir())

    @contextmanager
    def _records(self) -> Iterator[sqlite3.Connection]:
        path = self.daemon.state / "spoold.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            yield connection

    # -- callers

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Trusts the daemon's own certificate and nothing else."""
        return ssl.create_default_context(cafile=str(self.daemon.state / "tls" / "certificate.pem"))

    def connect(self, door: str, address: str) -> http.client.HTTPSConnection:
        """Open a TLS connection to a door from one of this machine's addresses."""
        return http.client.HTTPSConnection(
            "127.0.0.1",
            self.daemon.ports[door],
            context=self.tls,
            timeout=60,
            source_address=(address, 0),
        )

    def ipp(
        self,
        who: Who,
        operation: int,
        *attributes: Attribute,
        queue: str = "secure",
        document: bytes = b"",
        address: str | None = None,
        connection: http.client.HTTPSConnection | None = None,
    ) -> Answer:
        """Ask the IPP door as somebody; on a connection of its own unless one is given."""
        target = uri("printer-uri", f"ipps://127.0.0.1:{self.daemon.ports['ipp']}/ipp/print/{queue}")
        common = (
            charset("attributes-charset", "utf-8"),
            natural_language("attributes-natural-language", "en"),
        )
        group = Group(GroupTag.OPERATION, (*common, target, *attributes))
        body = encode(Message((2, 0), operation, 1, (group,))) + document
        headers = {"Content-Type": "application/ipp", **self.basic(who)}
        opened = connection or self.connect("ipp", address or ADDRESSES[who])
        try:
            answer = _exchange(opened, "POST", f"/ipp/print/{queue}", body, headers)
        finally:
            if connection is None:
                opened.close()
        if answer.headers.get("content-type") != "application/ipp":
            return answer
        message, _ = decode(answer.body, IppLimits())
        return Answer(answer.status, answer.headers, answer.body, message)

    def web(
        self,
        who: Who,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        connection: http.client.HTTPSConnection | None = None,
    ) -> Answer:
        """Ask the web door, from this machine's first address."""
        opened = connection or self.connect("web", "127.0.0.1")
        try:
            return _exchange(opened, method, path, body, headers or {})
        finally:
            if connection is None:
                opened.close()

    def form(self, who: Who, path: str, fields: Mapping[str, str]) -> Answer:
        """Post a form as our own page in somebody's browser does."""
        cookie, csrf = self.sessions.get(who, ("", ""))
        sent = {**fields, "csrf": csrf} if csrf else dict(fields)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": f"https://127.0.0.1:{self.daemon.ports['web']}",
            "Sec-Fetch-Site": "same-origin",
            **({"Cookie": cookie} if cookie else {}),
        }
        return self.web(who, "POST", path, body=urlencode(sent).encode(), headers=headers)

    def page(self, who: Who, path: str) -> Answer:
        """Open a page in somebody's browser."""
        cookie, _ = self.sessions.get(who, ("", ""))
        return self.web(who, "GET", path, headers={"Cookie": cookie} if cookie else {})

    def sign_in(self, who: Who) -> None:
        """Start a session in the browser of somebody who has an account."""
        if who in self.sessions or who not in self.people:
            return
        fields = {"name": self.people[who].name, "password": CANARY_PASSWORD}
        answer = self.form(who, "/sign-in", fields)
        assert answer.status == 303
        cookie = answer.headers["set-cookie"].partition(";")[0]
        assert cookie.startswith(f"{COOKIE}=")
        self.sessions[who] = (cookie, "")
        csrf = _CSRF.search(self.page(who, "/").body)
        assert csrf is not None
        self.sessions[who] = (cookie, csrf[1].decode())

    def enrol_station(self) -> None:
        """Make a browser the device of a station, as its link does."""
        if Who.STATION in self.sessions:
            return
        link = self.daemon.command("station-add", name="out")["link"]
        answer = self.form(Who.ANONYMOUS, "/station/enrol", {"key": link.partition("key=")[2]})
        assert answer.status == 303
        cookie = answer.headers["set-cookie"].partition(";")[0]
        assert cookie.startswith(f"{STATION_COOKIE}=")
        self.sessions[Who.STATION] = (cookie, "")
        csrf = _CSRF.search(self.page(Who.STATION, "/station").body)
        assert csrf is not None
        self.sessions[Who.STATION] = (cookie, csrf[1].decode())

    def basic(self, who: Who) -> dict[str, str]:
        """Return the header that proves somebody with an account."""
        if who not in self.people:
            return {}
        token = base64.b64encode(f"{self.people[who].name}:{CANARY_PASSWORD}".encode()).decode()
        return {"Authorization": f"Basic {token}"}

    def control(self, command: str, arguments: Mapping[str, Any], user: str | None = None) -> Answer:
        """Run a control command as root; with `user`, as that person by name and password."""
        sent = dict(arguments)
        if user is not None:
            sent |= {"user": user, "password": CANARY_PASSWORD}
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(60)
            connection.connect(str(self.daemon.state / "control.sock"))
            connection.sendall(json.dumps({"command": command, "arguments": sent}).encode() + b"\n")
            with connection.makefile("rb") as answer:
                line = answer.readline()
        return Answer(200 if json.loads(line)["ok"] else 0, {}, line)


def _exchange(
    connection: http.client.HTTPSConnection,
    method: str,
    path: str,
    body: bytes,
    headers: Mapping[str, str],
) -> Answer:
    connection.request(method, path, body=body or None, headers=dict(headers))
    response = connection.getresponse()
    found = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, found, response.read())


def lines(answer: Answer) -> Sequence[dict[str, Any]]:
    """Return the jobs of a control answer's list."""
    found: Sequence[dict[str, Any]] = json.loads(answer.body)["result"]
    return found
