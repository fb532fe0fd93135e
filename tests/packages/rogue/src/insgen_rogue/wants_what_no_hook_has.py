"""Asks for an argument that the hook does not hand over."""

from insgen import hookimpl


@hookimpl
def insgen_filters(database):
    """Offer filters that want the database."""
    return [database]
