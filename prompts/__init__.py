"""The prompt texts, `<stage>/<method>.md`; a project overrides any by a file of the same name."""
