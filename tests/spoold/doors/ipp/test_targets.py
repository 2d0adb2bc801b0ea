"""Which queue and job a request is about, and the envelope every request has (RFC 8011 4.1)."""

from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocols.errors import RemoteProtocolError
from protocols.http.events import Headers, RequestHead
from protocols.http.message import Address, Request
from protocols.ipp.message import Attribute, Group, Message
from protocols.ipp.operations import Operation
from protocols.ipp.status import Status
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import charset, integer, keyword, name_, natural_language, uri
from spoold.doors.ipp import targets
from spoold.doors.ipp.targets import Target, parse_path, target_of
from tests.support.ipp_door import MemoryBody

UTF8, ENGLISH = charset("attributes-charset", "utf-8"), natural_language("attributes-natural-language", "en")
QUEUE = uri("printer-uri", "ipp://print.example.org/ipp/print/secure")
KNOWN = frozenset({int(Operation.GET_JOBS)})


def posted(path: str = "/ipp/print/secure") -> Request:
    head = RequestHead("POST", path, path, "", Headers({}), "h", None, (1, 1), 0, True, False)
    return Request(head, Address("192.0.2.9", 1, "192.0.2.1", 631), MemoryBody([]), tls=True)


def found(*attributes: Attribute, path: str = "/ipp/print/secure", **fields: int) -> Target:
    group = Group(GroupTag.OPERATION, attributes)
    message = Message((2, 0), fields.get("code", Operation.GET_JOBS), fields.get("request_id", 1), (group,))
    return target_of(posted(path), message, KNOWN)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/ipp/print/secure", Target("secure")),
        ("/ipp/print/secure/12", Target("secure", 12)),
        ("/printers/secure", Target("secure")),
        ("/ipp/print/a%20b", Target("a b")),
        ("/ipp/print/secure/9999999999", Target("secure", 9_999_999_999)),
        ("/ipp/print/secure/u/abc234", Target("secure", None, "abc234")),
        ("/ipp/print/secure/u/abc234/", Target("secure", None, "abc234")),
        ("/ipp/print/secure/u/abc234/12", Target("secure", 12, "abc234")),
        ("/ipp/print/u/12", Target("u", 12)),
        ("/ipp/print/u/u/12", Target("u", None, "12")),
        (f"/ipp/print/secure/u/{'a' * 64}", Target("secure", None, "a" * 64)),
    ],
)
def test_paths_that_name_something(path: str, target: Target) -> None:
    assert parse_path(path) == target


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/ipp/print",
        "/ipp/print/",
        "/ipp/print//12",
        "/ipp/print/secure/x",
        "/ipp/print/secure/-1",
        "/ipp/print/secure/12/3",
        "/ipp/print/secure/12345678901",
        "/ipp/print/secure/\u0661",
        "/IPP/PRINT/secure",
        "/ipp/print/secure/u",
        "/ipp/print/secure/u/",
        "/ipp/print/secure/u//12",
        "/ipp/print/secure/u/abc/x",
        "/ipp/print/secure/u/abc/12/3",
        "/ipp/print/secure/u/a%62c",
        "/ipp/print/secure/u/a.b",
        f"/ipp/print/secure/u/{'a' * 65}",
        "/ipp/print/secure/U/abc",
        "/ipp/print//u/abc",
        "/printers/secure/u/abc",
        "/jobs/12",
    ],
)
def test_paths_that_name_nothing(path: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_path(path)
    assert caught.value.status_hint == 0x0406


@pytest.mark.parametrize(
    ("attributes", "target"),
    [
        ((QUEUE,), Target("secure")),
        ((QUEUE, integer("job-id", 12)), Target("secure", 12)),
        ((uri("job-uri", "ipps://h:631/ipp/print/secure/12"),), Target("secure", 12)),
        ((uri("printer-uri", "http://h/printers/secure"),), Target("secure")),
        # RFC 8011 4.1.5: with printer-uri, job-id says which job.
        ((QUEUE, uri("job-uri", "ipp://h/ipp/print/secure/99"), integer("job-id", 12)), Target("secure", 12)),
    ],
)
def test_attributes_that_name_something(attributes: tuple[Attribute, ...], target: Target) -> None:
    assert found(UTF8, ENGLISH, *attributes) == target


@pytest.mark.parametrize(
    ("attributes", "status"),
    [
        ((ENGLISH, UTF8, QUEUE), 0x0400),
        ((UTF8, QUEUE, ENGLISH), 0x0400),
        ((UTF8, ENGLISH), 0x0400),
        ((UTF8, ENGLISH, QUEUE, QUEUE), 0x0400),
        ((charset("attributes-charset", "utf-16"), ENGLISH, QUEUE), 0x040D),
        ((UTF8, ENGLISH, uri("printer-uri", "ftp://h/ipp/print/secure")), 0x040C),
        ((UTF8, ENGLISH, uri("printer-uri", "ipp://[broken/ipp/print/secure")), 0x0400),
        ((UTF8, ENGLISH, uri("printer-uri", "ipp://h/ipp/print/other")), 0x0400),
        ((UTF8, ENGLISH, uri("printer-uri", "ipp://h/queue")), 0x0406),
        ((UTF8, ENGLISH, keyword("printer-uri", "secure")), 0x040C),
    ],
)
def test_envelopes_that_are_refused(attributes: tuple[Attribute, ...], status: int) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        found(*attributes)
    assert caught.value.status_hint == status


def test_us_ascii_is_utf_8() -> None:
    assert found(charset("attributes-charset", "US-ASCII"), ENGLISH, QUEUE) == Target("secure")


def test_the_path_may_leave_the_queue_to_the_attributes() -> None:
    for path in ("/", "/ipp", "/ipp/print"):
        assert found(UTF8, ENGLISH, QUEUE, path=path) == Target("secure")


def test_two_operation_groups_are_refused() -> None:
    group = Group(GroupTag.OPERATION, (UTF8, ENGLISH, QUEUE))
    message = Message((2, 0), Operation.GET_JOBS, 1, (group, group))
    with pytest.raises(RemoteProtocolError):
        target_of(posted(), message, KNOWN)


def test_the_operation_comes_before_what_it_is_about() -> None:
    """RFC 8011 4.1.1 and 4.1.8: version, request-id, operation, in this order."""
    with pytest.raises(RemoteProtocolError) as caught:
        found(code=Operation.PRINT_URI)
    assert caught.value.status_hint == 0x0501
    with pytest.raises(RemoteProtocolError) as caught:
        found(code=Operation.PRINT_URI, request_id=0)
    assert caught.value.status_hint == 0x0400


def test_a_name_in_place_of_a_uri_is_no_queue() -> None:
    with pytest.raises(RemoteProtocolError):
        found(UTF8, ENGLISH, name_("printer-uri", "secure"))


# -- personal print URIs


PERSONAL = uri("printer-uri", "ipps://print.example.org/ipp/print/secure/u/abc234")


@pytest.mark.parametrize("path", ["/ipp/print/secure/u/abc234", "/ipp/print/secure", "/ipp/print", "/"])
def test_the_token_of_either_place_counts(path: str) -> None:
    assert found(UTF8, ENGLISH, PERSONAL, path=path).token == "abc234"
    assert found(UTF8, ENGLISH, QUEUE, path="/ipp/print/secure/u/abc234").token == "abc234"


def test_two_tokens_in_one_request_are_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="different printers"):
        found(UTF8, ENGLISH, PERSONAL, path="/ipp/print/secure/u/abc235")


