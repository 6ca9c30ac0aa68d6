"""One module a command; only Typer is imported at a module's top, so that `brain --help` is quick."""
