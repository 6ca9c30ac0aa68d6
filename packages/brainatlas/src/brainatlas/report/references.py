"""Short keys in, full references out: what the methods text of a report cites."""

REFERENCES = {
    "ants": "Avants BB, Tustison NJ, Song G, Cook PA, Klein A, Gee JC. A reproducible evaluation of ANTs "
    "similarity metric performance in brain image registration. NeuroImage 2011;54:2033–2044. "
    "doi:10.1016/j.neuroimage.2010.09.025",
    "mattes": "Mattes D, Haynor DR, Vesselle H, Lewellen TK, Eubank W. PET-CT image registration in the chest using "
    "free-form deformations. IEEE Trans Med Imaging 2003;22:120–128. doi:10.1109/TMI.2003.809072",
    "syn": "Avants BB, Epstein CL, Grossman M, Gee JC. Symmetric diffeomorphic image registration with "
    "cross-correlation. Med Image Anal 2008;12:26–41. doi:10.1016/j.media.2007.06.004",
    "icbm": "Fonov V, Evans AC, Botteron K, Almli CR, McKinstry RC, Collins DL. Unbiased average age-appropriate "
    "atlases for pediatric studies. NeuroImage 2011;54:313–327. doi:10.1016/j.neuroimage.2010.07.033",
    "deepbet": "Fisch L, Zumdick S, Barkhau C, et al. deepbet: Fast brain extraction of T1-weighted MRI using "
    "Convolutional Neural Networks. Comput Biol Med 2024;179:108845. doi:10.1016/j.compbiomed.2024.108845",
    "nipype": "Gorgolewski K, Burns CD, Madison C, et al. Nipype: a flexible, lightweight and extensible "
    "neuroimaging data processing framework in Python. Front Neuroinform 2011;5:13. "
    "doi:10.3389/fninf.2011.00013",
    "majority": "Heckemann RA, Hajnal JV, Aljabar P, Rueckert D, Hammers A. Automatic anatomical brain MRI "
    "segmentation combining label propagation and decision fusion. NeuroImage 2006;33:115–126. "
    "doi:10.1016/j.neuroimage.2006.05.061",
    "weighted": "Artaechevarria X, Muñoz-Barrutia A, Ortiz-de-Solórzano C. Combination strategies in multi-atlas "
    "image segmentation. IEEE Trans Med Imaging 2009;28:1266–1277. doi:10.1109/TMI.2009.2014372",
    "jlf": "Wang H, Suh JW, Das SR, Pluta JB, Craige C, Yushkevich PA. Multi-atlas segmentation with joint label "
    "fusion. IEEE Trans Pattern Anal Mach Intell 2013;35:611–623. doi:10.1109/TPAMI.2012.143",
    "patches": "Wang H, Yushkevich PA. Multi-atlas segmentation with joint label fusion and corrective learning: an "
    "open source implementation. Front Neuroinform 2013;7:27. doi:10.3389/fninf.2013.00027",
    "staple": "Warfield SK, Zou KH, Wells WM. Simultaneous truth and performance level estimation (STAPLE). IEEE "
    "Trans Med Imaging 2004;23:903–921. doi:10.1109/TMI.2004.828354",
    "dice": "Dice LR. Measures of the amount of ecologic association between species. Ecology 1945;26:297–302. "
    "doi:10.2307/1932409",
}
