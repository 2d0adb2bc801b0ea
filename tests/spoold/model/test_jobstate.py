"""The state table as a graph: what can be reached, what ends, and what may never happen."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spoold.model.jobstate import (
    AT_PRINTER,
    FINAL,
    LIVE,
    TRANSITIONS,
    IllegalTransition,
    JobEvent,
    JobState,
    after,
    states_before,
)


def _reachable(start: JobState) -> set[JobState]:
    found, waiting = {start}, [start]
    while waiting:
        state = waiting.pop()
        following = {TRANSITIONS[edge] for edge in TRANSITIONS if edge[0] is state}
        waiting.extend(following - found)
        found |= following
    return found


def test_every_state_is_reached_from_receiving() -> None:
    """No state is left that nothing leads to."""
    assert _reachable(JobState.RECEIVING) == set(JobState)


def test_every_live_state_can_end() -> None:
    """From wherever a job is, it can reach an end."""
    for state in LIVE:
        assert _reachable(state) & FINAL, state


def test_final_states_are_left_by_nothing() -> None:
    """What has ended stays ended."""
    assert not [edge for edge in TRANSITIONS if edge[0] in FINAL]


def test_paper_comes_only_through_a_grant() -> None:
    """Printing has one way in, and it begins with a grant on a held job."""
    assert states_before(JobEvent.FIRST_BYTE) == {JobState.RELEASING}
    assert states_before(JobEvent.GRANTED) == {JobState.HELD}
    into_releasing = {edge for edge, state in TRANSITIONS.items() if state is JobState.RELEASING}
    assert into_releasing == {(JobState.HELD, JobEvent.GRANTED)}


def test_completed_only_after_printing() -> None:
    """Nothing is called printed that was not sent."""
    assert {edge[0] for edge, state in TRANSITIONS.items() if state is JobState.COMPLETED} == {
        JobState.PRINTING
    }


def test_unknown_is_left_by_a_person_or_by_time_only() -> None:
    """A job of which nobody knows whether it was printed is never printed again by itself."""
    leaving = {edge[1] for edge in TRANSITIONS if edge[0] is JobState.UNKNOWN}
    assert leaving == {JobEvent.RETURNED, JobEvent.CANCELED, JobEvent.EXPIRED}


def test_an_edge_that_is_not_in_the_table_is_refused() -> None:
    """All pairs outside the table raise, and say which."""
    for state, event in itertools.product(JobState, JobEvent):
        if (state, event) not in TRANSITIONS:
            with pytest.raises(IllegalTransition) as caught:
                after(state, event)
            assert (caught.value.state, caught.value.event) == (state, event)


def test_approval_never_prints() -> None:
    """A job that waits for approval becomes held at most, and its way to a printer is still a grant."""
    leaving = {edge[1]: state for edge, state in TRANSITIONS.items() if edge[0] is JobState.WAITING_APPROVAL}
    assert set(leaving.values()) == {JobState.HELD, JobState.QUARANTINED, *FINAL} - {JobState.COMPLETED}
    assert leaving[JobEvent.APPROVED] is JobState.HELD
    assert leaving[JobEvent.REFUSED] is JobState.ABORTED
    assert states_before(JobEvent.APPROVED) == {JobState.WAITING_APPROVAL}
    assert states_before(JobEvent.NEEDS_APPROVAL) == {JobState.INSPECTING, JobState.HELD}


@given(st.lists(st.sampled_from(list(JobEvent)), max_size=30))
def test_random_walks_never_print_without_a_grant(events: list[JobEvent]) -> None:
    """Whatever happens in whatever order, each arrival at a printer was preceded by its own grant."""
    state, grants, printings = JobState.RECEIVING, 0, 0
    for event in events:
        try:
            following = after(state, event)
        except IllegalTransition:
            continue
        grants += event is JobEvent.GRANTED
        printings += following is JobState.PRINTING and state is not JobState.PRINTING
        assert printings <= grants
        state = following
    assert (state in AT_PRINTER) <= (grants > 0)
