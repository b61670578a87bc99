"""verifyhash-einvoice as its users call it, as a process of its own environment: rules of its own, no schema."""

import io
from importlib.metadata import version

from bench.race.frames import REFUSED, Hit, Judge, serve


def start() -> tuple[Judge, list[str]]:
    from einvoice.parser import NotWellFormed  # type: ignore[import-not-found]
    from einvoice.validate import validate_file  # type: ignore[import-not-found]

    def judge(document: bytes) -> str | set[Hit]:
        try:
            told = validate_file(io.BytesIO(document), profile="en16931")
        except NotWellFormed:
            return REFUSED
        return {(str(one.rule_id), str(one.severity), "") for one in told.violations}

    return judge, [f"verifyhash-einvoice {version('verifyhash-einvoice')}"]


if __name__ == "__main__":
    serve(start)
