"""The portal served over TLS from a thread, for clients that are programs of their own."""

import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import trio

from protocols.tls import create_self_signed, server_context
from spoold.doors.web.app import serve_web
from tests.support.identities import make_identity, open_database
from tests.support.web_portal import PortalKit, make_portal

# A busy machine may need seconds to hash four passwords and start.
START_TIMEOUT_S = 30.0
T = TypeVar("T")


@dataclass
class ServedPortal:
    """A portal that answers at `origin`."""

    portal: PortalKit
    port: int
    certificate: Path
    token: trio.lowlevel.TrioToken

    def ask(self, function: Callable[..., Awaitable[T]], *arguments: object) -> T:
        """Run something in the portal's own thread and return what it returns."""
        return trio.from_thread.run(function, *arguments, trio_token=self.token)

    @property
    def origin(self) -> str:
        return f"https://localhost:{self.port}"


@contextmanager
def serving_portal(folder: Path) -> Iterator[ServedPortal]:
    """Serve a portal on a loopback port until the block ends."""
    key_path, certificate_path = folder / "key.pem", folder / "certificate.pem"
    key, certificate = create_self_signed(["localhost"])
    key_path.write_bytes(key)
    certificate_path.write_bytes(certificate)
    started, found = threading.Event(), []
    stop: list[Callable[[], None]] = []

    async def main() -> None:
        with open_database(folder / "spoold.db") as database:
            portal = await make_portal(make_identity(database))
            listener = socket.create_server(("127.0.0.1", 0))
            token = trio.lowlevel.current_trio_token()
            served = ServedPortal(portal, listener.getsockname()[1], certificate_path, token)
            context = server_context(certificate_path, key_path)
            shutdown = trio.Event()
            stop.append(lambda: token.run_sync_soon(shutdown.set))
            async with trio.open_nursery() as nursery:

                async def run(*, task_status: trio.TaskStatus[None]) -> None:
                    await serve_web(
                        portal.app,
                        [listener],
                        tls_context=lambda: context,
                        shutdown=shutdown.wait,
                        task_status=task_status,
                    )

                await nursery.start(run)
                found.append(served)
                started.set()

    thread = threading.Thread(target=trio.run, args=(main,), name="portal")
    thread.start()
    try:
        assert started.wait(START_TIMEOUT_S), "the portal did not start"
        yield found[0]
    finally:
        for each in stop:
            each()
        thread.join()
