"""Stands where a reading process stands: the first one of a run is traced, the later ones are not.

    first_only.py TOKEN LOG STRACE_WORDS... -- COMMAND...

Whoever removes TOKEN is the first. It stays the child of who started it: the tracer is a process of its own, and is
let go as soon as LOG says that it has killed somebody, so that what is forked after that lives.
"""

import os
import signal
import sys
import time

LOOK_S = 0.001
KILLED = b"killed by SIGKILL"


def main() -> None:
    token, log, cut = sys.argv[1], sys.argv[2], sys.argv.index("--")
    command = sys.argv[cut + 1 :]
    try:
        os.unlink(token)  # noqa: PTH108 - it starts for every reader: no import that is not needed
    except FileNotFoundError:
        os.execvp(command[0], command)
    traced = os.getpid()
    if os.fork() == 0:
        for descriptor in (0, 1):
            os.close(descriptor)
        watch(traced, log)
        os._exit(0)
    os.execvp("strace", ["strace", "-D", "-o", log, *sys.argv[3:cut], "--", *command])


def watch(traced: int, log: str) -> None:
    """Until the tracer has killed somebody, or all is over."""
    while is_alive(traced):
        time.sleep(LOOK_S)
        try:
            with open(log, "rb") as said:  # noqa: PTH123
                if KILLED in said.read():
                    tracer = status(traced).partition(b"TracerPid:")[2].split()
                    if tracer and int(tracer[0]):
                        os.kill(int(tracer[0]), signal.SIGTERM)
                    return
        except FileNotFoundError:
            continue


def is_alive(pid: int) -> bool:
    return b"State:\tZ" not in status(pid) and bool(status(pid))


def status(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/status", "rb") as told:  # noqa: PTH123
            return told.read()
    except OSError:
        return b""


main()
