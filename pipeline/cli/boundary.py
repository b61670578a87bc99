"""Where exceptions become one sentence on standard error and an exit code. No traceback ever reaches a user."""

import os
import sys
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
    import click
    import typer.main

    from pipeline.cli.app import application

    try:
        app = typer.main.get_command(application(arguments))
        code = app.main(arguments, prog_name="chorus-edi", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        error.show()
        return USAGE
    except UsageError as error:
        return _say(str(error), USAGE)
    except (click.Abort, KeyboardInterrupt):
        return _say("interrompu ; relancer la même commande reprend sans rien perdre", INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output is gone (`| head`): nothing to say, and Python must not complain at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f" : {os.fsdecode(error.filename)}" if error.filename else ""
        return _say(f"{error.strerror or error}{where}", FAULT)
    except Exception as error:
        from pipeline.ports import Fault  # here: the import costs more than `flows`

        if isinstance(error, Fault):
            return _say(str(error), FAULT)
        raise


def _say(sentence: str, code: int) -> int:
    print(f"chorus-edi : {sentence}", file=sys.stderr)
    return code
