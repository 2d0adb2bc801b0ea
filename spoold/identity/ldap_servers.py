"""The servers of one directory: asked in turn, in threads, within a time that is never passed."""

import ssl
from collections.abc import Callable, Sequence
from typing import TypeVar

import structlog
import trio

from spoold.identity.ldap import LdapConversation, LdapServer, ServerFailed
from spoold.identity.ldap_settings import DirectorySettings
from spoold.model.errors import Unavailable
from spoold.runtime.clock import Clock

log = structlog.get_logger()

# Questions at a time: a directory answers each within milliseconds, and no thread waits for long.
MAX_CONVERSATIONS = 8
# A server that failed is asked after the others for this long.
AVOIDED_S = 30.0
NOT_ASKED = "The directory cannot be asked at this moment. Try again in a few minutes."

_T = TypeVar("_T")


class LdapServers:
    """Has a question answered by the first server that can.

    Args:
        context: verifies certificates and host names of all servers.
    """

    def __init__(
        self,
        settings: DirectorySettings,
        servers: Sequence[LdapServer],
        context: ssl.SSLContext,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._servers = tuple(servers)
        self._context = context
        self._clock = clock
        self._limiter = trio.CapacityLimiter(MAX_CONVERSATIONS)
        self._avoided_until: dict[LdapServer, float] = {}

    async def ask(self, work: Callable[[LdapConversation], _T]) -> _T:
        """Return what `work` finds out in a conversation with one server.

        Args:
            work: runs in a thread; asked again with another server when one fails.

        Raises:
            Unavailable: no server could answer within the time.
        """
        deadline_s = trio.current_time() + self._settings.timeout_s
        servers = self._in_order()
        for place, server in enumerate(servers):
            left_s = deadline_s - trio.current_time()
            share_s = left_s if place == len(servers) - 1 else min(left_s, self._settings.server_s)
            if share_s <= 0:
                break
            try:
                found = await self._converse(server, work, share_s)
            except ServerFailed as error:
                self._avoid(server, str(error))
            else:
                self._welcome(server)
                return found
        raise Unavailable(NOT_ASKED, directory=self._settings.name)

    async def _converse(
        self, server: LdapServer, work: Callable[[LdapConversation], _T], share_s: float
    ) -> _T:
        conversation = LdapConversation(server, self._context, share_s)

        def run() -> _T:
            with conversation as link:
                return work(link)

        with trio.move_on_after(share_s):
            try:
                return await trio.to_thread.run_sync(run, limiter=self._limiter, abandon_on_cancel=True)
            except trio.Cancelled:
                # The thread waits for an answer that nobody wants any more.
                conversation.abort()
                raise
        raise ServerFailed("no answer in time")

    def _in_order(self) -> list[LdapServer]:
        """Return the servers as configured, those that failed a moment ago last."""
        now = self._clock.monotonic_s()
        return sorted(self._servers, key=lambda server: self._avoided_until.get(server, 0.0) > now)

    def _avoid(self, server: LdapServer, why: str) -> None:
        known = server in self._avoided_until
        self._avoided_until[server] = self._clock.monotonic_s() + AVOIDED_S
        if not known:
            log.warning("directory-server-failed", directory=self._settings.name, server=str(server), why=why)

    def _welcome(self, server: LdapServer) -> None:
        if self._avoided_until.pop(server, None) is not None:
            log.info("directory-server-answers", directory=self._settings.name, server=str(server))
