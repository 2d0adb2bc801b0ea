"""From an HTTP request to an operation: what is turned away, who is challenged, and how."""

import pytest
from prometheus_client import generate_latest

from protocols.errors import RemoteProtocolError
from protocols.ipp.encoder import encode
from protocols.ipp.message import Group, Message
from protocols.ipp.operations import Operation
from protocols.ipp.values import boolean, integer, keyword
from spoold.doors.ipp.declarations import OPERATIONS, Object
from spoold.model.errors import Busy, TooManyAttempts
from spoold.model.jobstate import JobState
from tests.support.ipp_door import TEXT, IppHouse, MemoryBody, last, request_for

NOT_AUTHENTICATED, NOT_AUTHORIZED = 0x0402, 0x0403
PRINT = encode(request_for(Operation.PRINT_JOB)) + TEXT
CREATIONS = (Operation.VALIDATE_JOB, Operation.CREATE_JOB, Operation.PRINT_JOB)


# -- what is not IPP


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/ipp/print/open", {"origin": "https://evil.example"}, 403),
        ("POST", "/ipp/print/open", {"origin": "null"}, 403),
        ("POST", "/ipp/print/open", {"sec-fetch-site": "cross-site"}, 403),
        ("POST", "/ipp/print/open", {"sec-fetch-mode": "no-cors"}, 403),
        ("GET", "/ipp/print/open", {"sec-fetch-dest": "image"}, 403),
        ("POST", "/ipp/print/open", {"content-type": "text/plain"}, 415),
        ("POST", "/ipp/print/open", {"content-type": "application/x-www-form-urlencoded"}, 415),
        ("POST", "/ipp/print/open", {"content-type": "application/ipp; charset=utf-8"}, 415),
        ("POST", "/ipp/print/open", {"content-type": ""}, 415),
        ("PUT", "/ipp/print/open", {}, 405),
        ("DELETE", "/ipp/print/open", {}, 405),
        ("OPTIONS", "/ipp/print/open", {}, 405),
        ("GET", "/ipp/print/open", {}, 404),
        ("HEAD", "/jobs", {}, 404),
        ("GET", "/", {}, 200),
    ],
)
async def test_what_is_not_ipp_changes_nothing(
    door: IppHouse, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    """Web pages cannot print: browsers say so themselves, or cannot send the content type."""
    body = MemoryBody([PRINT])
    reply = await door.send(body, method=method, path=path, headers=headers)
    assert reply.http == status
    assert body.left == [PRINT]
    assert await door.jobs() == []


async def test_what_this_server_takes_can_be_asked_for(door: IppHouse) -> None:
    """CUPS asks this first where encryption is required."""
    reply = await door.send([], method="OPTIONS", path="*")
    assert (reply.http, reply.field("Allow")) == (200, "GET, HEAD, POST")


async def test_a_405_names_what_is_allowed(door: IppHouse) -> None:
    assert (await door.send([], method="PATCH")).field("Allow") == "GET, HEAD, POST"


# -- requests that cannot be read


async def test_a_message_that_ends_early_is_answered_as_far_as_it_was_read(door: IppHouse) -> None:
    reply = await door.send([PRINT[:30]])
    assert (reply.http, reply.status) == (200, 0x0400)
    assert reply.message is not None
    assert reply.message.request_id == 7


async def test_what_has_not_even_a_head_is_an_error_of_http(door: IppHouse) -> None:
    with pytest.raises(RemoteProtocolError):
        await door.send([b"\x02"])
    assert b'spoold_protocol_errors_total{protocol="ipp"} 1.0' in generate_latest(door.house.metrics.registry)


@pytest.mark.parametrize(
    ("version", "answered", "status"),
    [
        ((1, 0), (1, 0), 0),
        ((1, 1), (1, 1), 0),
        ((1, 9), (1, 1), 0),
        ((2, 0), (2, 0), 0),
        ((2, 2), (2, 0), 0),
        ((0, 9), (1, 1), 0x0503),
        ((3, 0), (2, 0), 0x0503),
    ],
)
async def test_versions(
    door: IppHouse, version: tuple[int, int], answered: tuple[int, int], status: int
) -> None:
    """Answered in the version asked for, or the highest one below it that we speak."""
    message = request_for(Operation.GET_PRINTER_ATTRIBUTES, version=version)
    reply = await door.send([encode(message)])
    assert reply.message is not None
    assert (reply.message.version, reply.status) == (answered, status)


async def test_an_unknown_queue_is_not_found(door: IppHouse) -> None:
    reply = await door.ask(Operation.GET_PRINTER_ATTRIBUTES, queue="none")
    assert reply.status == 0x0406
    assert "none" in reply.words


async def test_a_job_operation_without_a_job_is_a_bad_request(door: IppHouse) -> None:
    for declaration in OPERATIONS:
        if declaration.about is Object.JOB:
            assert (await door.ask(declaration.operation, user="ana")).status == 0x0400


# -- who is challenged


@pytest.mark.parametrize("operation", CREATIONS)
async def test_a_queue_that_wants_proof_challenges_every_way_in_alike(
    door: IppHouse, operation: Operation
) -> None:
    """Basic first; a first 401 at Send-Document would lose the job (ipp reference 3.7)."""
    body = MemoryBody([encode(request_for(operation, queue="secure")), TEXT])
    reply = await door.send(body, queue="secure")
    assert reply.http == 401
    assert [value for name, value in reply.response.headers if name == "WWW-Authenticate"] == [
        'Basic realm="spoold", charset="UTF-8"'
    ]
    assert body.left == [TEXT]
    assert await door.jobs() == []


@pytest.mark.parametrize("operation", CREATIONS)
async def test_a_queue_that_asks_at_release_challenges_nobody(door: IppHouse, operation: Operation) -> None:
    reply = await door.ask(operation, document=[TEXT] if operation is Operation.PRINT_JOB else ())
    assert (reply.http, reply.status) == (200, 0)


@pytest.mark.parametrize(
    "authorization",
    ["Basic !!!", "Basic YW5h", "Basic", "Bearer YW5hOnJpZ2h0", "Negotiate YII", "Basic YW5hOndyb25n"],
)
async def test_credentials_that_prove_nobody_are_challenged(door: IppHouse, authorization: str) -> None:
    """Also where nobody had to be proven: whoever tried to sign in did not mean to be anonymous."""
    reply = await door.ask(Operation.PRINT_JOB, document=[TEXT], headers={"authorization": authorization})
    assert reply.http == 401
    assert await door.jobs() == []


async def test_throttled_people_are_challenged_and_told_so(door: IppHouse) -> None:
    door.people.error = TooManyAttempts("Too many attempts; wait 30 seconds.", retry_after_s=30.0, first=True)
    reply = await door.ask(Operation.CREATE_JOB, user="ana")
    assert reply.http == 401
    assert b"wait 30 seconds" in reply.response.body


async def test_a_busy_identity_is_no_challenge(door: IppHouse) -> None:
    """The password may be right: the client comes again by itself."""
    door.people.error = Busy("Too many people are signing in.")
    reply = await door.ask(Operation.CREATE_JOB, user="ana")
    assert (reply.http, reply.status) == (200, 0x0507)


async def test_people_who_are_known_hear_words_instead_of_a_challenge(door: IppHouse) -> None:
    """An old proof at Release-Job: another 401 would only have the client send the same again."""
    number = await door.held(user="ana")
    door.people.age_s = 600
    reply = await door.ask(Operation.RELEASE_JOB, job=number, user="ana")
    assert (reply.http, reply.status) == (200, NOT_AUTHENTICATED)
    assert "password" in reply.words


async def test_the_password_is_checked_anew_before_paper_comes_out(door: IppHouse) -> None:
    number = await door.held(user="ana")
    door.people.asked.clear()
    for declaration in OPERATIONS:
        await door.ask(declaration.operation, job=number, user="ben")
    fresh = {
        declaration.operation
        for declaration, (_, is_fresh) in zip(OPERATIONS, door.people.asked, strict=True)
        if is_fresh
    }
    assert fresh == {Operation.RELEASE_JOB, Operation.SET_JOB_ATTRIBUTES, Operation.CANCEL_JOBS}


@pytest.mark.parametrize("user", [None, "ben"])
async def test_a_job_of_somebody_else_is_answered_as_one_that_does_not_exist(
    door: IppHouse, user: str | None
) -> None:
    number = await door.held(user="ana", queue="secure", peer="192.0.2.7")
    for declaration in OPERATIONS:
        if declaration.about is Object.JOB:
            replies = [
                await door.ask(declaration.operation, last(), job=asked, user=user, queue="secure")
                for asked in (number, number + 1000)
            ]
            assert replies[0].response == replies[1].response
            # At Send-Document "not found" would stop the queue of a CUPS client.
            status = 0x0404 if declaration.operation is Operation.SEND_DOCUMENT else 0x0406
            assert (replies[0].http, replies[0].status) == ((401, -1) if user is None else (200, status))
    assert (await door.job(number)).state is JobState.HELD


async def test_identify_printer_is_for_operators(door: IppHouse) -> None:
    assert (await door.ask(Operation.IDENTIFY_PRINTER)).http == 401
    refused = await door.ask(Operation.IDENTIFY_PRINTER, user="ana")
    assert refused.status == NOT_AUTHORIZED
    assert "job" not in refused.words
    assert (await door.ask(Operation.IDENTIFY_PRINTER, user="oskar")).status == 0


# -- open lines


@pytest.mark.parametrize("operation", CREATIONS)
@pytest.mark.parametrize("user", [None, "ana"])
async def test_no_password_is_asked_for_or_taken_on_an_open_line(
    door: IppHouse, operation: Operation, user: str | None
) -> None:
    """Words, not a challenge: a client that is challenged sends the password for everybody to read."""
    reply = await door.ask(operation, queue="secure", user=user, tls=False, document=[TEXT])
    assert (reply.http, reply.status) == (200, NOT_AUTHORIZED)
    assert reply.field("WWW-Authenticate") is None
    assert "ipps://" in reply.words
    assert door.people.asked == []
    assert await door.jobs() == []


async def test_what_needs_a_person_is_not_challenged_on_an_open_line_either(door: IppHouse) -> None:
    number = await door.held(user="ana", queue="secure")
    for declaration in OPERATIONS:
        if declaration.about is Object.JOB or declaration.operation is Operation.CANCEL_MY_JOBS:
            reply = await door.ask(
                declaration.operation, last(), job=number, queue="secure", tls=False, peer="192.0.2.77"
            )
            assert (reply.http, reply.status) == (200, NOT_AUTHORIZED)


async def test_an_open_line_is_good_enough_where_nobody_signs_in(door: IppHouse) -> None:
    reply = await door.ask(Operation.PRINT_JOB, document=[TEXT], tls=False)
    assert reply.status == 0
    (job,) = await door.jobs()
    assert (job.protocol, job.state, job.owner_id) == ("ipp", JobState.HELD, None)


@pytest.mark.parametrize(
    ("peer", "is_private"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::1234", False),
        ("::1:7", False),
        ("1270.0.0.1", False),
        ("192.0.2.9", False),
        ("fe80::1%eth0", False),
        ("", False),
    ],
)
async def test_only_this_machine_may_sign_in_without_tls(door: IppHouse, peer: str, is_private: bool) -> None:
    reply = await door.ask(
        Operation.PRINT_JOB, queue="secure", user="ana", tls=False, peer=peer, document=[TEXT]
    )
    assert reply.status == (0 if is_private else NOT_AUTHORIZED)


# -- the table


async def test_what_the_table_does_not_name_is_not_supported(door: IppHouse) -> None:
    declared = {declaration.operation for declaration in OPERATIONS}
    for code in {*Operation} - declared:
        assert (await door.ask(code, job=1, user="ada")).status == 0x0501


async def test_operations_supported_is_the_table(door: IppHouse) -> None:
    reply = await door.ask(
        Operation.GET_PRINTER_ATTRIBUTES, keyword("requested-attributes", "operations-supported")
    )
    found = reply.printer.get("operations-supported")
    assert found is not None
    assert [value.data for value in found.values] == [declaration.operation for declaration in OPERATIONS]


async def test_answers_carry_the_request_s_number(door: IppHouse) -> None:
    message = request_for(Operation.GET_JOBS, request_id=0x7FFFFFFF)
    reply = await door.send([encode(message)])
    assert reply.message is not None
    assert reply.message.request_id == 0x7FFFFFFF
    refused = await door.send([encode(request_for(Operation.GET_JOBS, request_id=0))])
    assert refused.status == 0x0400


async def test_a_repeated_attribute_is_refused(door: IppHouse) -> None:
    reply = await door.ask(Operation.GET_JOBS, boolean("my-jobs", True), boolean("my-jobs", False))
    assert reply.status == 0x0400


async def test_a_request_without_operation_attributes_is_refused(door: IppHouse) -> None:
    message = Message((2, 0), Operation.GET_JOBS, 1, (Group(2, (integer("copies", 1),)),))
    assert (await door.send([encode(message)])).status == 0x0400
