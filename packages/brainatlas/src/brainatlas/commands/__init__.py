"""The commands of `brain atlas`, one module each; nothing heavy is imported at the top of any."""
