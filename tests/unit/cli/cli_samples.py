"""Samples that several tests of the command use, as paths below fixtures/."""

from fixtures.case import flow_name

SIMPLE = f"FSO1100A/{flow_name('FSO1100A', 'SIMPLE')}"
ARCHIVE = f"FSO1100A/{flow_name('FSO1100A', 'ARCHIVE')}"
STATE = f"FSO1100A/{flow_name('FSO1100A', 'ETAT')}"
REFUSED = f"refused/gen-002/{flow_name('FSO1100A', 'GEN-002')}"
NOT_XML = f"refused/flw-014/{flow_name('FSO1100A', 'FLW-014')}"
