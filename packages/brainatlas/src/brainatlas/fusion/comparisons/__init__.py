"""Other programs' fusers, one file each: `validate` compares with them by name; too slow to be offered to `vote`."""
