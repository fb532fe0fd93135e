"""Built-in feedback."""
