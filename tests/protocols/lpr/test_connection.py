"""The conversation follows RFC 1179, in both orders, at every way to cut it into pieces."""

import itertools

import pytest

from protocols.errors import LocalProtocolError, RemoteProtocolError
from protocols.limits import LprLimits
from protocols.lpr.commands import (
    AbortJob,
    ConnectionClosed,
    ControlFileRead,
    DataEnd,
    DataPiece,
    Event,
    FileComplete,
    JobComplete,
    PrintWaiting,
    QueueState,
    ReceiveJob,
    RemoveJobs,
    SubcommandControlFile,
    SubcommandDataFile,
)
from protocols.lpr.connection import MAX_PIECE_BYTES, MAX_STRAY_NULS, TRANSITIONS, LprConnection, State

CONTROL = b"Hhost\nPanna\nJnotes\nldfA001host\nUdfA001host\nNnotes.txt\n"
TWO_FILES = b"Hhost\nPanna\nldfA001host\nldfB001host\n"
DATA = b"%PDF-1.7 with \x00 zeros \x01 and \n lines"
ANSWERED = (
    PrintWaiting,
    ReceiveJob,
    RemoveJobs,
    AbortJob,
    SubcommandControlFile,
    SubcommandDataFile,
    FileComplete,
    JobComplete,
)


def control_file(raw: bytes = CONTROL, name: bytes = b"cfA001host") -> bytes:
    return b"\x02%d %s\n%s\0" % (len(raw), name, raw)


def data_file(
    raw: bytes = DATA, name: bytes = b"dfA001host", count: int | None = None, end: bytes = b"\0"
) -> bytes:
    return b"\x03%d %s\n%s%s" % (len(raw) if count is None else count, name, raw, end)


class Conversation:
    """Drives a connection, accepting everything."""

    def __init__(self, limits: LprLimits | None = None) -> None:
        self.connection = LprConnection(limits or LprLimits())
        self.events: list[Event] = []
        self.answers = b""

    def feed(self, data: bytes, *, eof: bool = False) -> "Conversation":
        if data:
            self.connection.receive_data(data)
        self._pull()
        if eof:
            self.connection.receive_data(b"")
            self._pull()
        return self

    def _pull(self) -> None:
        while self.connection.state not in (State.CLOSED, State.BROKEN):
            event = self.connection.next_event()
            if event is None:
                return
            self.events.append(event)
            if isinstance(event, QueueState):
                self.answers += self.connection.report("empty\n")
            elif isinstance(event, ANSWERED):
                self.answers += self.connection.answer(True)

    @property
    def kinds(self) -> list[str]:
        """Return the events' names, pieces of data taken together."""
        return [name for name, _ in itertools.groupby(type(event).__name__ for event in self.events)]

    @property
    def document(self) -> bytes:
        return b"".join(event.data for event in self.events if isinstance(event, DataPiece))


CONTROL_FIRST = b"\x02secure\n" + control_file() + data_file()
DATA_FIRST = b"\x02secure\n" + data_file() + control_file()


def test_control_first() -> None:
    conversation = Conversation().feed(CONTROL_FIRST, eof=True)
    assert conversation.kinds == [
        "ReceiveJob",
        "SubcommandControlFile",
        "ControlFileRead",
        "FileComplete",
        "SubcommandDataFile",
        "DataPiece",
        "DataEnd",
        "JobComplete",
        "ConnectionClosed",
    ]
    assert conversation.document == DATA
    assert conversation.answers == b"\0" * 5
    assert conversation.events[0] == ReceiveJob("secure")
    assert DataEnd("dfA001host", len(DATA)) in conversation.events


def test_data_first() -> None:
    conversation = Conversation().feed(DATA_FIRST, eof=True)
    assert conversation.kinds == [
        "ReceiveJob",
        "SubcommandDataFile",
        "DataPiece",
        "DataEnd",
        "FileComplete",
        "SubcommandControlFile",
        "ControlFileRead",
        "JobComplete",
        "ConnectionClosed",
    ]
    assert conversation.document == DATA
    read = next(event for event in conversation.events if isinstance(event, ControlFileRead))
    assert read.control.user == "anna"


