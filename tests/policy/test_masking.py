"""Names stay private: inward for everybody but the owner, outward for printers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.masking import (
    MAX_NAME_BYTES,
    OUTWARD_USER,
    document_title_for,
    masked_name,
    outward_job_name,
    outward_user_name,
)

SECRET = "Letter of dismissal"


@pytest.mark.parametrize(
    ("viewer_is_owner", "masked", "shown"),
    [(True, True, SECRET), (True, False, SECRET), (False, True, "Job 17"), (False, False, SECRET)],
)
def test_only_the_owner_sees_a_masked_title(viewer_is_owner: bool, masked: bool, shown: str) -> None:
    assert (
        document_title_for(viewer_is_owner=viewer_is_owner, masked=masked, title=SECRET, number=17) == shown
    )


@settings(deadline=None)
@given(st.text(min_size=1), st.integers(1, 2**31 - 1))
def test_what_stands_for_a_masked_name_depends_on_the_number_only(title: str, number: int) -> None:
    assert document_title_for(viewer_is_owner=False, masked=True, title=title, number=number) == masked_name(
        number
    )
    assert outward_job_name(masked=True, title=title, number=number) == masked_name(number)


def test_a_job_without_title_is_called_by_its_number() -> None:
    assert document_title_for(viewer_is_owner=True, masked=False, title=" ", number=3) == "Job 3"
    assert outward_job_name(masked=False, title="", number=3) == "Job 3"


def test_printers_are_told_who_prints_only_without_masking() -> None:
    assert outward_user_name(masked=True, name="anna") == OUTWARD_USER
    assert outward_user_name(masked=False, name="anna") == "anna"
    assert outward_user_name(masked=False, name="") == OUTWARD_USER


@settings(deadline=None)
@given(st.text(min_size=1).filter(lambda text: bool(text.strip())))
def test_outward_names_fit_into_an_ipp_name(title: str) -> None:
    for outward in (
        outward_job_name(masked=False, title=title * 100, number=1),
        outward_user_name(masked=False, name=title * 100),
    ):
        assert 0 < len(outward.encode()) <= MAX_NAME_BYTES


def test_a_short_outward_name_is_the_title() -> None:
    assert outward_job_name(masked=False, title="Zoé", number=1) == "Zoé"
    assert outward_job_name(masked=False, title="é" * 200, number=1) == "é" * 127
