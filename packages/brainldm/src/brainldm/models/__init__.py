"""The models that ship with the package, a model folder each: no code here."""