@pytest.mark.parametrize("stream", [CONTROL_FIRST, DATA_FIRST], ids=["control-first", "data-first"])
def test_any_cut_into_two_gives_the_same(stream: bytes) -> None:
    whole = Conversation().feed(stream, eof=True)
    for at in range(len(stream)):
        cut = Conversation().feed(stream[:at]).feed(stream[at:], eof=True)
        assert (cut.kinds, cut.document, cut.answers) == (whole.kinds, whole.document, whole.answers)


def test_byte_by_byte_gives_the_same() -> None:
    conversation = Conversation()
    for byte in CONTROL_FIRST:
        conversation.feed(bytes([byte]))
    conversation.feed(b"", eof=True)
    assert conversation.kinds == Conversation().feed(CONTROL_FIRST, eof=True).kinds
    assert conversation.document == DATA


@pytest.mark.parametrize(
    "files",
    [
        [control_file(TWO_FILES), data_file(), data_file(b"two", b"dfB001host")],
        [data_file(), data_file(b"two", b"dfB001host"), control_file(TWO_FILES)],
        [data_file(), control_file(TWO_FILES), data_file(b"two", b"dfB001host")],
    ],
    ids=["control-first", "data-first", "control-between"],
)
def test_several_files_make_one_job_that_ends_with_the_last(files: list[bytes]) -> None:
    conversation = Conversation().feed(b"\x02secure\n" + b"".join(files[:2]))
    assert "JobComplete" not in conversation.kinds
    conversation.feed(files[2], eof=True)
    assert conversation.kinds.count("JobComplete") == 1
    assert conversation.kinds[-1] == "ConnectionClosed"
    assert conversation.document == DATA + b"two"


def test_several_jobs_on_one_connection_announced_or_not() -> None:
    second = control_file(CONTROL.replace(b"001", b"002"), b"cfA002host") + data_file(name=b"dfA002host")
    third = control_file(CONTROL.replace(b"001", b"003"), b"cfA003host") + data_file(name=b"dfA003host")
    conversation = Conversation().feed(CONTROL_FIRST + second + b"\x02other\n" + third, eof=True)
    assert conversation.kinds.count("JobComplete") == 3
    assert [event.queue for event in conversation.events if isinstance(event, ReceiveJob)] == [
        "secure",
        "other",
    ]


def test_data_first_jobs_may_reuse_their_number() -> None:
    conversation = Conversation().feed(DATA_FIRST + data_file() + control_file(), eof=True)
    assert conversation.kinds.count("JobComplete") == 2


def test_more_data_than_the_control_file_names_is_refused_not_lost() -> None:
    with pytest.raises(RemoteProtocolError, match="no job"):
        Conversation().feed(CONTROL_FIRST + data_file(name=b"dfB001host"))


@pytest.mark.parametrize("count", [0, 0x7FFFFFFF, 0xFFFFFFFF, 999_999_999_999, 2**63])
def test_an_unknown_size_ends_with_the_connection(count: int) -> None:
    stream = b"\x02secure\n" + control_file() + data_file(count=count, end=b"")
    conversation = Conversation().feed(stream)
    assert "DataEnd" not in conversation.kinds
    conversation.feed(b"", eof=True)
    assert SubcommandDataFile("dfA001host", None) in conversation.events
    assert conversation.document == DATA
    assert conversation.kinds[-3:] == ["DataEnd", "JobComplete", "ConnectionClosed"]


def test_zero_bytes_at_the_end_of_an_unknown_size_belong_to_the_document() -> None:
    stream = b"\x02secure\n" + control_file() + data_file(count=0, end=b"\0\0")
    assert Conversation().feed(stream, eof=True).document == DATA + b"\0\0"


def test_an_unknown_size_without_a_control_file_is_no_job() -> None:
    conversation = Conversation().feed(b"\x02secure\n" + data_file(count=0, end=b""), eof=True)
    assert conversation.kinds[-2:] == ["FileComplete", "ConnectionClosed"]


