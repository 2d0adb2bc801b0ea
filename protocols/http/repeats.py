"""What a server may be given to answer a request it has answered before, without reading it again."""

from typing import Protocol


class Repeats(Protocol):
    """A memory of answers, by the octets of whole requests.

    The server asks only where a request may begin: nothing of another one is left over, the connection is
    not about to end, and the octets are all that has come. An equal request was read by every rule before.
    """

    def recall(self, octets: bytes, *, tls: bool) -> bytes | None:
        """Return the whole answer to these octets, if they are one known request and nothing more."""

    def keep(self, octets: bytes, answer: bytes, again: object, *, tls: bool) -> None:
        """Remember that `octets`, one whole request with its length, got `answer`, a whole response.

        Args:
            again: `Response.again` of that answer, never None.
        """


class NoRepeats:
    """Remembers nothing."""

    def recall(self, octets: bytes, *, tls: bool) -> bytes | None:  # noqa: ARG002 - the protocol's words
        """See `Repeats`."""
        return None

    def keep(self, octets: bytes, answer: bytes, again: object, *, tls: bool) -> None:
        """See `Repeats`."""
