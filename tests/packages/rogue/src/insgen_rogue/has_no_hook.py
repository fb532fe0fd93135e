"""Is no plugin at all."""
