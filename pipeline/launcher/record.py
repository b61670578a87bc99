"""What runs, as we wrote it down when we started it: `run.json`."""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from pipeline.launcher.processes import Process, boot, sessions


@dataclass(frozen=True, slots=True)
class Component:
    """One component as it was started. `since` is an aware moment, UTC."""

    process: Process
    since: datetime


@dataclass(slots=True)
class Run:
    """One start of Airflow. `former` are leaders that died and were replaced: their sessions may still hold tasks."""

    mark: str
    boot: str
    port: int
    components: dict[str, Component] = field(default_factory=dict)
    former: list[Process] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_up(self, name: str) -> bool:
        return name in self.components and self.components[name].process.is_alive

    @property
    def since(self) -> dict[str, datetime]:
        return {name: one.since for name, one in self.components.items()}

    def processes(self, names: frozenset[str] | None = None) -> list[Process]:
        """All that is alive of some components, or of everything that this run ever started."""
        leaders = [c.process for name, c in self.components.items() if names is None or name in names]
        if names is None:
            leaders += self.former
        return [process for members in sessions(leaders, self.mark).values() for process in members]

    def remains(self) -> list[Process]:
        """Of the former leaders, those whose session still holds something."""
        return [leader for leader, members in sessions(self.former, self.mark).items() if members]


def read(file: Path) -> Run | None:
    """The run that was written down, None where there is none or it was of an earlier boot: nothing of it lives."""
    try:
        told = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return None
    if told["boot"] != boot():
        return None
    components = {
        name: Component(Process(**one["process"]), datetime.fromisoformat(one["since"]))
        for name, one in told["components"].items()
    }
    return Run(told["mark"], told["boot"], told["port"], components, [Process(**one) for one in told["former"]])


def write(file: Path, run: Run) -> None:
    """All or nothing: killed in the middle, the earlier record stands."""
    part = file.with_suffix(".part")
    part.write_text(json.dumps(asdict(run), default=datetime.isoformat, indent=1) + "\n", encoding="utf-8")
    part.replace(file)
