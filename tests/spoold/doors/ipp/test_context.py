"""Answers: what they begin with, what they leave out, and how documents are read."""

from protocols.http.events import Headers, RequestHead
from protocols.http.message import Address, Request
from protocols.ipp.message import Group
from protocols.ipp.operations import Operation
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import keyword
from spoold.doors.ipp.context import MAX_STATUS_MESSAGE_OCTETS, IppRequest, answer, answer_version
from tests.support.ipp_door import MemoryBody, request_for
from tests.support.release_house import queue

ASKED = request_for(Operation.PRINT_JOB, request_id=99)


def request(*pieces: bytes, remainder: bytes = b"", tls: bool = True) -> IppRequest:
    head = RequestHead("POST", "/", "/", "", Headers({}), "h", 631, (1, 1), None, True, False)
    http = Request(head, Address("192.0.2.9", 1, "192.0.2.1", 631), MemoryBody(pieces), tls=tls)
    return IppRequest(http, ASKED, remainder, queue("open", "lobby"), None, "h:631")


def test_an_answer_begins_as_the_rfc_wants_it() -> None:
    """RFC 8011 4.1.4.2: charset and language first, then the words, then what was not supported."""
    unsupported = keyword("sides", "three")
    built = answer(ASKED, 0x040B, words="No.", unsupported=[unsupported], groups=[Group(GroupTag.JOB)])
    assert (built.version, built.code, built.request_id) == ((2, 0), 0x040B, 99)
    assert [group.tag for group in built.groups] == [GroupTag.OPERATION, GroupTag.UNSUPPORTED, GroupTag.JOB]
    names = [attribute.name for attribute in built.group(GroupTag.OPERATION)]
    assert names == ["attributes-charset", "attributes-natural-language", "status-message"]


def test_nothing_to_say_is_left_out() -> None:
    built = answer(ASKED)
    assert [group.tag for group in built.groups] == [GroupTag.OPERATION]
    assert "status-message" not in built.group(GroupTag.OPERATION)


def test_long_words_are_cut() -> None:
    """RFC 8011 4.1.6.2: text(255)."""
    words = answer(ASKED, words="ü" * 400).group(GroupTag.OPERATION).string("status-message")
    assert words is not None
    assert MAX_STATUS_MESSAGE_OCTETS - 1 <= len(words.encode()) <= MAX_STATUS_MESSAGE_OCTETS


def test_versions() -> None:
    asked = [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2), (9, 9), (0, 1)]
    answered = [(1, 0), (1, 1), (1, 1), (2, 0), (2, 0), (2, 0), (2, 0), (1, 1)]
    assert [answer_version(version) for version in asked] == answered


async def test_the_document_begins_with_what_came_with_the_attributes() -> None:
    found = request(b"second", b"third", remainder=b"first")
    assert [piece async for piece in found.document()] == [b"first", b"second", b"third"]


async def test_looking_for_a_document_loses_nothing_of_it() -> None:
    found = request(b"first", b"second")
    assert await found.has_document()
    assert await found.has_document()
    assert [piece async for piece in found.document()] == [b"first", b"second"]
    assert not await request().has_document()


def test_a_request_says_how_it_came() -> None:
    assert request().requesting_user_name == "ana"
    assert request().protocol == "ipps"
    assert request(tls=False).protocol == "ipp"


def test_a_document_is_not_shown_by_repr() -> None:
    assert "secret" not in repr(request(remainder=b"secret"))
