"""Printer attributes: kept answers are right for whoever asks, and for the moment they are given."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from protocols.http.events import Headers, RequestHead
from protocols.http.message import Address, Request
from protocols.ipp.decoder import decode_group
from protocols.ipp.message import Group, Message
from protocols.ipp.operations import Operation
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import Range, keyword, range_
from protocols.limits import IppLimits
from spoold.doors.ipp.context import IppRequest
from spoold.doors.ipp.printer import MAX_KEPT_QUESTION_CHARS, QueueAttributes, Standing
from spoold.model.queue import Authentication, CapabilityOverrides, Queue, Release
from spoold.printers.base import Supply
from spoold.printers.capabilities import DEFAULT, Capabilities, overridden

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
QUEUE = Queue("secure", ("lobby",), True, Authentication.AT_RELEASE, Release.BY_OWNER, timedelta(hours=4))


class _NoBody:
    async def receive_body(self) -> bytes:
        return b""

    async def drain_body(self, max_bytes: int) -> bool:
        return max_bytes >= 0


@dataclass
class KnownPrinters:
    """What is known of the printers behind every queue."""

    epoch: int = 1
    capabilities: Capabilities = DEFAULT
    supplies: tuple[Supply, ...] = ()

    def queue_capabilities(self, queue: Queue) -> Capabilities:
        return overridden(self.capabilities, queue.capabilities)

    def queue_supplies(self, queue: Queue) -> tuple[Supply, ...]:
        return tuple(replace(one, name=f"{queue.name} {one.name}") for one in self.supplies)

    def learn(self, **changes: Any) -> None:
        self.capabilities = replace(self.capabilities, **changes)
        self.epoch += 1


@dataclass
class Place:
    """The attributes under test and what they are told of the queue."""

    queued: int = 0
    active: bool = False
    standing: Standing = field(default_factory=Standing)
    printers: KnownPrinters = field(default_factory=KnownPrinters)

    def __post_init__(self) -> None:
        self.attributes = QueueAttributes(
            operations=(Operation.PRINT_JOB, Operation.GET_PRINTER_ATTRIBUTES),
            started_at=START,
            server_name="print.example.org",
            queued=lambda _queue: self.queued,
            active=lambda _queue: self.active,
            knowledge=self.printers,
            standing=lambda _queue: self.standing,
        )

    def ask(
        self,
        *words: str,
        after_s: float = 10.0,
        queue: Queue = QUEUE,
        authority: str = "print.example.org:631",
        tls: bool = True,
    ) -> Group:
        requested = (keyword("requested-attributes", *words),) if words else ()
        message = Message(
            (2, 0), Operation.GET_PRINTER_ATTRIBUTES, 1, (Group(GroupTag.OPERATION, requested),)
        )
        request = IppRequest(
            http=_http_request(tls=tls),
            message=message,
            remainder=b"",
            queue=queue,
            principal=None,
            authority=authority,
        )
        encoded = self.attributes.encoded(request, START + timedelta(seconds=after_s))
        return decode_group(encoded, IppLimits())


def _http_request(*, tls: bool) -> Request:
    head = RequestHead(
        method="POST",
        target="/ipp/print/secure",
        path="/ipp/print/secure",
        query="",
        headers=Headers({}),
        host="print.example.org",
        port=631,
        http_version=(1, 1),
        content_length=0,
        keep_alive=True,
        expects_continue=False,
    )
    return Request(head, Address("192.0.2.1", 50000, "192.0.2.2", 631), _NoBody(), tls=tls)


def test_what_tells_of_the_moment_is_of_this_moment() -> None:
    place = Place()
    first = place.ask()
    place.queued, place.active = 3, True
    busy = place.ask()
    later = place.ask(after_s=75.9)

    assert (first.integer("printer-state"), first.integer("queued-job-count")) == (3, 0)
    assert (busy.integer("printer-state"), busy.integer("queued-job-count")) == (4, 3)
    assert (busy.integer("printer-up-time"), later.integer("printer-up-time")) == (10, 75)


def test_every_client_is_told_the_address_it_uses() -> None:
    place = Place()
    secure, plain = place.ask(), place.ask(authority="192.0.2.2:631", tls=False)

    assert secure.strings("printer-uri-supported")[0] == "ipps://print.example.org:631/ipp/print/secure"
    assert secure.string("printer-more-info") == "https://print.example.org:631/"
    assert plain.strings("printer-uri-supported")[1] == "ipp://192.0.2.2:631/ipp/print/secure"
    assert plain.string("printer-more-info") == "http://192.0.2.2:631/"


def test_a_changed_queue_is_described_anew() -> None:
    place = Place()
    before = place.ask("uri-authentication-supported", "printer-info", "document-format-supported")
    changed = replace(
        QUEUE,
        authentication=Authentication.REQUIRED,
        description="Sign in here",
        formats=frozenset({"application/pdf"}),
    )
    after = place.ask(
        "uri-authentication-supported", "printer-info", "document-format-supported", queue=changed
    )

    assert before.strings("uri-authentication-supported") == ("requesting-user-name",) * 2
    assert after.strings("uri-authentication-supported") == ("basic",) * 2
    assert (before.string("printer-info"), after.string("printer-info")) == ("secure", "Sign in here")
    assert after.strings("document-format-supported") == ("application/octet-stream", "application/pdf")


@pytest.mark.parametrize("words", [("printer-state", "sides-supported"), ("job-template",), ("all",), ()])
def test_a_question_too_long_to_keep_has_the_same_answer(words: tuple[str, ...]) -> None:
    place = Place(queued=2)
    noise = tuple(f"no-such-attribute-{number}" for number in range(MAX_KEPT_QUESTION_CHARS // 20))
    asked = words or ("all",)

    assert place.ask(*asked, *noise) == place.ask(*words)


def test_only_what_is_asked_for_is_told() -> None:
    chosen = Place().ask("printer-state", "sides-supported", "no-such-attribute")

    assert [attribute.name for attribute in chosen] == ["sides-supported", "printer-state"]


def test_the_media_database_is_told_only_by_its_name() -> None:
    place = Place()

    assert "media-col-database" not in place.ask("all")
    assert "media-col-database" in place.ask("all", "media-col-database")


def test_what_printers_learn_is_told_at_once_and_dated() -> None:
    place = Place()
    asked = ("copies-supported", "printer-config-change-time")
    before = place.ask(*asked)
    same = place.ask(*asked, after_s=20)
    moment = place.attributes.moment(QUEUE)
    place.printers.learn(copies=7)
    after = place.ask(*asked, after_s=30)
    place.printers.learn(copies=7)
    later = place.ask(*asked, after_s=40)

    assert (before.integer("printer-config-change-time"), same) == (1, before)
    assert after.get("copies-supported") == range_("copies-supported", Range(1, 7))
    assert after.integer("printer-config-change-time") == 30
    assert later.integer("printer-config-change-time") == 30
    assert place.attributes.moment(QUEUE) != moment


def test_other_supplies_are_no_other_configuration() -> None:
    place = Place()
    place.ask()
    place.printers.supplies = (Supply("Black", 40, False, "toner"),)
    place.printers.learn()
    told = place.ask(after_s=30)

    assert told.strings("printer-supply-description") == ("secure Black",)
    assert told.integer("printer-config-change-time") == 1


def test_a_change_of_state_is_dated() -> None:
    place = Place()
    assert place.ask().integer("printer-state-change-time") == 1
    place.active = True
    place.attributes.look([QUEUE], START + timedelta(seconds=20))
    assert place.ask(after_s=30).integer("printer-state-change-time") == 20
    place.active = False
    assert place.ask(after_s=40).integer("printer-state-change-time") == 40


def test_what_operators_say_is_told() -> None:
    place = Place(
        active=True, standing=Standing(("paused",), stopped=True, accepting=False, message="Back soon.")
    )
    told = place.ask()

    assert told.integer("printer-state") == 5
    assert told.strings("printer-state-reasons") == ("paused",)
    assert told.boolean("printer-is-accepting-jobs") is False
    assert told.string("printer-state-message") == "Back soon."


def test_a_queue_supports_what_it_says() -> None:
    place = Place()
    mono = replace(QUEUE, capabilities=CapabilityOverrides(color=False))
    supported = place.attributes.supported_of(mono)["print-color-mode-supported"]

    assert supported.strings() == ("monochrome",)
    assert place.ask("print-color-mode-supported", queue=mono).attributes == (supported,)
    assert "pages-per-minute-color" not in place.ask(queue=mono)
    assert len(place.attributes.supported_of(QUEUE)["print-color-mode-supported"].values) == 3


def test_everything_by_name_is_what_is_told() -> None:
    place = Place()
    by_name = place.attributes.attributes_of(QUEUE, "print.example.org:631", tls=True)
    told = {attribute.name: attribute for attribute in place.ask("all", "media-col-database")}

    assert {name: told[name] for name in by_name} == by_name
    assert by_name["printer-more-info"].strings() == ("https://print.example.org:631/",)


def test_addresses_come_in_equal_numbers() -> None:
    told = Place().ask()
    numbers = {
        len(told.strings(name))
        for name in ("printer-uri-supported", "uri-security-supported", "uri-authentication-supported")
    }
    assert numbers == {2}
