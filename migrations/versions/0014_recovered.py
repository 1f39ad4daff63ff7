"""What was recovered as a whole can be spent again, as what came in in parts can."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

RECOVERED = """(
    SELECT COALESCE(SUM(ledger_posting.amount_fen), 0) FROM ledger_posting
    WHERE ledger_posting.programme_id = budget.programme_id
    AND ledger_posting.payer_id = budget.payer_id AND ledger_posting.purse = 'recovered'
)"""


def upgrade() -> None:
    """Take it off what is spent."""
    op.execute(f"UPDATE budget SET spent_fen = spent_fen - {RECOVERED}")


def downgrade() -> None:
    """Count it as spent again."""
    op.execute(f"UPDATE budget SET spent_fen = spent_fen + {RECOVERED}")
