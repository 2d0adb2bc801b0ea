"""The command: its list loads nothing, its errors are lines, its exit statuses are the table's."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from spoold.cli import output
from spoold.cli.client import CommandRefused, ask
from spoold.cli.main import COMMANDS, spoold
from spoold.model.errors import ConfigurationError, NotPossible

ROOT = Path(__file__).resolve().parents[3]
HEAVY = ("trio", "sqlalchemy", "starlette", "cryptography", "pydantic", "pyipp", "pypdf", "cel")


def test_the_help_loads_no_daemon() -> None:
    """Listing the commands costs no more than click."""
    program = (
        "import sys\nfrom spoold.cli.main import spoold\n"
        "try:\n    spoold.main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"
    assert all(name in done.stdout for name in COMMANDS)


def test_every_command_of_the_table_is_there() -> None:
    """The table and the functions agree."""
    for name in COMMANDS:
        assert CliRunner().invoke(spoold, [name, "--help"]).exit_code == 0, name


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["nonsense"], 2, "No such command"),
        (["jobs", "--config", "/nowhere/spoold.toml"], 2, "/nowhere/spoold.toml"),
        (["release"], 2, "Missing argument"),
        (["key", "generate", "/nowhere/store.key"], 2, "/nowhere"),
        (["check", "--config", "/nowhere/spoold.toml"], 2, "/nowhere/spoold.toml"),
        (["--version"], 0, "spoold 0."),
    ],
)
def test_exit_statuses(arguments: list[str], status: int, words: str) -> None:
    """Usage and configuration end with 2, in one line, without a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "spoold", *arguments], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == status
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    """Making a key twice under one name would lose everything held under the first."""
    path = tmp_path / "store.key"
    first = CliRunner().invoke(spoold, ["key", "generate", str(path)])
    assert first.exit_code == 0
    content = path.read_bytes()
    assert (len(bytes.fromhex(content.decode())), path.stat().st_mode & 0o777) == (32, 0o600)
    second = CliRunner().invoke(spoold, ["key", "generate", str(path)])
    assert isinstance(second.exception, ConfigurationError)
    assert path.read_bytes() == content


def test_terminals_are_safe_from_what_clients_send() -> None:
    """Control characters and direction marks become question marks."""
    assert output.clean("a\x1b[2Jb\u202ec\n") == "a?[2Jb?c?"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (14400, "4 h 00 min")]
)
def test_time_left_in_words(seconds: int, words: str) -> None:
    """People read hours and minutes."""
    assert output.in_words(seconds) == words


def test_an_error_is_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    """Several mistakes are several lines, and private fields stay out."""
    status = output.fail(NotPossible("first\nsecond", secret="field"))
    assert status == 1
    assert capsys.readouterr().err == "spoold: first\nspoold: second\n"


# -- talking to a daemon --


@contextmanager
def _daemon(tmp_path: Path, answer: bytes) -> Iterator[tuple[str, list[Any]]]:
    """Answer one request on a control socket; yields the configuration and what was asked."""
    state = tmp_path / "state"
    state.mkdir()
    config = tmp_path / "spoold.toml"
    config.write_text(f'[server]\nname = "x"\nstate_dir = "{state}"\n')
    asked: list[Any] = []
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(state / "control.sock"))
        listening.listen()

        def serve() -> None:
            connection, _ = listening.accept()
            with connection, connection.makefile("rb") as lines:
                asked.append(json.loads(lines.readline()))
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield str(config), asked
        thread.join()


def test_a_command_is_asked_and_answered(tmp_path: Path) -> None:
    """The request names the command and its arguments; the result comes back as it is."""
    with _daemon(tmp_path, b'{"ok": true, "result": [1]}\n') as (config, asked):
        assert ask(config, "jobs", one="two") == [1]
    assert asked == [{"command": "jobs", "arguments": {"one": "two"}}]


def test_a_refusal_keeps_the_daemon_s_words_and_status(tmp_path: Path) -> None:
    """The exit status is the daemon's."""
    answer = {"ok": False, "error": {"kind": "not-possible", "public": "Not now.", "exit_code": 1}}
    with _daemon(tmp_path, json.dumps(answer).encode() + b"\n") as (config, _):
        with pytest.raises(CommandRefused, match="Not now") as caught:
            ask(config, "release")
    assert (caught.value.exit_code, caught.value.refused_kind) == (1, "not-possible")


def test_garbage_from_the_socket_is_an_error_in_words(tmp_path: Path) -> None:
    """A daemon that dies in the middle of its answer is no traceback."""
    with _daemon(tmp_path, b'{"ok": tr') as (config, _):
        with pytest.raises(ConfigurationError, match="did not answer"):
            ask(config, "jobs")


def test_no_daemon_is_said(tmp_path: Path) -> None:
    """The person is told how to start one."""
    config = tmp_path / "spoold.toml"
    config.write_text(f'[server]\nname = "x"\nstate_dir = "{tmp_path}"\n')
    with pytest.raises(ConfigurationError, match="spoold serve"):
        ask(str(config), "jobs")
