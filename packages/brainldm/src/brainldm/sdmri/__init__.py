"""SD-MRI: a pretrained Stable Diffusion and slices with facts in, one that draws MRI at the field asked for out."""
