"""The beginning of a plugin, as templates."""
