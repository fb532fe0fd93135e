"""Built-in parsers."""
