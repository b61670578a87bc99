"""Where exceptions become one sentence on standard error and an exit code; a traceback comes only on demand."""

import os
import signal
import sys
from itertools import pairwise
from typing import NoReturn

REFUSED = 1
USAGE = 2
FAULT = 3
INTERRUPTED = 130
DEBUG = "CHORUS_EDI_DEBUG"  # =1: a bug shows its traceback


class UsageError(Exception):
    """What was typed, or a file that was named, is not what this command takes."""


def main() -> NoReturn:
    """Run the command line and leave with its exit code.

    Whoever stops us does it as the keyboard would: a service manager (SIGTERM), and a script that started us in its
    background, where a shell has the keyboard ignored.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
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
    except Exception as error:
        return _say(failure(error, _lang_of(arguments)), FAULT)


def failure(error: Exception, lang: str) -> str:
    """A fault in its own words, what the system refuses with the place, or a slip of ours."""
    from pipeline.adapters.system_errors import where_and_why  # not above: they weigh more than all of `flows`
    from pipeline.cli.layout import shown
    from pipeline.ports import Fault, Said

    if isinstance(error, Fault):
        return shown(error.in_words(lang))
    if isinstance(error, OSError):
        again = Said("y remédier, puis relancer la même commande", "mend it and run the same command again")
        return shown(where_and_why(error).then(again).in_words(lang))
    return shown(_bug(error, lang))


def _bug(error: Exception, lang: str) -> str:
    """A slip of ours: what, and where in our code, for whoever reports it. Its own text may quote an invoice."""
    import traceback

    from pipeline.adapters.system_errors import slip

    if os.environ.get(DEBUG) == "1":
        traceback.print_exception(error)
    what = slip(error)
    if lang == "en":
        return f"internal error, please report it: {what}; {DEBUG}=1 shows where it comes from"
    return f"erreur interne, à signaler : {what} ; {DEBUG}=1 montre d'où elle vient"


def _lang_of(arguments: list[str]) -> str:
    """As typed, not as parsed: what fails may be the parsing."""
    typed = [after for word, after in pairwise([*arguments, ""]) if word == "--lang"]
    return "en" if "en" in typed or "--lang=en" in arguments else "fr"


def _interrupted() -> int:
    return _say("interrompu ; relancer la même commande reprend sans rien perdre", INTERRUPTED)


def _nobody_reads() -> int:
    """Nothing to say any more, and Python must not complain at exit either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _say(sentence: str, code: int) -> int:
    """One sentence; the help of a command, where that is the answer, line by line. It may quote what was typed."""
    from pipeline.cli.layout import shown

    lines = [shown(line) for line in sentence.split("\n")]
    print("\n".join(lines) if len(lines) > 1 else f"chorus-edi : {lines[0]}", file=sys.stderr)
    return code
