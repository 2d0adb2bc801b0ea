"""Errors that know their audience: public words, private fields for the log, and every protocol's status."""

from typing import ClassVar


class SpoolError(Exception):
    """Base of every refusal and failure that a person or client hears of.

    Args:
        public: one or two sentences for the person concerned: what happened and what to do next.
        **fields: for the log only; never a title, a password or a document's content.

    Class attributes give the answer in each protocol: `ipp_status` (RFC 8011, IANA), `http_status`,
    `exit_code` (1 refused or failed, 2 usage or configuration), `kind` (stable word for metrics and
    problem documents), `temporary` (whether trying again later can help).
    """

    kind: ClassVar[str] = "failed"
    ipp_status: ClassVar[int] = 0x0502
    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    temporary: ClassVar[bool] = False

    def __init__(self, public: str, **fields: object) -> None:
        super().__init__(public)
        self.public = public
        self.fields = fields


class NotAuthenticated(SpoolError):  # noqa: N818 - the names below read as what happened
    """Nobody was proven, or not recently enough."""

    kind = "not-authenticated"
    ipp_status = 0x0402
    http_status = 401


class ProofTooOld(NotAuthenticated):
    """The sign-in is valid, but too long ago for what was asked."""

    kind = "proof-too-old"


class NotAuthorized(SpoolError):  # noqa: N818
    """Somebody was proven, but may not do this."""

    kind = "not-authorized"
    ipp_status = 0x0403
    http_status = 403


class NotFound(SpoolError):  # noqa: N818
    """No such job, queue or printer for this person."""

    kind = "not-found"
    ipp_status = 0x0406
    http_status = 404


class NotPossible(SpoolError):  # noqa: N818
    """The job's state does not allow it."""

    kind = "not-possible"
    ipp_status = 0x0404
    http_status = 409


class RefusedByPolicy(SpoolError):  # noqa: N818
    """A rule of the site said no."""

    kind = "refused-by-policy"
    # CUPS clients cancel the job on 040B; 0404 they retry for ever, 0403 makes them ask for a password again.
    ipp_status = 0x040B
    http_status = 403


class PrinterNotReady(SpoolError):  # noqa: N818
    """The printer reports an error, or nothing is known of it."""

    kind = "printer-not-ready"
    ipp_status = 0x0404
    http_status = 409
    temporary = True


class UnsupportedDocument(SpoolError):  # noqa: N818
    """The document is not of a format that may be printed here, or not of the declared one."""

    kind = "unsupported-document"
    ipp_status = 0x040A
    http_status = 415


class EmptyDocument(UnsupportedDocument):
    """There is nothing in the document."""


class BrokenCompression(UnsupportedDocument):
    """The document was sent compressed, and cannot be read so."""

    kind = "broken-compression"
    ipp_status = 0x0410


class TooLarge(SpoolError):  # noqa: N818
    """A bound was passed."""

    kind = "too-large"
    ipp_status = 0x0408
    http_status = 413


class TooManyAttempts(SpoolError):  # noqa: N818
    """Sign-in is throttled for a while."""

    kind = "too-many-attempts"
    ipp_status = 0x0402
    http_status = 429
    temporary = True


class Unavailable(SpoolError):  # noqa: N818
    """Store, database, key, policy or directory is in doubt: the answer is no for now."""

    kind = "unavailable"
    ipp_status = 0x0502
    http_status = 503
    temporary = True


class NotAccepting(SpoolError):  # noqa: N818
    """The queue takes no jobs; the client keeps its job and comes again."""

    kind = "not-accepting"
    ipp_status = 0x0506
    http_status = 503
    temporary = True


class Busy(SpoolError):  # noqa: N818
    """Too much is going on; the client keeps its job and comes again."""

    kind = "busy"
    ipp_status = 0x0507
    http_status = 503
    temporary = True


class ConfigurationError(SpoolError):
    """The configuration cannot be used."""

    kind = "configuration"
    exit_code = 2
