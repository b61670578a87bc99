"""`chorus-edi run --watch` ends as soon as it is asked to: by the keyboard, or by whoever manages services."""

import signal
import subprocess
import time
from pathlib import Path

import homes
import pytest
from served_home import COMMAND

from pipeline import runner

ANSWER_S = 60.0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_in_the_background_of_a_script_ends_when_it_is_asked_to(tmp_path: Path, number: int) -> None:
    home = tmp_path / "home"
    with homes.open_home(home) as made:
        runner.add_partner(made, homes.partner())
        homes.drop(made, "no flow name", b"nothing")
    # a shell has its background ignore the keyboard; what is ignored stays so in whatever is started from there
    script = f"'{COMMAND}' run --watch --home '{home}' & echo $!; wait $!; exit $?"
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as shell:
        assert shell.stdout is not None
        assert shell.stderr is not None
        pid = int(shell.stdout.readline())
        until = time.monotonic() + ANSWER_S
        while not list((home / "drop" / homes.PARTNER / "out").glob("CSO*")) and time.monotonic() < until:
            time.sleep(0.1)
        subprocess.run(["kill", f"-{int(number)}", str(pid)], check=True)
        assert shell.wait(ANSWER_S) == 130
        assert "reprend sans rien perdre" in shell.stderr.read()
    assert len(list((home / "drop" / homes.PARTNER / "out").glob("CSO*"))) == 1
