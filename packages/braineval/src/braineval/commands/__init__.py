"""One module a command; the metrics' commands are made from their registry."""
