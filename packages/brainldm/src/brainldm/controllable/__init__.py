"""Controllable-MR (Kim et al.): a slice drawn from text and from a line drawing of its anatomy."""
