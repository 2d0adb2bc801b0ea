"""The documents of a job: what they are, and nothing of what is in them or what they are called."""

from protocols.ipp.operations import Operation
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import integer, keyword, mime, name_
from tests.support.ipp_door import TEXT, IppHouse, last

NOT_FOUND, BAD_REQUEST = 0x0406, 0x0400


async def with_two_documents(door: IppHouse) -> int:
    number = await door.opened()
    for is_last in (False, True):
        name = name_("document-name", "salaries.txt")
        await door.ask(Operation.SEND_DOCUMENT, last(is_last), name, job=number, document=[TEXT])
    return number


async def test_documents_are_listed_by_number(door: IppHouse) -> None:
    number = await with_two_documents(door)
    groups = (await door.ask(Operation.GET_DOCUMENTS, job=number)).groups(GroupTag.DOCUMENT)
    assert [[attribute.name for attribute in group] for group in groups] == [["document-number"]] * 2
    assert [group.integer("document-number") for group in groups] == [1, 2]
    few = await door.ask(Operation.GET_DOCUMENTS, integer("limit", 1), job=number)
    assert [group.integer("document-number") for group in few.groups(GroupTag.DOCUMENT)] == [1]


async def test_what_is_told_of_a_document(door: IppHouse) -> None:
    number = await with_two_documents(door)
    second = integer("document-number", 2)
    reply = await door.ask(Operation.GET_DOCUMENT_ATTRIBUTES, second, job=number)
    shown = reply.group(GroupTag.DOCUMENT)
    assert shown.integer("document-job-id") == number
    assert shown.string("document-format") == "text/plain"
    assert (shown.integer("document-state"), shown.integer("k-octets")) == (3, 1)
    assert shown.boolean("last-document") is True
    assert shown.string("document-name") == "private"
    assert shown.string("document-printer-uri") == "ipps://print.example.org:631/ipp/print/open"


async def test_only_what_is_asked_for(door: IppHouse) -> None:
    number = await with_two_documents(door)
    asked = keyword("requested-attributes", "document-format"), integer("document-number", 1)
    reply = await door.ask(Operation.GET_DOCUMENT_ATTRIBUTES, *asked, job=number)
    assert [attribute.name for attribute in reply.group(GroupTag.DOCUMENT)] == ["document-format"]


async def test_a_document_that_is_not_there(door: IppHouse) -> None:
    number = await with_two_documents(door)
    third = integer("document-number", 3)
    assert (await door.ask(Operation.GET_DOCUMENT_ATTRIBUTES, third, job=number)).status == NOT_FOUND
    assert (await door.ask(Operation.GET_DOCUMENT_ATTRIBUTES, job=number)).status == BAD_REQUEST


async def test_a_document_is_validated_without_it(door: IppHouse) -> None:
    text, tiff = mime("document-format", "text/plain"), mime("document-format", "image/tiff")
    assert (await door.ask(Operation.VALIDATE_DOCUMENT, text)).status == 0
    refused = await door.ask(Operation.VALIDATE_DOCUMENT, tiff)
    assert (refused.status, refused.unsupported.attributes) == (0x040A, (tiff,))
    assert (await door.ask(Operation.VALIDATE_DOCUMENT, text, queue="secure")).http == 401
    assert await door.jobs() == []


async def test_strangers_hear_nothing_of_a_job_s_documents(door: IppHouse) -> None:
    number = await with_two_documents(door)
    for operation in (Operation.GET_DOCUMENTS, Operation.GET_DOCUMENT_ATTRIBUTES):
        asked = await door.ask(operation, job=number, user="ben", peer="192.0.2.1")
        assert asked.status == NOT_FOUND
