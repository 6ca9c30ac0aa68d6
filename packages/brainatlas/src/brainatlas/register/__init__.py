"""Stripped scans in, affines to the template (or between pairs) out, in OUT; pairs follow by composition."""

from brainatlas.register.affine import AffineSettings, Brain, align, prepare
from brainatlas.register.job import read_brain, register_scan
from brainatlas.register.maps import point_map
from brainatlas.register.run import RegisterSettings, register_cohorts
from brainatlas.register.template import Template, load_template

__all__ = [
    "AffineSettings",
    "Brain",
    "RegisterSettings",
    "Template",
    "align",
    "load_template",
    "point_map",
    "prepare",
    "read_brain",
    "register_cohorts",
    "register_scan",
]
