"""One-time passwords by time, with the vectors of the RFC, and recovery codes."""

from datetime import UTC, datetime, timedelta

import pytest

from spoold.identity.one_time import (
    counter_of,
    is_recovery_code,
    new_recovery_codes,
    recovery_hash,
    setup_uri,
    spelled,
)

SECRET = b"12345678901234567890"
# RFC 6238, appendix B, SHA-1, the last six of the eight digits.
VECTORS = [
    (59, "287082"),
    (1_111_111_109, "081804"),
    (1_111_111_111, "050471"),
    (1_234_567_890, "005924"),
    (2_000_000_000, "279037"),
]


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize(("seconds", "code"), VECTORS)
def test_the_codes_of_the_rfc(seconds: int, code: str) -> None:
    step = seconds // 30
    assert counter_of(SECRET, code, at(seconds), after=0) == step
    assert counter_of(SECRET, f" {code[:3]} {code[3:]} ", at(seconds), after=0) == step


@pytest.mark.parametrize(("seconds", "code"), VECTORS)
def test_a_code_is_good_once_and_so_are_earlier_ones(seconds: int, code: str) -> None:
    step = seconds // 30
    assert counter_of(SECRET, code, at(seconds), after=step - 1) == step
    assert counter_of(SECRET, code, at(seconds), after=step) is None
    assert counter_of(SECRET, code, at(seconds), after=step + 5) is None


def test_a_step_each_way() -> None:
    seconds, code = VECTORS[3]
    near = [
        counter_of(SECRET, code, at(seconds) + timedelta(seconds=30 * off), after=0) for off in range(-3, 4)
    ]
    assert [found is not None for found in near] == [False, False, True, True, True, False, False]


@pytest.mark.parametrize(
    "typed",
    ["", "12345", "1234567", "abcdef", "\uff11\uff12\uff13\uff14\uff15\uff16", "28708\u0662", "x" * 10_000],
)
def test_what_is_no_code(typed: str) -> None:
    assert counter_of(SECRET, typed, at(59), after=0) is None


def test_what_the_app_is_told() -> None:
    uri = setup_uri(SECRET, account="alice", issuer="print.example.org")
    assert uri.startswith("otpauth://totp/print.example.org:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
    assert spelled(SECRET) == "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"


def test_recovery_codes() -> None:
    codes = new_recovery_codes()
    assert len(set(codes)) == 10
    assert all(is_recovery_code(code) for code in codes)
    assert not is_recovery_code("123456")
    assert recovery_hash(codes[0].upper().replace("-", " ")) == recovery_hash(codes[0])
    assert len({recovery_hash(code) for code in codes}) == 10
