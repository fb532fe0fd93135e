"""Built-in watchers that carry a run to an experiment tracker; each acts when the config names it in `plugins`."""
