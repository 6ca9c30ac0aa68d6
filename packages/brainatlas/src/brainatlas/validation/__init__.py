"""Label maps in, how well they agree out: overlap scores, and leave-one-out tables of whole atlases."""
