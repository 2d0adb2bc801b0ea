"""Job ids are UUIDs of version 7; names have one form."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spoold.model.ids import canonical_name, new_job_id

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_job_id_is_a_uuid_of_version_7() -> None:
    found = new_job_id(datetime(2022, 2, 22, 19, 22, 22, 999, tzinfo=UTC))
    assert (found.version, found.variant) == (7, uuid.RFC_4122)
    # RFC 9562, appendix A.6: the milliseconds of this moment stand in the first 48 bits.
    assert found.hex.startswith("017f22e279b07")


@pytest.mark.parametrize(("at", "bits"), [(NOW, 74), (None, 122)])
def test_ids_differ_in_everything_that_may_be_random(at: datetime | None, bits: int) -> None:
    found = [new_job_id(at).int for _ in range(500)]
    assert len(set(found)) == 500
    ever_set = ever_clear = 0
    for one in found:
        ever_set |= one
        ever_clear |= ~one
    assert (ever_set & ever_clear & (1 << 128) - 1).bit_count() == bits


def test_later_ids_sort_behind() -> None:
    found = [new_job_id(NOW + timedelta(milliseconds=later)).bytes for later in range(100)]
    assert found == sorted(found)


@given(st.text())
def test_the_one_form_of_a_name_is_stable(name: str) -> None:
    assert canonical_name(canonical_name(name)) == canonical_name(name)


@pytest.mark.parametrize("name", ["Ana", " ana ", "ANA", "\uff21na"])
def test_a_person_is_the_same_in_every_spelling(name: str) -> None:
    assert canonical_name(name) == "ana"
