"""A job is not released under an obligation that nothing here honours."""

import pytest

from spoold.model.errors import RefusedByPolicy
from spoold.model.ids import new_job_id
from spoold.model.obligation import HONOURED, Obligation, check_met


@pytest.mark.parametrize("asked", [set(), {"mask"}])
def test_what_is_honoured_passes(asked: set[str]) -> None:
    assert asked <= HONOURED
    check_met(asked, new_job_id())


@pytest.mark.parametrize("unmet", [Obligation.WATERMARK, Obligation.ARCHIVE, "something newer"])
def test_what_is_not_honoured_refuses(unmet: str) -> None:
    with pytest.raises(RefusedByPolicy) as caught:
        check_met({"mask", unmet}, new_job_id())
    assert caught.value.fields["unmet"] == [unmet]
