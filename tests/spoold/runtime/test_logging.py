"""The log goes where it should, hides what it must, and cannot be forged by its values."""

import io
import json
import logging as stdlib_logging
import os
import pty
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from spoold.runtime.logging import (
    MAX_VALUE_CHARS,
    choose_format,
    configure_logging,
    is_private,
    journal_datagram,
)


@pytest.fixture(autouse=True)
def _restored_logging() -> Iterator[None]:
    root = stdlib_logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def stream() -> io.StringIO:
    output = io.StringIO()
    assert configure_logging(environ={}, stream=output) == "json"
    return output


def lines(output: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


def parse_journal(datagram: bytes) -> dict[str, bytes]:
    """Read the native protocol as systemd-journald does."""
    fields: dict[str, bytes] = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        if b"=" in line:
            name, _, value = line.partition(b"=")
            datagram = rest
        else:
            name = line
            (size,) = struct.unpack_from("<Q", rest)
            value = rest[8 : 8 + size]
            assert rest[8 + size : 9 + size] == b"\n"
            datagram = rest[9 + size :]
        fields[name.decode()] = value
    return fields


@pytest.mark.parametrize(
    "key",
    [
        "password", "bind_password", "bindPassword", "PIN", "job-pin", "title", "job_title", "document_name",
        "document-name", "job_name", "Authorization", "api_token", "Set-Cookie", "csrf",
    ],
)  # fmt: skip
def test_private_names_are_recognised_in_every_spelling(key: str) -> None:
    assert is_private(key)


@pytest.mark.parametrize(
    "key", ["printer", "job_uuid", "pinned", "shipping", "entitled", "event", "queue", "user_id"]
)
def test_harmless_names_are_not_masked(key: str) -> None:
    assert not is_private(key)


def test_private_values_are_masked_at_every_depth(stream: io.StringIO) -> None:
    structlog.get_logger().info(
        "submitted", title="CANARY", request={"headers": [{"authorization": "Basic CANARY"}]}, data=b"CANARY"
    )
    assert "CANARY" not in stream.getvalue()
    (line,) = lines(stream)
    assert line["title"] == "[masked]"
    assert line["request"] == {"headers": [{"authorization": "[masked]"}]}
    assert line["data"] == "[6 bytes]"


def test_bound_context_is_merged_and_masked_too(stream: io.StringIO) -> None:
    structlog.contextvars.bind_contextvars(job_uuid="4f1c", document_name="CANARY")
    structlog.get_logger().info("held")
    (line,) = lines(stream)
    assert (line["event"], line["job_uuid"], line["document_name"]) == ("held", "4f1c", "[masked]")
    assert line["level"] == "info"
    assert str(line["timestamp"]).endswith("Z")


def test_values_are_cut_and_depth_is_bounded(stream: io.StringIO) -> None:
    deep: dict[str, object] = {}
    for _ in range(50):
        deep = {"in": deep}
    structlog.get_logger().info(
        "odd", long="x" * (MAX_VALUE_CHARS + 1), fits="y" * MAX_VALUE_CHARS, deep=deep
    )
    (line,) = lines(stream)
    assert line["long"] == "x" * MAX_VALUE_CHARS + "[cut]"
    assert line["fits"] == "y" * MAX_VALUE_CHARS
    assert stream.getvalue().count('"in"') <= 6


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_tracebacks_show_no_local_variables(log_format: str) -> None:
    output = io.StringIO()
    configure_logging(environ={}, stream=output, log_format="console" if log_format == "console" else "json")
    document = "CANARY of the document"
    try:
        raise RuntimeError(len(document))
    except RuntimeError:
        structlog.get_logger().exception("crashed")
    assert "RuntimeError" in output.getvalue()
    assert "CANARY" not in output.getvalue().replace('document = "CANARY of the document"', "")


def test_a_newline_in_a_value_stays_inside_one_json_line(stream: io.StringIO) -> None:
    structlog.get_logger().info("refused", peer='x"\n{"event": "forged"}')
    assert [line["event"] for line in lines(stream)] == ["refused"]


def test_a_terminal_is_not_driven_by_values() -> None:
    output = io.StringIO()
    configure_logging(environ={}, stream=output, log_format="console")
    structlog.get_logger().info("refused", peer="\x1b]0;owned\x07\nforged line")
    written = output.getvalue()
    assert "\x1b]0" not in written
    assert "\x07" not in written
    assert written.count("\n") == 1
    assert "\\x1b]0;owned" in written


def test_levels_below_the_threshold_are_dropped() -> None:
    output = io.StringIO()
    configure_logging(environ={}, stream=output, level="warning")
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    assert [line["event"] for line in lines(output)] == ["loud"]


def test_libraries_speak_through_the_same_log(stream: io.StringIO) -> None:
    stdlib_logging.getLogger("sqlalchemy.engine").info("SELECT secret")
    stdlib_logging.getLogger("hypercorn.error").warning("trouble %d", 7)
    (line,) = lines(stream)
    assert (line["library"], line["text"], line["level"]) == ("hypercorn.error", "trouble 7", "warning")


def test_the_format_follows_where_the_stream_leads(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as file:
        status = os.fstat(file.fileno())
        assert choose_format({}, file) == "json"
        assert choose_format({"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}, file) == "journal"
        assert choose_format({"JOURNAL_STREAM": "1:1"}, file) == "json"
    primary, secondary = pty.openpty()
    with os.fdopen(secondary, "w") as terminal:
        assert choose_format({}, terminal) == "console"
    os.close(primary)


def test_a_value_cannot_forge_a_journal_field() -> None:
    event = {
        "event": "refused",
        "level": "warning",
        "user": "eve\nPRIORITY=0\nMESSAGE=forged",
        "PRIORITY": "0",
    }
    fields = parse_journal(journal_datagram(event))
    assert fields["PRIORITY"] == b"4"
    assert fields["SPOOLD_USER"] == b"eve\nPRIORITY=0\nMESSAGE=forged"
    assert fields["SPOOLD_PRIORITY"] == b"0"
    assert fields["MESSAGE"].startswith(b"refused user=eve")
    assert fields["SYSLOG_IDENTIFIER"] == b"spoold"


def test_a_field_name_cannot_break_the_datagram() -> None:
    fields = parse_journal(journal_datagram({"event": "x", "level": "info", "a\nPRIORITY=0 b": 1}))
    assert fields["SPOOLD_A_PRIORITY_0_B"] == b"1"
    assert fields["PRIORITY"] == b"6"


def test_events_reach_the_journal_socket_and_fall_back_when_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    output = io.StringIO()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(path))
        configure_logging(environ={}, stream=output, log_format="journal", journal_path=path)
        structlog.get_logger().error("printer gone", printer="lobby", password="CANARY")
        fields = parse_journal(journal.recv(65536))
    assert fields["PRIORITY"] == b"3"
    assert fields["SPOOLD_PRINTER"] == b"lobby"
    assert b"CANARY" not in b"".join(fields.values())
    assert output.getvalue() == ""
    structlog.get_logger().error("journal gone")
    assert [line["event"] for line in lines(output)] == ["journal gone"]


def test_surrogates_from_file_names_do_not_stop_the_log() -> None:
    fields = parse_journal(journal_datagram({"event": "odd", "level": "info", "path": "\udcff"}))
    assert fields["SPOOLD_PATH"] == b"\\udcff"
