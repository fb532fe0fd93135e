"""A handbook on running SQLite in production: the sample documents of `insgen quickstart`."""
