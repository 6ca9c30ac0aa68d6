"""TUMSyn (Wang et al.): a volume of the contrast and voxel size that a sentence asks for, from any acquired one."""
