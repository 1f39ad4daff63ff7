"""The Chinese of every page, in parts by room, and what merges them."""
