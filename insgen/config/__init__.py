"""The config: TOML to dataclasses, strictly."""