def test_a_token_does_not_show_itself() -> None:
    target = found(UTF8, ENGLISH, PERSONAL)
    assert target.token not in repr(target)


def test_an_address_with_a_token_is_not_remembered() -> None:
    before = targets._known.cache_info().currsize
    for number in range(5):
        found(UTF8, ENGLISH, uri("printer-uri", f"ipps://h/ipp/print/secure/u/abc{number}"))
    assert targets._known.cache_info().currsize == before


_PART = st.text("abu/%2F.09-_ \u00e9\u0661", max_size=12)


@given(
    st.builds(
        "/".join, st.lists(st.one_of(st.sampled_from(["ipp", "print", "u", "", "q"]), _PART), max_size=8)
    )
)
@example("/ipp/print/q/u/a/1")
@settings(max_examples=400, deadline=None)
def test_every_path_is_one_thing_or_refused(path: str) -> None:
    """What is read can be written down again and means the same; nothing else is raised."""
    target, status = None, None
    try:
        target = parse_path(f"/ipp/print/{path}")
    except RemoteProtocolError as error:
        status = error.status_hint
    if target is None:
        assert status == Status.CLIENT_ERROR_NOT_FOUND
        return
    assert target.queue
    assert not target.token or target.token.isalnum()
    token = f"/u/{target.token}" if target.token else ""
    number = "" if target.job_number is None else f"/{target.job_number}"
    assert parse_path(f"/ipp/print/{quote(target.queue, safe='')}{token}{number}") == target
