"""The built-in stages, one folder per kind; they come in by the same door as everybody else's."""
