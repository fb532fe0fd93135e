"""Needs a library that it did not ask for."""

import a_library_that_is_not_there  # noqa: F401
