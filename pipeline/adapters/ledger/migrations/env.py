"""Run by Alembic: takes the connection that `upgrade` holds, inside its transaction."""

from alembic import context

from pipeline.adapters.ledger.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