def test_sizes_beyond_two_gib_are_counted() -> None:
    size = 2**31 + 5
    conversation = Conversation().feed(b"\x02secure\n" + control_file() + b"\x03%d dfA001host\n" % size)
    assert conversation.events[-1] == SubcommandDataFile("dfA001host", size)
    conversation.feed(DATA)
    with pytest.raises(RemoteProtocolError, match="inside a document"):
        conversation.feed(b"", eof=True)


def test_the_size_limit_holds_for_known_and_unknown_sizes() -> None:
    limits = LprLimits(max_data_bytes=100)
    start = b"\x02secure\n" + control_file()
    for count in (0, 100):
        conversation = Conversation(limits).feed(
            start + data_file(b"x" * 100, count=count, end=b""), eof=True
        )
        assert len(conversation.document) == 100
    for count in (0, 101, 10_000):
        with pytest.raises(RemoteProtocolError, match="larger than allowed"):
            Conversation(limits).feed(start + data_file(b"x" * 101, count=count), eof=True)


def test_pieces_are_bounded_whatever_is_fed() -> None:
    data = b"x" * (3 * MAX_PIECE_BYTES + 1)
    conversation = Conversation().feed(b"\x02secure\n" + control_file() + data_file(data))
    sizes = [len(event.data) for event in conversation.events if isinstance(event, DataPiece)]
    assert sizes == [MAX_PIECE_BYTES] * 3 + [1]


def test_an_empty_document_of_known_size_cannot_be_announced() -> None:
    conversation = Conversation().feed(b"\x02secure\n" + control_file() + b"\x030 dfA001host\n", eof=True)
    assert DataEnd("dfA001host", 0) in conversation.events


@pytest.mark.parametrize("nuls", range(MAX_STRAY_NULS + 1))
def test_stray_zero_bytes_between_files_are_forgiven(nuls: int) -> None:
    stream = b"\x02secure\n" + control_file() + b"\0" * nuls + data_file() + b"\0" * nuls
    assert Conversation().feed(stream, eof=True).kinds[-1] == "ConnectionClosed"


def test_an_endless_row_of_zero_bytes_is_not_forgiven() -> None:
    with pytest.raises(RemoteProtocolError, match="zero bytes"):
        Conversation().feed(CONTROL_FIRST + b"\0" * (MAX_STRAY_NULS + 1))
    with pytest.raises(RemoteProtocolError):
        Conversation().feed(b"\0\x02secure\n")


def test_a_connection_that_ends_instead_of_the_zero_byte_is_forgiven() -> None:
    conversation = Conversation().feed(CONTROL_FIRST[:-1], eof=True)
    assert conversation.kinds[-2:] == ["JobComplete", "ConnectionClosed"]


@pytest.mark.parametrize("stream", [CONTROL_FIRST[:-1] + b"x", b"\x02secure\n" + control_file()[:-1] + b"x"])
def test_a_file_longer_than_announced_is_an_error(stream: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="longer than announced"):
        Conversation().feed(stream)


def test_every_early_end_is_an_error_or_a_close_without_a_job() -> None:
    for at in range(len(CONTROL_FIRST) - 1):
        conversation = Conversation()
        try:
            conversation.feed(CONTROL_FIRST[:at], eof=True)
        except RemoteProtocolError:
            assert conversation.connection.state is State.BROKEN
        else:
            assert conversation.events[-1] == ConnectionClosed()
        assert "JobComplete" not in conversation.kinds


def test_abort_forgets_the_job_and_another_may_follow() -> None:
    conversation = Conversation().feed(
        b"\x02secure\n" + control_file() + b"\x01\n" + control_file() + data_file(), eof=True
    )
    assert conversation.kinds.count("AbortJob") == 1
    assert conversation.kinds.count("JobComplete") == 1


@pytest.mark.parametrize(
    "verb", [b"GET / HTTP/1.1\r\n", b"POST /\r\n", b"OPTIONS *", b"\x16\x03\x01", b"SSH-2.0", b"\xff"]
)
def test_other_protocols_are_recognised_by_their_first_byte(verb: bytes) -> None:
    connection = LprConnection(LprLimits())
    connection.receive_data(verb[:1])
    with pytest.raises(RemoteProtocolError, match="not LPR"):
        connection.next_event()
    assert not connection.speaks_lpr


