"""The PJL filter: what drivers send comes out bare, what printers must not be told never comes out."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.appsocket.pjl import FORBIDDEN, JOB_VARIABLES, UEL, PjlFilter, Wrapper
from protocols.errors import LocalProtocolError, RemoteProtocolError
from protocols.limits import PjlLimits

LIMITS = PjlLimits()
PDF = b"%PDF-1.7\n1 0 obj\n<< >>\nendobj\n%%EOF\n"
PCL = b"\x1bE\x1b&l1X\x1b(s0p10hHello\r\n\x0c\x1bE"
PCL_XL = b") HP-PCL XL;2;0;Comment\n\xd1X\x02\x00\xf8\x89"
POSTSCRIPT = b"%!PS-Adobe-3.0\nshowpage\n\x04"
# As a PCL 6 driver for Windows writes it: a ticket in comments, names, the settings, and the end.
WINDOWS = (
    UEL
    + b'@PJL JOB NAME = "Salaries 2026" DISPLAY = "ana" \r\n'
    + b'@PJL COMMENT "Username: ana; App Filename: salaries.docx"\r\n'
    + b"@PJL SET STRINGCODESET=UTF8\r\n"
    + b'@PJL SET USERNAME="ana"\r\n@PJL SET JOBNAME="Salaries 2026"\r\n@PJL SET JOBATTR="JobAcct1=ana"\r\n'
    + b"@PJL SET HOLD=OFF\r\n@PJL SET QTY=3\r\n@PJL SET DUPLEX=ON\r\n@PJL SET BINDING = LONGEDGE\r\n"
    + b"@PJL SET RENDERMODE=GRAYSCALE\r\n@PJL SET PAPER=A4\r\n@PJL SET RESOLUTION=600\r\n"
    + b"@PJL SET PLANESINUSE=1\r\n@PJL SET LPARM:PCL PITCH=10\r\n@PJL RDYMSG DISPLAY = \"hello\"\r\n"
    + b"@PJL ENTER LANGUAGE=PCLXL\r\n"
    + PCL_XL
    + UEL
    + b"@PJL RESET\r\n@PJL EOJ NAME = \"Salaries 2026\"\r\n"
    + UEL
)  # fmt: skip


def filtered(*pieces: bytes, limits: PjlLimits = LIMITS) -> tuple[bytes, Wrapper | None]:
    """Return what the filter keeps of a stream, and what it read."""
    one = PjlFilter(limits)
    kept = b"".join([one.receive_data(piece) for piece in pieces])
    kept += one.finish()
    return kept, one.wrapper


def refused(stream: bytes) -> str:
    with pytest.raises(RemoteProtocolError) as caught:
        filtered(stream)
    return str(caught.value)


# -- what drivers send


def test_a_driver_s_wrapper_is_taken_off_and_its_settings_read() -> None:
    kept, wrapper = filtered(WINDOWS)
    assert kept == PCL_XL
    assert wrapper is not None
    assert wrapper.language == "PCLXL"
    assert wrapper.job_name == "Salaries 2026"
    assert wrapper.settings == {
        "STRINGCODESET": "UTF8",
        "QTY": "3",
        "DUPLEX": "ON",
        "BINDING": "LONGEDGE",
        "RENDERMODE": "GRAYSCALE",
        "PAPER": "A4",
        "RESOLUTION": "600",
    }
    assert {"SET", "RDYMSG", "RESET", "SET HOLD"} <= set(wrapper.left_out)


def test_the_job_s_name_stays_out_of_what_is_logged() -> None:
    _, wrapper = filtered(WINDOWS)
    assert "Salaries" not in repr(wrapper)


@pytest.mark.parametrize(
    ("stream", "kept", "language"),
    [
        (UEL + b"@PJL ENTER LANGUAGE=PDF\n" + PDF + UEL, PDF, "PDF"),
        (UEL + b"@PJL\r\n@PJL ENTER LANGUAGE = POSTSCRIPT \r\n" + POSTSCRIPT + UEL, POSTSCRIPT, "POSTSCRIPT"),
        (UEL + b"@pjl enter language=pcl\n" + PCL, PCL, "PCL"),
        (b"@PJL ENTER LANGUAGE=PCL\n" + PCL + UEL, PCL, "PCL"),
        (b"\x1bE" + UEL + b"@PJL ENTER LANGUAGE=PCL\n" + PCL + UEL, PCL, "PCL"),
        (b"\x00\r\n" + UEL + b"@PJL JOB\n" + PCL + UEL + b"@PJL EOJ" + UEL, PCL, None),
        (UEL + PDF, PDF, None),
        (UEL + UEL + b"@PJL SET COPIES=1\n\n" + PDF, PDF, None),
        (UEL + b"@PJL EOJ" + UEL + b"@PJL ENTER LANGUAGE=PDF\n" + PDF, PDF, "PDF"),
        (UEL + b"@PJL ENTER LANGUAGE=AUTO\n" + UEL + b"@PJL ENTER LANGUAGE=PDF\n" + PDF + UEL, PDF, "PDF"),
        (UEL + b"@PJL ENTER LANGUAGE=PCL\n" + PCL + UEL + b"\x1bE\x00\x00" + UEL, PCL, "PCL"),
    ],
    ids=range(11),
)
def test_wrappers(stream: bytes, kept: bytes, language: str | None) -> None:
    found, wrapper = filtered(stream)
    assert found == kept
    assert wrapper is not None
    assert wrapper.language == language


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b"\x00",
        b"A letter.\n",
        b"@ a line that begins like a command\n",
        b"\x1b",
        PDF,
        PCL,
        PCL_XL,
        POSTSCRIPT,
        b"\x1bE\r\nplain text for a PCL printer" + b"." * 99,
        b" " * 10_000 + b"late",
        b"line\n" * 100_000 + b"\x1b%-1234",
    ],
    ids=range(12),
)
def test_a_document_without_commands_stays_as_it_is(stream: bytes) -> None:
    assert filtered(stream) == (stream, None)


@pytest.mark.parametrize("document", [PCL, POSTSCRIPT, b"A letter.\n" * 9_000], ids=range(3))
def test_a_sequence_behind_a_bare_document_is_no_part_of_it(document: bytes) -> None:
    assert filtered(document + UEL) == (document, None)
    assert filtered(document + UEL + b"@PJL EOJ\r\n" + UEL + b"\r\n") == (document, None)


@pytest.mark.parametrize(
    "document",
    [PDF, b"RaS2PwgRaster\0", b"UNIRAST\0", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n"],
    ids=range(5),
)
def test_formats_with_a_structure_of_their_own_may_hold_any_bytes(document: bytes) -> None:
    stream = document + UEL + b"@PJL FSDELETE" + bytes(range(256))
    assert filtered(stream) == (stream, None)


def test_commands_alone_are_an_empty_document() -> None:
    """Some systems ask a printer how it is before they print."""
    kept, wrapper = filtered(UEL + b"@PJL INFO STATUS\r\n@PJL USTATUSOFF\r\n" + UEL)
    assert kept == b""
    assert wrapper is not None
    assert wrapper.left_out == ("INFO", "USTATUSOFF")


# -- what no printer is told


@pytest.mark.parametrize(
    "command",
    [
        b'FSUPLOAD NAME="0:/etc/passwd" OFFSET=0 SIZE=999',
        b'FSDOWNLOAD FORMAT:BINARY SIZE=4 NAME="0:/x"',
        b'FSDELETE NAME="0:/x"',
        b'fsdirlist name="0:/" entry=1 count=99',
        b'FSINIT VOLUME="0:"',
        b"RNVRAM ADDRESS = 1",
        b"WNVRAM ADDRESS = 1 DATA = 2",
        b'DMCMD ASCIIHEX="00"',
    ],
)
@pytest.mark.parametrize("place", ["before", "behind", "entered", "bare"])
def test_commands_for_files_and_memory_are_refused_wherever_they_stand(command: bytes, place: str) -> None:
    line = UEL + b"@PJL " + command + b"\r\n"
    streams = {
        "before": line + b"@PJL ENTER LANGUAGE=PCL\r\n" + PCL,
        "behind": UEL + b"@PJL ENTER LANGUAGE=PCL\r\n" + PCL + line,
        "entered": UEL + b"@PJL ENTER LANGUAGE=PCL\r\n" + line.removeprefix(UEL) + PCL,
        "bare": b"A letter.\n" + line,
    }
    assert command.split()[0].decode().upper() in refused(streams[place])


@pytest.mark.parametrize(
    "command",
    [
        b"DEFAULT COPIES=99",
        b"DEFAULT PASSWORD=0",
        b"INITIALIZE",
        b'RDYMSG DISPLAY="out of order"',
        b'OPMSG DISPLAY="call 555"',
        b"SET SERVICEMODE=HPBOISEID",
        b"SET RETAIN=ON",
        b"SET HOLD=STORE",
        b'SET HOLDKEY="1234"',
        b"SET DISKLOCK=ON",
        b'DMINFO ASCIIHEX="04000401"',
        b"INFO FILESYS",
        b"DINQUIRE PASSWORD",
        b"SET LPARM:PCL MACRO=1",
        b'SET COPIES="2" ; FSDELETE',
    ],
)
def test_what_would_outlive_the_job_has_no_effect(command: bytes) -> None:
    kept, wrapper = filtered(UEL + b"@PJL " + command + b"\r\n@PJL ENTER LANGUAGE=PDF\n" + PDF)
    assert kept == PDF
    assert wrapper is not None
    assert wrapper.settings == {}
    assert wrapper.left_out


@pytest.mark.parametrize("document", [PCL, POSTSCRIPT, b"A letter.\n"], ids=range(3))
@pytest.mark.parametrize("wrapped", [True, False])
def test_nothing_hides_in_the_middle(document: bytes, *, wrapped: bool) -> None:
    before = UEL + b"@PJL ENTER LANGUAGE=PCL\r\n" if wrapped else b""
    assert "middle" in refused(before + document + UEL + document)
    assert "several" in refused(before + document + UEL + b"@PJL ENTER LANGUAGE=PCL\r\n" + document)
    assert "middle" in refused(before + document + UEL + b"@PJL EOJ\r\n" + UEL + b"%!PS\n")


def test_settings_behind_the_document_are_not_the_job_s() -> None:
    stream = UEL + b"@PJL SET COPIES=2\n@PJL ENTER LANGUAGE=PCL\n" + PCL + UEL + b"@PJL SET COPIES=1\n"
    _, wrapper = filtered(stream)
    assert wrapper is not None
    assert wrapper.settings == {"COPIES": "2"}


# -- bounds


def test_lines_and_commands_are_bounded() -> None:
    small = PjlLimits(max_line_bytes=100, max_command_bytes=300)
    for stream in (
        UEL + b"@PJL COMMENT " + b"x" * 100,
        UEL + b"@PJL COMMENT x\n" * 30,
        UEL + b"\n" * 400,
        b"letter" + UEL + b"\0" * 400,
        UEL * 50,
    ):
        with pytest.raises(RemoteProtocolError):
            filtered(stream, limits=small)


def test_a_stream_that_was_refused_is_over() -> None:
    one = PjlFilter(LIMITS)
    with pytest.raises(RemoteProtocolError):
        one.receive_data(UEL + b"@PJL FSDELETE\n" + PDF)
    with pytest.raises(LocalProtocolError):
        one.receive_data(PDF)
    with pytest.raises(LocalProtocolError):
        one.finish()


def test_what_is_held_back_is_little() -> None:
    """A document comes out as it goes in; only what may be the beginning of a sequence waits."""
    one = PjlFilter(LIMITS)
    sent = kept = 0
    for _ in range(200):
        piece = b"a line of text\x1b%-12345"
        sent += len(piece)
        kept += len(one.receive_data(piece))
        assert sent - kept <= max(32, len(UEL))


# -- properties


PIECES = st.sampled_from(
    [
        UEL, UEL[:4], b"\x1bE", b"\x1b", b"@PJL ", b"@PJL", b"@", b"\r\n", b"\n", b"\0", b"\x04",
        b"SET COPIES=2", b"SET DUPLEX=ON", b'JOB NAME="x"', b"EOJ", b"COMMENT c", b"ENTER LANGUAGE=PCL",
        b"ENTER LANGUAGE=PDF", b"FSDELETE", b"RDYMSG", b"%!PS\n", b"%PDF-1.7\n", b"text ", b"x" * 40,
    ]
)  # fmt: skip
STREAMS = st.one_of(
    st.binary(max_size=200), st.lists(PIECES | st.binary(max_size=5), max_size=24).map(b"".join)
)


def outcome(*pieces: bytes) -> tuple[bytes, Wrapper | None] | str:
    try:
        return filtered(*pieces)
    except RemoteProtocolError as error:
        return str(error)


@given(STREAMS, st.randoms(use_true_random=False))
def test_however_a_stream_is_cut_it_is_read_alike(stream: bytes, rng: random.Random) -> None:
    cuts = sorted(rng.randrange(len(stream) + 1) for _ in range(rng.randrange(8)))
    ends = [*cuts, len(stream)]
    pieces = [stream[begin:end] for begin, end in zip([0, *cuts], ends, strict=True)]
    whole = outcome(stream)
    assert outcome(*pieces) == whole
    assert outcome(*(bytes([byte]) for byte in stream)) == whole


@given(STREAMS)
def test_no_sequence_and_nothing_new_comes_out(stream: bytes) -> None:
    found = outcome(stream)
    if isinstance(found, str):
        return
    kept, wrapper = found
    assert kept in stream
    assert UEL not in kept or kept.startswith(b"%PDF-")
    if wrapper is not None:
        assert set(wrapper.settings) <= JOB_VARIABLES
        assert not set(wrapper.left_out) & FORBIDDEN
        assert kept[:4].upper() != b"@PJL"


@given(STREAMS)
def test_what_came_out_goes_through_unchanged(stream: bytes) -> None:
    found = outcome(stream)
    if isinstance(found, tuple):
        assert outcome(found[0]) == (found[0], None)
