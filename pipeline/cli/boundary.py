"""Where exceptions become one sentence on standard error and an exit code. No traceback ever reaches a user."""

import os
import sys
from pathlib import Path
from typing import NoReturn

REFUSED = 1
USAGE = 2
FAULT = 3
INTERRUPTED = 130


class UsageError(Exception):
    """What was typed, or a file that was named, is not what this command takes."""


def main() -> NoReturn:
    """Run the command line and leave with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line; returns the exit code."""
    import typer.main
    from typer.exceptions import Abort, TyperException

    from pipeline.cli.app import application

    try:
        app = typer.main.get_command(application(arguments))
        code = app.main(arguments, prog_name="chorus-edi", standalone_mode=False)
        return _interrupted() if code == INTERRUPTED else code if isinstance(code, int) else 0
    except TyperException as error:
        return _say(error.format_message(), USAGE)
    except UsageError as error:
        return _say(str(error), USAGE)
    except (Abort, KeyboardInterrupt):
        return _interrupted()
    except SystemExit:  # Typer saw that the reader of our output is gone (`| head`)
        return _nobody_reads()
    except BrokenPipeError:
        return _nobody_reads()
    except OSError as error:
        where = f" : {os.fsdecode(error.filename)}" if error.filename else ""
        return _say(f"{error.strerror or error}{where}", FAULT)
    except Exception as error:
        from pipeline.ports import Fault  # not above: this import weighs more than all of `flows`

        return _say(str(error) if isinstance(error, Fault) else _bug(error), FAULT)


def _bug(error: Exception) -> str:
    """A slip of ours: what, and where in our code, for whoever reports it."""
    import traceback

    frame = traceback.extract_tb(error.__traceback__)[-1]
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return f"erreur interne, à signaler : {what} ({Path(frame.filename).name}:{frame.lineno})"


def _interrupted() -> int:
    return _say("interrompu ; relancer la même commande reprend sans rien perdre", INTERRUPTED)


def _nobody_reads() -> int:
    """Nothing to say any more, and Python must not complain at exit either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _say(sentence: str, code: int) -> int:
    """One sentence; the help of a command, where that is the answer, as it is."""
    print(sentence if "\n" in sentence else f"chorus-edi : {sentence}", file=sys.stderr)
    return code
