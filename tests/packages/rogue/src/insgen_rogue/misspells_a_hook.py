"""Offers filters under a name nobody calls."""

from insgen import hookimpl


@hookimpl
def insgen_fliters():
    """Offer nothing, to nobody."""
    return []
