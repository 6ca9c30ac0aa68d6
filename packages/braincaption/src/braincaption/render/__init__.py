"""Chosen slices of a catalog in, 8-bit pictures out, straight from image volume and matrix."""
