"""Configs of Controllable-MR, one TOML file each."""
