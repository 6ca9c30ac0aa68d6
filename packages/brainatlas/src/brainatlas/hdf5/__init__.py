"""A cohort of HDF5 files (fastMRI, M4Raw) in, a slice folder out."""
