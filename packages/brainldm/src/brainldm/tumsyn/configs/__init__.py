"""Configs of TUMSyn, one TOML file each."""
