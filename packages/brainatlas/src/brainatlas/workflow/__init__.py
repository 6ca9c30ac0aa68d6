"""Jobs in, done work and a list of failures out: nipype's nodes, graph and plugins around this package's stages."""
