"""The two protocol errors: theirs (from the wire) and ours (a bug)."""


class ProtocolError(Exception):
    """Base of both protocol errors."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the protocol; the connection cannot be used any further.

    Args:
        message: what was wrong, in words that may be sent to the peer.
        status_hint: the status a server should answer with, in the protocol's own numbers
            (HTTP status for HTTP, IPP status for IPP, 1 for LPR).
    """

    def __init__(self, message: str, *, status_hint: int = 400) -> None:
        super().__init__(message)
        self.status_hint = status_hint


class LocalProtocolError(ProtocolError):
    """Our own side asked for something the protocol does not allow."""


def remote_cause(error: Exception) -> RemoteProtocolError | None:
    """Find the peer's mistake in what a task or nursery raised, if that is all there is in it."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error if isinstance(error, RemoteProtocolError) else None
