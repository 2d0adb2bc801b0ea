"""The control file is read as its clients mean it, within bounds."""

import pytest

from protocols.errors import RemoteProtocolError
from protocols.limits import LprLimits
from protocols.lpr.control_file import MAX_COPIES, ControlDocument, decode_text, parse_control_file

LIMITS = LprLimits()

# As rlpr 2.05 sends it with three copies; recorded.
RLPR = (
    b"Hvm\nProot\nTnotes.txt\nJMy J\xc3\xb6b\nCvm\nLroot\n"
    b"fdfA976vm\nfdfA976vm\nfdfA976vm\nUdfA976vm\nN/tmp/notes.txt\n"
)
# As the CUPS lpd backend sends it with banner=yes&format=o; recorded.
CUPS = b"Hvm\nPbob\nJMy title\nCvm\nLbob\nodfA985vm\nUdfA985vm\nNMy title\n"


def test_what_rlpr_sends() -> None:
    control = parse_control_file(RLPR, LIMITS)
    assert (control.user, control.host, control.class_name, control.banner_user) == (
        "root",
        "vm",
        "vm",
        "root",
    )
    assert (control.job_name, control.title) == ("My Jöb", "notes.txt")
    assert control.documents == (ControlDocument("dfA976vm", "f", "/tmp/notes.txt", 3),)


def test_what_cups_sends() -> None:
    control = parse_control_file(CUPS, LIMITS)
    assert (control.user, control.job_name) == ("bob", "My title")
    assert control.documents == (ControlDocument("dfA985vm", "o", "My title", 1),)


def test_several_files_keep_their_order_and_names() -> None:
    raw = b"HA\nPb\nldfA001h\nUdfA001h\nNone\npdfB001h\nUdfB001h\nNtwo\nldfA001h\n"
    assert parse_control_file(raw, LIMITS).documents == (
        ControlDocument("dfA001h", "l", "one", 2),
        ControlDocument("dfB001h", "p", "two", 1),
    )


def test_a_source_name_before_its_print_line_is_kept() -> None:
    assert parse_control_file(b"Nearly\nldfA001h\nNlate\n", LIMITS).documents[0].source_name == "early"


@pytest.mark.parametrize(
    ("line", "copies"),
    [(b"K3", 3), (b"K0", 1), (b"K-2", 1), (b"Kmany", 1), (b"K999999999999", 1), (b"K5000", 999)],
)
def test_copies_by_number(line: bytes, copies: int) -> None:
    assert parse_control_file(line + b"\nldfA001h\n", LIMITS).documents[0].copies == copies


def test_copies_by_repetition_are_bounded() -> None:
    limits = LprLimits(max_control_lines=2000)
    assert parse_control_file(b"fdfA001h\n" * 1500, limits).documents[0].copies == MAX_COPIES


@pytest.mark.parametrize("raw", [b"", b"\n", b"\0\0", b"\n\n\n"])
def test_an_empty_control_file_says_nothing(raw: bytes) -> None:
    control = parse_control_file(raw, LIMITS)
    assert (control.user, control.documents) == ("", ())


def test_carriage_returns_a_trailing_zero_and_unknown_lines_do_no_harm() -> None:
    raw = b"Hh\r\nPeve\r\n-Cclass=x\nI4\nW80\n1font\nS1 2\nMeve\nZoptions\nldfA001h\r\n\0"
    control = parse_control_file(raw, LIMITS)
    assert (control.user, control.mail_to, control.documents) == ("eve", "eve", (ControlDocument("dfA001h"),))


def test_the_first_user_line_counts() -> None:
    assert parse_control_file(b"Panna\nPeve\n", LIMITS).user == "anna"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"J\xc3\xb6rg", "Jörg"),
        (b"J\xf6rg", "Jörg"),
        (b"a\x1b[31mb\x00c", "a\ufffd[31mb\ufffdc"),
        ("a\u202eb".encode(), "a\ufffdb"),
        (b"  padded ", "padded"),
        (b"\xff\xfe\x80", "ÿþ\ufffd"),
    ],
)
def test_any_charset_is_read_and_controls_are_not(raw: bytes, text: str) -> None:
    assert decode_text(raw) == text


