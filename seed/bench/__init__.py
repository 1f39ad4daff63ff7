"""What the benchmark fills a database with, and what it measures."""
