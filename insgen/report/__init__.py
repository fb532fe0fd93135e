"""What happened, and the bank as files."""
