"""A control socket that answers commands from a table, for the command line."""

import json
import socket
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from spoold.cli.main import main


@dataclass
class ControlPeer:
    """Answers each command with its result; an Exception in the table is a refusal in its words."""

    config: Path
    results: Mapping[str, Any]
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def serve(self, listening: socket.socket) -> None:
        """Answer until the socket is shut down."""
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines:
                request = json.loads(lines.readline())
                self.asked.append((request["command"], request["arguments"]))
                result = self.results[request["command"]]
                answer = {"ok": True, "result": result}
                if isinstance(result, Exception):
                    error = {"kind": "refused", "public": str(result), "exit_code": 1}
                    answer = {"ok": False, "error": error}
                connection.sendall(json.dumps(answer).encode() + b"\n")

    def run(
        self,
        *words: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        stdin: str = "",
    ) -> "Done":
        """Run the command in this process."""
        monkeypatch.setattr(sys, "argv", ["spoold", *words, "--config", str(self.config)])
        monkeypatch.setattr(sys, "stdin", StringIO(stdin))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        status = ended.value.code
        assert isinstance(status, int)
        return Done(status, out, err)


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> Sequence[str]:
        return self.out.splitlines()


@contextmanager
def control_peer(root: Path, results: Mapping[str, Any]) -> Iterator[ControlPeer]:
    """Serve a control socket below `root` as long as the block lasts."""
    state = root / "state"
    state.mkdir()
    config = root / "spoold.toml"
    config.write_text(f'[server]\nname = "x"\nstate_dir = "{state}"\n')
    peer = ControlPeer(config, results)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(state / "control.sock"))
        listening.listen()
        thread = threading.Thread(target=peer.serve, args=(listening,))
        thread.start()
        try:
            yield peer
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
