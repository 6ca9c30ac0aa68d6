"""The configs of SD-MRI, one TOML file each, every number with its origin."""
