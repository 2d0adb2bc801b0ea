"""Processes that stand in for a document worker that a document has taken over, or that is just ill."""

import sys

_START = (
    "import os, sys, time\n"
    "def say(line): os.write(1, line + b'\\n')\n"
    'READY = b\'{"ok": true, "reason": null, "landlock_abi": 7}\'\n'
    'ONE = b\'{"pages": 1, "page_sizes": [], "encrypted": false, "broken": false, "reason": null}\'\n'
    "def swallow():\n"
    "    while os.read(0, 1 << 16): pass\n"
)


def worker(code: str) -> tuple[str, ...]:
    """Say how to start a process that runs `code`, with say(), swallow(), READY and ONE at hand."""
    return (sys.executable, "-I", "-c", _START + code)


GOOD = worker("say(READY); swallow(); say(ONE)")
SILENT = worker("say(READY); swallow()")
CRASHES = worker("say(READY); swallow(); sys.exit(7)")
KILLED = worker("say(READY); swallow(); os.kill(os.getpid(), 9)")
FORBIDDEN = worker("say(READY); swallow(); os.kill(os.getpid(), 31)")
HANGS = worker("say(READY); swallow(); time.sleep(600)")
NEVER_READS = worker("say(READY); time.sleep(600)")
ENDLESS_LINE = worker("say(READY); swallow()\nwhile True: os.write(1, b'x' * 4096)")
LOUD = worker("say(READY); os.write(2, b'the-secret ' * 400000); swallow(); say(ONE)")
LOUD_AND_LOST = worker("say(READY); swallow(); os.write(2, b'the-secret ' * 4000)")
ANSWERS_EARLY = worker("say(READY); say(ONE); time.sleep(600)")
NOT_READY = worker("say(b'hello')")
STARTS_SLOWLY = worker("time.sleep(600)")
DIES_AT_ONCE = worker("")


def answering(answer: str) -> tuple[str, ...]:
    """A worker that reads all and then says `answer`."""
    return worker(f"say(READY); swallow(); say({answer.encode()!r})")
