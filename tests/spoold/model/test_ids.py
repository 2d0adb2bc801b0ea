"""Job ids are UUIDs of version 7; names have one form."""

import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spoold.model.ids import canonical_name, new_job_id


def test_a_job_id_is_a_uuid_of_version_7_made_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 0x017F22E279B0 * 1_000_000 + 999_999)
    found = new_job_id()
    assert (found.version, found.variant) == (7, uuid.RFC_4122)
    # RFC 9562, appendix A.6: the milliseconds stand in the first 48 bits.
    assert found.hex.startswith("017f22e279b07")


def test_ids_of_the_same_millisecond_differ_in_everything_that_may_be_random(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_700_000_000_000_000_000)
    found = [new_job_id().int for _ in range(500)]
    assert len(set(found)) == 500
    ever_set = ever_clear = 0
    for one in found:
        ever_set |= one
        ever_clear |= ~one
    assert (ever_set & ever_clear & (1 << 80) - 1).bit_count() == 74


def test_later_ids_sort_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(range(1_700_000_000_000, 1_700_000_000_100))
    monkeypatch.setattr(time, "time_ns", lambda: next(times) * 1_000_000)
    found = [new_job_id().bytes for _ in range(100)]
    assert found == sorted(found)


@given(st.text())
def test_the_one_form_of_a_name_is_stable(name: str) -> None:
    assert canonical_name(canonical_name(name)) == canonical_name(name)


@pytest.mark.parametrize("name", ["Ana", " ana ", "ANA", "\uff21na"])
def test_a_person_is_the_same_in_every_spelling(name: str) -> None:
    assert canonical_name(name) == "ana"
