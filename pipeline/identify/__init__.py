"""Bytes -> what they are: the flow name, the envelope, each file, the interface code under which the flow is taken.

`flow` is the way through, `name` the grammar of flow names, `contents` says what one file is, `readable` looks for the
PDF that tells a minimal invoice from a full one.
"""

from pipeline.identify.flow import identify, open_member, unheard
from pipeline.identify.name import flow_name

__all__ = ["flow_name", "identify", "open_member", "unheard"]
