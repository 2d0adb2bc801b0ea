"""Set-Job-Attributes: how a held job is printed and what it is called, by its owner (RFC 3380 4.2)."""

from collections.abc import Iterable

from protocols.ipp.message import Attribute, Group, Message, Value
from protocols.ipp.status import Status
from protocols.ipp.tags import GroupTag, ValueTag
from protocols.ipp.values import clip
from spoold.doors.ipp.context import IppRequest, answer
from spoold.doors.ipp.door import Door, asked_job, proven
from spoold.doors.ipp.holding import MAX_NAME_OCTETS
from spoold.doors.ipp.job_attributes import JOB_NAME, SETTABLE, creation_answer
from spoold.doors.ipp.paper import BOTH_WORDS, OTHER_WAY, in_one_way
from spoold.doors.ipp.validation import check_template
from spoold.intake.changes import Change, JobChanges
from spoold.model.template import template_of


async def set_job_attributes(door: Door, request: IppRequest) -> Message:
    """Answer Set-Job-Attributes: everything asked for is changed, or nothing is."""
    job = asked_job(request)
    asked = request.message.group(GroupTag.JOB)
    fixed = [one for one in asked if one.name not in SETTABLE]
    if fixed:
        return answer(
            request.message,
            Status.CLIENT_ERROR_ATTRIBUTES_NOT_SETTABLE,
            words="Some of these attributes cannot be changed; nothing was changed.",
            unsupported=[Attribute(one.name, (Value(ValueTag.NOT_SETTABLE, None),)) for one in fixed],
        )
    removed = frozenset(one.name for one in asked if _removes(one))
    settings, twice = in_one_way(one for one in asked if one.name not in removed | {JOB_NAME})
    if twice:
        return answer(
            request.message, Status.CLIENT_ERROR_CONFLICTING_ATTRIBUTES, words=BOTH_WORDS, unsupported=twice
        )
    title = asked.string(JOB_NAME)
    checked = check_template(settings, door.attributes.supported_of(request.queue))
    refused = (*checked.refused, *_bad_name(asked, removed))
    if refused:
        return answer(
            request.message,
            Status.CLIENT_ERROR_ATTRIBUTES_OR_VALUES_NOT_SUPPORTED,
            words="Some of the options you chose are not available here; nothing was changed.",
            unsupported=refused,
        )
    if not asked.attributes:
        return answer(request.message)
    # Paper that is asked for in one way is not asked for in the other any more.
    had = {one.name for one in template_of(job)}
    removed |= {OTHER_WAY.get(one.name, "") for one in checked.kept} & had
    change = Change(checked.kept, removed, None if title is None else clip(title, MAX_NAME_OCTETS))
    changes = JobChanges(door.site, door.database, door.words, door.clock)
    changed = await changes.change(proven(request), request.queue, job, change)
    return answer(request.message, groups=[Group(GroupTag.JOB, creation_answer(request, changed))])


def _removes(attribute: Attribute) -> bool:
    return attribute.values[0].tag == ValueTag.DELETE_ATTRIBUTE


def _bad_name(asked: Group, removed: frozenset[str]) -> Iterable[Attribute]:
    """A job has a name, and only one."""
    name = asked.get(JOB_NAME)
    if name is not None and (JOB_NAME in removed or asked.string(JOB_NAME) is None):
        yield name
