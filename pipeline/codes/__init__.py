"""What we can answer: one row per rule, with its severities, messages, remedy and source.

These rows are the master. A severity can be overridden in the settings; ids and meanings cannot.
"""

from collections.abc import Mapping
from types import MappingProxyType

from pipeline.codes import act, amounts, content, header, parties, receive, route
from pipeline.codes.act import *  # noqa: F403
from pipeline.codes.amounts import *  # noqa: F403
from pipeline.codes.content import *  # noqa: F403
from pipeline.codes.header import *  # noqa: F403
from pipeline.codes.parties import *  # noqa: F403
from pipeline.codes.receive import *  # noqa: F403
from pipeline.codes.route import *  # noqa: F403
from pipeline.codes.row import Code, EarnedBy, Outcome, Severity, Stage

ALL: Mapping[str, Code] = MappingProxyType(
    {
        row.id: row
        for table in (receive, content, header, parties, amounts, route, act)
        for row in vars(table).values()
        if isinstance(row, Code)
    }
)
STAGE_ORDER: Mapping[Stage, int] = MappingProxyType({stage: rank for rank, stage in enumerate(Stage)})

__all__ = ["ALL", "STAGE_ORDER", "Code", "EarnedBy", "Outcome", "Severity", "Stage"]
__all__ += [row.id.replace("-", "_") for row in ALL.values()]