def test_lines_at_and_above_the_limit() -> None:
    at = b"P" + b"u" * (LIMITS.max_line_bytes - 1)
    assert len(parse_control_file(at + b"\n", LIMITS).user) == LIMITS.max_line_bytes - 1
    with pytest.raises(RemoteProtocolError, match="line"):
        parse_control_file(at + b"u\n", LIMITS)
    with pytest.raises(RemoteProtocolError, match="line"):
        parse_control_file(b"ldfA001" + b"h" * LIMITS.max_line_bytes, LIMITS)


@pytest.mark.parametrize("letter", ["J", "T", "N"])
def test_long_names_are_cut_not_refused(letter: str) -> None:
    control = parse_control_file(b"ldfA001h\n" + letter.encode() + b"x" * 1000 + b"\n", LIMITS)
    names = {"J": control.job_name, "T": control.title, "N": control.documents[0].source_name}
    assert names[letter] == "x" * (LIMITS.max_line_bytes - 1)


def test_the_number_of_lines_at_and_above_the_limit() -> None:
    limits = LprLimits(max_control_lines=5)
    parse_control_file(b"fdfA001h\n" * 5, limits)
    with pytest.raises(RemoteProtocolError, match="lines"):
        parse_control_file(b"fdfA001h\n" * 6, limits)


def test_the_number_of_files_at_and_above_the_limit() -> None:
    limits = LprLimits(max_data_files=3)
    lines = [b"ldf%c001h\n" % letter for letter in b"ABCD"]
    assert len(parse_control_file(b"".join(lines[:3]), limits).documents) == 3
    with pytest.raises(RemoteProtocolError, match="files"):
        parse_control_file(b"".join(lines), limits)


def test_the_size_at_and_above_the_limit() -> None:
    limits = LprLimits(max_control_file_bytes=20)
    parse_control_file(b"P" + b"u" * 19, limits)
    with pytest.raises(RemoteProtocolError, match="long"):
        parse_control_file(b"P" + b"u" * 20, limits)


def test_private_names_stay_out_of_repr() -> None:
    control = parse_control_file(b"Pbob\nJCANARY\nTCANARY\nCCANARY\nldfA001h\nNCANARY\n", LIMITS)
    assert "CANARY" not in repr(control)


def test_descriptions_find_their_files_by_name_then_by_order() -> None:
    control = parse_control_file(b"fdfA001long.example.org\nNone\nldfB001h\nNtwo\n", LIMITS)
    first, second, third = control.matched(["dfB001h", "dfA001long", "dfC001h"])
    assert (first.source_name, first.format) == ("two", "l")
    assert (second.data_file, second.source_name, second.format) == ("dfA001long", "one", "f")
    assert third == ControlDocument("dfC001h")


def test_carriage_returns_alone_end_lines_where_there_are_no_line_feeds() -> None:
    parsed = parse_control_file(b"Hhost\rPanna\rldfA001host\r", LprLimits())
    assert (parsed.host, parsed.user) == ("host", "anna")
    assert [document.data_file for document in parsed.documents] == ["dfA001host"]


def test_lines_of_one_system_only_are_passed_over() -> None:
    raw = b"HAS400\nPQPGMR\nXAS/400\n-Class=ASCII\n1font\nIldfA417AS400\nfdfA417AS400\nNQPRINT\n"
    parsed = parse_control_file(raw, LprLimits())
    assert (parsed.user, [document.data_file for document in parsed.documents]) == ("QPGMR", ["dfA417AS400"])


def test_999_copies_may_be_asked_for_line_by_line() -> None:
    (document,) = parse_control_file(b"Panna\n" + b"fdfA001host\n" * 999, LprLimits()).documents
    assert document.copies == 999
