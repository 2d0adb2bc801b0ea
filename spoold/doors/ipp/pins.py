"""Release-Job with a PIN: the name the job was sent under and its PIN are proof enough (PWG 5100.11)."""

from protocols.ipp.message import Group, Message
from protocols.ipp.tags import GroupTag
from spoold.doors.ipp.context import IppRequest, answer
from spoold.doors.ipp.door import Door
from spoold.doors.ipp.holding import pin_of
from spoold.doors.ipp.job_attributes import creation_answer
from spoold.model.access import Action, may
from spoold.model.errors import NotAuthorized
from spoold.release.pins import WRONG, Wanted, WrongPin

OPEN_LINE = "A PIN is only taken over ipps://; change the printer's address."


def comes_with_pin(request: IppRequest) -> bool:
    """Tell whether the request's PIN has to be its proof: nobody was proven who may release the job."""
    if pin_of(request.operation) is None:
        return False
    return request.job is None or not may(request.principal, Action.RELEASE, request.job, also=request.also)


async def release_by_pin(door: Door, request: IppRequest) -> Message:
    """Answer Release-Job (RFC 8011 4.3.6) from somebody who knows the job's PIN and whose job it is.

    Raises:
        WrongPin: also for jobs that are not there.
    """
    pin = pin_of(request.operation)
    if pin is None:
        raise WrongPin(WRONG)
    if not request.is_private:
        raise NotAuthorized(OPEN_LINE)
    wanted = Wanted(
        number=request.job_number or 0, queue=request.queue.name, name=request.requesting_user_name
    )
    (job,) = await door.desk.pins.release(
        wanted, pin, request.operation.string("output-device"), peer=request.http.peer_host
    )
    return answer(
        request.message, groups=[Group(GroupTag.JOB, creation_answer(request, job))], words=job.reason
    )