def test_lpr_inside_a_web_request_is_never_reached() -> None:
    with pytest.raises(RemoteProtocolError, match="not LPR"):
        Conversation().feed(b"POST / HTTP/1.1\r\nContent-Length: 99\r\n\r\n" + CONTROL_FIRST)


def test_inside_a_job_no_daemon_command_is_taken() -> None:
    for command in (b"\x04secure\n", b"\x05secure eve\n", b"\x02other\n", b"\x03secure eve\n"):
        with pytest.raises(RemoteProtocolError):
            Conversation().feed(b"\x02secure\n" + control_file() + command)


@pytest.mark.parametrize(
    ("line", "event", "answer"),
    [
        (b"\x01secure\n", PrintWaiting("secure"), b"\0"),
        (b"\x03secure\n", QueueState("secure", False, ()), b"empty\n"),
        (b"\x04secure anna\n", QueueState("secure", True, ("anna",)), b"empty\n"),
        (b"\x05secure anna 1\n", RemoveJobs("secure", "anna", ("1",)), b"\0"),
    ],
)
def test_a_question_is_answered_once_and_ends_the_conversation(
    line: bytes, event: Event, answer: bytes
) -> None:
    conversation = Conversation().feed(line + b"\x03secure\n")
    assert conversation.events == [event]
    assert conversation.answers == answer
    assert conversation.connection.state is State.CLOSED


def test_command_lines_at_and_above_the_limit() -> None:
    limits = LprLimits(max_command_bytes=20)
    Conversation(limits).feed(b"\x02" + b"q" * 18 + b"\n")
    with pytest.raises(RemoteProtocolError, match="too long"):
        Conversation(limits).feed(b"\x02" + b"q" * 19 + b"\n")
    with pytest.raises(RemoteProtocolError, match="too long"):
        Conversation(limits).feed(b"\x02" + b"q" * 19)


def test_a_refusal_ends_the_conversation() -> None:
    connection = LprConnection(LprLimits())
    connection.receive_data(CONTROL_FIRST)
    assert connection.next_event() == ReceiveJob("secure")
    assert connection.answer(False) == b"\x01"
    assert connection.state is State.CLOSED
    with pytest.raises(LocalProtocolError):
        connection.next_event()


def test_answers_are_due_and_due_once() -> None:
    connection = LprConnection(LprLimits())
    with pytest.raises(LocalProtocolError):
        connection.answer(True)
    connection.receive_data(b"\x02secure\n")
    connection.next_event()
    with pytest.raises(LocalProtocolError, match="ReceiveJob was not answered"):
        connection.next_event()
    with pytest.raises(LocalProtocolError):
        connection.report("no")
    assert connection.answer(True) == b"\0"
    with pytest.raises(LocalProtocolError):
        connection.answer(True)


def test_a_report_can_be_refused() -> None:
    connection = LprConnection(LprLimits())
    connection.receive_data(b"\x03nowhere\n")
    connection.next_event()
    with pytest.raises(LocalProtocolError):
        connection.answer(True)
    assert connection.refuse_report() == b"\x01"
    assert connection.state is State.CLOSED


def test_after_an_error_nothing_more_is_read() -> None:
    connection = LprConnection(LprLimits())
    connection.receive_data(b"\x02secure\nGET")
    connection.next_event()
    connection.answer(True)
    with pytest.raises(RemoteProtocolError):
        connection.next_event()
    assert connection.speaks_lpr
    with pytest.raises(LocalProtocolError):
        connection.next_event()


def test_every_state_of_the_table_can_be_reached_and_left() -> None:
    reached = {State.IDLE} | set(TRANSITIONS.values())
    left = {state for state, _ in TRANSITIONS}
    assert reached == set(State) - {State.BROKEN}
    assert left == reached - {State.CLOSED, State.REPLYING}


