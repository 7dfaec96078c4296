"""The ledger in PostgreSQL, for many nodes at once (docs/adr/0017-postgres.md)."""

from ringback.storage.postgres.ledger import PostgresLedger
from ringback.storage.postgres.nodes import Node, NodeFacts
from ringback.storage.postgres.schema import migrate

__all__ = ["Node", "NodeFacts", "PostgresLedger", "migrate"]
