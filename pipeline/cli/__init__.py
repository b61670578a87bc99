"""The command `chorus-edi`: human text by default, one JSON object per line with `--format json`.

Exit codes: 0 nothing refused; 1 something refused (or a difference, a broken invariant); 2 usage; 3 a fault: a check
could not run. `run` exits 0 whatever the issuers got wrong: their mistakes are not its failure.
"""

from pipeline.cli.boundary import main

__all__ = ["main"]