# -- files that end in their client's own way


def _until_quiet(data: bytes) -> Conversation:
    """Feed what a client says before it waits for its answer."""
    return Conversation().feed(data)


@pytest.mark.parametrize("first", ["control", "data"])
def test_a_missing_zero_byte_is_forgiven_when_the_next_file_follows(first: str) -> None:
    control, data = control_file()[:-1], data_file(end=b"")
    files = control + data if first == "control" else data + control
    conversation = Conversation().feed(b"\x02secure\n" + files, eof=True)
    assert conversation.kinds.count("JobComplete") == 1
    assert conversation.document == DATA


def test_a_missing_zero_byte_is_forgiven_when_the_caller_has_waited_long_enough() -> None:
    conversation = _until_quiet(b"\x02secure\n" + control_file()[:-1])
    for more in (b"", data_file(end=b""), b""):
        assert conversation.feed(more).connection.wants_only_end_mark or not more
        conversation.connection.forgive_end_mark()
        conversation.feed(b"")
    assert conversation.kinds[-1] == "JobComplete"
    assert conversation.document == DATA
    # Should it come after all, it is skipped.
    conversation.feed(b"\0", eof=True)
    assert conversation.kinds[-1] == "ConnectionClosed"


def test_nothing_is_forgiven_while_bytes_are_missing() -> None:
    for begun in (b"", control_file()[:-5], control_file() + data_file()[:-5]):
        conversation = _until_quiet(b"\x02secure\n" + begun)
        assert not conversation.connection.wants_only_end_mark
        kinds = conversation.kinds
        conversation.connection.forgive_end_mark()
        assert conversation.feed(b"").kinds == kinds


@pytest.mark.parametrize(
    ("sent", "document"),
    [
        (b"\0", b""),
        (b"\0\x01\n", b""),
        (b"\0\x00 zeros", b"\0\x00 zeros"),
        (b"\0\x02binary", b"\0\x02binary"),
        (b"%PDF", b"%PDF"),
        (b"", b""),
    ],
)
def test_a_count_of_zero_is_an_unknown_length_or_an_empty_file(sent: bytes, document: bytes) -> None:
    conversation = Conversation().feed(
        b"\x02secure\n" + control_file() + b"\x030 dfA001host\n" + sent, eof=True
    )
    assert conversation.document == document
    assert conversation.kinds.count("JobComplete") == 1


def test_an_empty_file_before_the_control_file_ends_at_once() -> None:
    conversation = Conversation().feed(b"\x02secure\n" + data_file(b"", count=0) + control_file())
    assert conversation.kinds[-1] == "JobComplete"
    assert DataEnd("dfA001host", 0) in conversation.events


def test_an_empty_file_s_zero_byte_alone_is_waited_on_before_it_is_the_end() -> None:
    conversation = _until_quiet(b"\x02secure\n" + control_file() + data_file(b"", count=0))
    assert conversation.kinds[-1] == "SubcommandDataFile"
    assert conversation.connection.wants_only_end_mark
    conversation.connection.forgive_end_mark()
    assert conversation.feed(b"").kinds[-1] == "JobComplete"


def test_the_same_number_may_come_again_on_one_connection() -> None:
    """AS/400 with DESTOPT(XAIX) sends both files once for every copy."""
    conversation = Conversation().feed(CONTROL_FIRST + CONTROL_FIRST.partition(b"\n")[2], eof=True)
    assert conversation.kinds.count("JobComplete") == 2
    conversation = Conversation().feed(DATA_FIRST + DATA_FIRST.partition(b"\n")[2], eof=True)
    assert conversation.kinds.count("JobComplete") == 2


def test_what_is_expected_is_what_is_missing() -> None:
    connection = Conversation().connection
    assert connection.expected_bytes == 0
    conversation = _until_quiet(b"\x02secure\n" + control_file()[:-11])
    assert conversation.connection.expected_bytes == 10
    conversation = _until_quiet(b"\x02secure\n" + control_file() + data_file(count=70_000, end=b""))
    assert conversation.connection.expected_bytes == 70_000 - len(DATA)
