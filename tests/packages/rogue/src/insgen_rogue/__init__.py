"""Everything that can go wrong with a plugin, one module each."""
