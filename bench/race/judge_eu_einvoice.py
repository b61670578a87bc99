"""eu-einvoice as its users call it, as a process of its own environment. Argument: the layer to run."""

import os
import sys
from importlib.metadata import version

from bench.race.frames import REFUSED, STOPPED, Hit, Judge, serve


def start() -> tuple[Judge, list[str]]:
    from eu_einvoice.validate import validate  # type: ignore[import-not-found]
    from saxonche import PySaxonApiError

    layer = sys.argv[1]

    def judge(document: bytes) -> str | set[Hit]:
        try:
            told = validate(document, layers=[layer], fetch=False)
        except PySaxonApiError:
            return STOPPED
        found = [*told["errors"], *told["warnings"]]
        if told["layers_skipped"] or not any(ran.startswith(layer) for ran in told["layers_run"]):
            raise SystemExit(f"{layer} did not run: {told['layers_skipped']}")
        if any(one["layer"] == "xsd" for one in found):
            return REFUSED
        return {(one["rule"], one["flag"], one["location"]) for one in found}

    packages = ("eu-einvoice", "saxonche", "lxml", "factur-x")
    fed = os.environ.get("EINVOICE_RULES_SAID", "")
    return judge, [*(f"{name} {version(name)}" for name in packages), *([fed] if fed else [])]


if __name__ == "__main__":
    serve(start)
