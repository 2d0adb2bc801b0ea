"""The two lines between worker and parent: what is taken, and that all else is refused without an echo."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spoold.documents.worker.wire import (
    MAX_ANSWER_BYTES,
    MAX_PAGE_SIZES,
    MAX_PAGES,
    MAX_POINTS,
    MAX_READY_BYTES,
    Answer,
    Ready,
    Reason,
    WireError,
    decode_answer,
    decode_ready,
    encode_answer,
    encode_ready,
)

GOOD: dict[str, Any] = {
    "pages": 1,
    "page_sizes": [[595.0, 842.0]],
    "encrypted": False,
    "broken": False,
    "reason": None,
}


@pytest.mark.parametrize(
    "answer",
    [
        Answer(pages=3, page_sizes=((595.0, 842.0),), encrypted=False, broken=False),
        Answer(
            pages=MAX_PAGES, page_sizes=((MAX_POINTS, 0.1),) * MAX_PAGE_SIZES, encrypted=True, broken=False
        ),
        Answer(pages=0),
        *(Answer(reason=reason) for reason in Reason),
    ],
)
def test_answers_arrive_as_they_were_sent(answer: Answer) -> None:
    line = encode_answer(answer)
    assert len(line) <= MAX_ANSWER_BYTES
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode_answer(line) == answer


@pytest.mark.parametrize(
    "ready", [Ready(True, None, 7), Ready(False, "the kernel offers no landlock: ENOSYS")]
)
def test_first_lines_arrive_as_they_were_sent(ready: Ready) -> None:
    assert decode_ready(encode_ready(ready)) == ready


def test_a_long_reason_is_cut() -> None:
    line = encode_ready(Ready(False, "x" * 10_000))
    assert len(line) <= MAX_READY_BYTES
    assert decode_ready(line).reason == "x" * 300


@pytest.mark.parametrize(
    "change",
    [
        {"pages": "1"},
        {"pages": True},
        {"pages": -1},
        {"pages": MAX_PAGES + 1},
        {"pages": 1.5},
        {"pages": 10**400},
        {"pages": None},
        {"page_sizes": "A4"},
        {"page_sizes": [[595.0, 842.0]] * (MAX_PAGE_SIZES + 1)},
        {"page_sizes": [[595.0]]},
        {"page_sizes": [595.0, 842.0]},
        {"page_sizes": [[595.0, "842"]]},
        {"page_sizes": [[595.0, True]]},
        {"page_sizes": [[595.0, 0]]},
        {"page_sizes": [[-595.0, 842.0]]},
        {"page_sizes": [[595.0, float("nan")]]},
        {"page_sizes": [[float("inf"), 842.0]]},
        {"page_sizes": [[10**400, 842.0]]},
        {"page_sizes": [[MAX_POINTS + 1, 842.0]]},
        {"encrypted": "no"},
        {"encrypted": 1},
        {"broken": []},
        {"reason": "the-secret"},
        {"reason": ["password"]},
        {"reason": ""},
    ],
)
def test_anything_else_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        decode_answer(json.dumps(GOOD | change).encode())


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"the-secret",
        b"[]",
        b"null",
        b"\xff\xfe{",
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"pages": ' + b"9" * 60_000 + b"}",
        json.dumps(GOOD).encode() + b" " * MAX_ANSWER_BYTES,
    ],
)
def test_lines_that_are_no_answer_are_refused_without_an_echo(line: bytes) -> None:
    with pytest.raises(WireError) as caught:
        decode_answer(line)
    assert "the-secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "line",
    [
        b"{}",
        b'{"ok": 1}',
        b'{"ok": false, "reason": 5}',
        b'{"ok": false, "reason": "two\\nlines"}',
        b'{"ok": false, "reason": "\\u202e"}',
        b'{"ok": true, "landlock_abi": "7"}',
        b'{"ok": true, "landlock_abi": -1}',
        b'{"ok": true}' + b" " * MAX_READY_BYTES,
    ],
)
def test_first_lines_that_are_none_are_refused(line: bytes) -> None:
    with pytest.raises(WireError):
        decode_ready(line)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_cause_any_other_error(line: bytes) -> None:
    for decode in (decode_answer, decode_ready):
        try:
            decode(line)
        except WireError:
            continue


@settings(deadline=None)
@given(
    st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=20)
)
def test_no_values_cause_any_other_error(value: Any) -> None:
    for name in GOOD:
        line = json.dumps(GOOD | {name: value}).encode()
        try:
            answer = decode_answer(line)
        except WireError:
            continue
        assert answer.pages is None or 0 <= answer.pages <= MAX_PAGES
        assert len(answer.page_sizes) <= MAX_PAGE_SIZES
