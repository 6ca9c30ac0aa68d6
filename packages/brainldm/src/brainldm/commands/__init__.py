"""The commands of `brain ldm`, one module each."""
