"""The configs as TOML files, one a model: no code here."""
