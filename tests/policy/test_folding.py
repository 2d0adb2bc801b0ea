"""Two names of a group are one when a directory would say so."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.folding import fold


@pytest.mark.parametrize("one", ["Pupils", "PUPILS", "pupils"])
def test_capitals_make_no_other_group(one: str) -> None:
    assert fold(one) == "pupils"


def test_letters_with_accents_are_the_same_however_they_are_put_together() -> None:
    composed, apart = (unicodedata.normalize(form, "ÉLÈVES") for form in ("NFC", "NFD"))
    assert composed != apart
    assert fold(composed) == fold(apart) == "élèves"


@given(st.text())
def test_what_is_folded_stays_so(name: str) -> None:
    assert fold(fold(name)) == fold(name)
