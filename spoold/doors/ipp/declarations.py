"""Every operation the door answers: what it is about, what one must be allowed to do, and who answers it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from protocols.ipp.message import Message
from protocols.ipp.operations import Operation
from spoold.doors.ipp import (
    documents,
    events,
    jobs,
    listing,
    pins,
    queue_control,
    queues,
    settings,
    submit,
    subscriptions,
)
from spoold.doors.ipp.context import IppRequest
from spoold.doors.ipp.door import Door
from spoold.model.access import Action

# An answer that is made again and again comes encoded.
Handler = Callable[[Door, IppRequest], Awaitable[Message | bytes]]


class Object(Enum):
    """What an operation is about."""

    QUEUE = "queue"
    JOB = "job"


@dataclass(frozen=True, slots=True)
class Declaration:
    """One operation: what it is about, what one must be allowed to do, and who answers it.

    Args:
        fresh: the password is checked anew, whatever was proven minutes ago.
        by_pin: who answers somebody whose only proof is the job's PIN.
        repeatable: the answer is the same for everybody who sends the same octets (`doors.ipp.repeats`).
    """

    operation: Operation
    about: Object
    action: Action
    handler: Handler
    fresh: bool = False
    by_pin: Handler | None = None
    repeatable: bool = False


OPERATIONS: tuple[Declaration, ...] = (
    Declaration(Operation.PRINT_JOB, Object.QUEUE, Action.SUBMIT, submit.print_job),
    Declaration(Operation.VALIDATE_JOB, Object.QUEUE, Action.SUBMIT, submit.validate_job),
    Declaration(Operation.VALIDATE_DOCUMENT, Object.QUEUE, Action.SUBMIT, submit.validate_document),
    Declaration(Operation.CREATE_JOB, Object.QUEUE, Action.SUBMIT, submit.create_job),
    Declaration(Operation.SEND_DOCUMENT, Object.JOB, Action.SEND_DOCUMENT, submit.send_document),
    Declaration(Operation.CLOSE_JOB, Object.JOB, Action.SEND_DOCUMENT, submit.close_job),
    Declaration(Operation.CANCEL_JOB, Object.JOB, Action.READ_STATE, jobs.cancel_job),
    Declaration(Operation.GET_JOB_ATTRIBUTES, Object.JOB, Action.READ_STATE, listing.get_job_attributes),
    Declaration(Operation.GET_JOBS, Object.QUEUE, Action.READ_QUEUE, listing.get_jobs),
    Declaration(Operation.CANCEL_MY_JOBS, Object.QUEUE, Action.CANCEL_MINE, jobs.cancel_my_jobs),
    Declaration(Operation.HOLD_JOB, Object.JOB, Action.HOLD, jobs.hold_job),
    Declaration(
        Operation.RELEASE_JOB,
        Object.JOB,
        Action.RELEASE,
        jobs.release_job,
        fresh=True,
        by_pin=pins.release_by_pin,
    ),
    Declaration(
        Operation.GET_PRINTER_ATTRIBUTES,
        Object.QUEUE,
        Action.READ_QUEUE,
        queues.get_printer_attributes,
        repeatable=True,
    ),
    Declaration(
        Operation.GET_USER_PRINTER_ATTRIBUTES, Object.QUEUE, Action.READ_QUEUE, queues.get_printer_attributes
    ),
    Declaration(
        Operation.SET_JOB_ATTRIBUTES,
        Object.JOB,
        Action.CHANGE_JOB,
        settings.set_job_attributes,
        fresh=True,
    ),
    Declaration(Operation.GET_DOCUMENTS, Object.JOB, Action.READ_STATE, documents.get_documents),
    Declaration(
        Operation.GET_DOCUMENT_ATTRIBUTES, Object.JOB, Action.READ_STATE, documents.get_document_attributes
    ),
    Declaration(
        Operation.CREATE_PRINTER_SUBSCRIPTIONS,
        Object.QUEUE,
        Action.SUBSCRIBE,
        subscriptions.create_printer_subscriptions,
    ),
    Declaration(
        Operation.CREATE_JOB_SUBSCRIPTIONS,
        Object.QUEUE,
        Action.SUBSCRIBE,
        subscriptions.create_job_subscriptions,
    ),
    Declaration(
        Operation.GET_SUBSCRIPTION_ATTRIBUTES,
        Object.QUEUE,
        Action.SUBSCRIBE,
        subscriptions.get_subscription_attributes,
    ),
    Declaration(Operation.GET_SUBSCRIPTIONS, Object.QUEUE, Action.SUBSCRIBE, subscriptions.get_subscriptions),
    Declaration(
        Operation.RENEW_SUBSCRIPTION, Object.QUEUE, Action.SUBSCRIBE, subscriptions.renew_subscription
    ),
    Declaration(
        Operation.CANCEL_SUBSCRIPTION, Object.QUEUE, Action.SUBSCRIBE, subscriptions.cancel_subscription
    ),
    Declaration(Operation.GET_NOTIFICATIONS, Object.QUEUE, Action.SUBSCRIBE, events.get_notifications),
    Declaration(Operation.CANCEL_JOBS, Object.QUEUE, Action.OPERATE_QUEUE, jobs.cancel_jobs, fresh=True),
    Declaration(Operation.PAUSE_PRINTER, Object.QUEUE, Action.OPERATE_QUEUE, queue_control.pause_printer),
    Declaration(Operation.RESUME_PRINTER, Object.QUEUE, Action.OPERATE_QUEUE, queue_control.resume_printer),
    Declaration(Operation.DISABLE_PRINTER, Object.QUEUE, Action.OPERATE_QUEUE, queue_control.disable_printer),
    Declaration(Operation.ENABLE_PRINTER, Object.QUEUE, Action.OPERATE_QUEUE, queue_control.enable_printer),
    Declaration(Operation.HOLD_NEW_JOBS, Object.QUEUE, Action.OPERATE_QUEUE, queue_control.hold_new_jobs),
    Declaration(
        Operation.RELEASE_HELD_NEW_JOBS,
        Object.QUEUE,
        Action.OPERATE_QUEUE,
        queue_control.release_held_new_jobs,
    ),
    Declaration(Operation.IDENTIFY_PRINTER, Object.QUEUE, Action.IDENTIFY_QUEUE, queues.identify_printer),
)
SUPPORTED = tuple(declaration.operation for declaration in OPERATIONS)
TABLE = {int(declaration.operation): declaration for declaration in OPERATIONS}
