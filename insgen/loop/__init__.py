"""One round, many rounds, and how a run is put together."""
