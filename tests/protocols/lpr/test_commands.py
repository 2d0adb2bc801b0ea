"""Command lines are read strictly; the two meanings of a code are told apart."""

import pytest

from protocols.errors import RemoteProtocolError
from protocols.limits import LprLimits
from protocols.lpr.commands import (
    AbortJob,
    PrintWaiting,
    QueueState,
    ReceiveJob,
    RemoveJobs,
    SubcommandControlFile,
    SubcommandDataFile,
    find_subcommand,
    parse_command,
    parse_subcommand,
)

LIMITS = LprLimits()


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (b"\x01secure", PrintWaiting("secure")),
        (b"\x02secure", ReceiveJob("secure")),
        (b"\x02secure\r", ReceiveJob("secure")),
        (b"\x03secure", QueueState("secure", False, ())),
        (b"\x03secure ", QueueState("secure", False, ())),
        (b"\x04secure anna 42", QueueState("secure", True, ("anna", "42"))),
        (b"\x05secure anna", RemoveJobs("secure", "anna", ())),
        (b"\x05secure anna 42 bob", RemoveJobs("secure", "anna", ("42", "bob"))),
        (b"\x02\xc3\xbcben", ReceiveJob("üben")),
    ],
)
def test_daemon_commands(line: bytes, event: object) -> None:
    assert parse_command(line) == event


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\x01",
        b"\x02 ",
        b"\x03",
        b"\x05secure",
        b"\x06secure",
        b"\x02two words",
        b"GET / HTTP/1.1",
        b"\0q",
    ],
)
def test_what_is_no_daemon_command(line: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_command(line)


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (b"\x01", AbortJob()),
        (b"\x02123 cfA001host", SubcommandControlFile("cfA001host", 123)),
        (b"\x02123  cfA001host\r", SubcommandControlFile("cfA001host", 123)),
        (b"\x03123 dfA001host", SubcommandDataFile("dfA001host", 123)),
        (b"\x030 dfA001host", SubcommandDataFile("dfA001host", None)),
        (b"\x034294967296 dfA001my host", SubcommandDataFile("dfA001my host", 4294967296)),
    ],
)
def test_subcommands(line: bytes, event: object) -> None:
    assert parse_subcommand(line, LIMITS) == event


@pytest.mark.parametrize(
    "line",
    [
        b"\x02",
        b"\x02cfA001host",
        b"\x02 123",
        b"\x020 cfA001host",
        b"\x02-1 cfA001host",
        b"\x02%d cfA001host" % (LIMITS.max_control_file_bytes + 1),
        b"\x03123",
        b"\x03+123 dfA001host",
        b"\x03\xd9\xa1 dfA001host",
        b"\x031 df\x00A001host",
        b"\x031 dfA" + b"h" * LIMITS.max_line_bytes,
        b"\x03" + b"9" * 21 + b" dfA001host",
        b"\x04secure",
    ],
)
def test_what_is_no_subcommand(line: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_subcommand(line, LIMITS)


def test_a_control_file_of_the_largest_size_is_taken() -> None:
    size = LIMITS.max_control_file_bytes
    assert parse_subcommand(b"\x02%d cfA001h" % size, LIMITS) == SubcommandControlFile("cfA001h", size)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"\x01", True),
        (b"\x01queue", False),
        (b"\x02queue", False),
        (b"\x02123", False),
        (b"\x02123 cfA001host", True),
        (b"\x03123 dfA001host", True),
        (b"\x03queue anna", False),
        (b"\x05queue anna", False),
    ],
)
def test_codes_with_two_meanings(line: bytes, expected: bool) -> None:
    assert (find_subcommand(line, LprLimits()) is not None) is expected
