"""Built-in seed policies."""
