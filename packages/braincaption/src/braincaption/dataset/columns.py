"""The columns of each configuration of a dataset folder, with their Arrow types and descriptions."""

from __future__ import annotations

import pyarrow as pa

from braincaption.schema import CAPTIONS, CATALOG, SLICE_FOLDER, SLICES

_BLOB = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_SPLIT = pa.field("split", pa.string(), False, {"description": "train, validation, test or cross"})
_CAPTION = CAPTIONS.field("caption")

TEXT = pa.schema([_CAPTION, _SPLIT, *SLICES, CAPTIONS.field("template")])

# Source paths stay at home, and the transform is of no use without them.
_HOME = ("image_path", "label_path", "mask_path", "space_path", "matrix")
VOLUMES = pa.schema(
    [
        pa.field("image", _BLOB, False, {"description": "the stripped scan, NIfTI"}),
        pa.field("labels", _BLOB, False, {"description": "its label map on the same grid, NIfTI"}),
        _SPLIT,
        *[item for item in CATALOG if item.name not in _HOME],
    ]
)

_SHOWN = [item for item in SLICE_FOLDER if item.name not in SLICES.names and item.name not in ("caption", "split")]
PICTURES = pa.schema(
    [
        pa.field("image", _BLOB, False, {"description": "the slice, 8-bit grey PNG"}),
        _CAPTION,
        _SPLIT,
        *_SHOWN,
        *SLICES,
    ]
)

SCHEMAS = {"text": TEXT, "slices": PICTURES, "volumes": VOLUMES}
SPECIAL = {"text": {}, "slices": {"image": "Image"}, "volumes": {"image": "Nifti", "labels": "Nifti"}}
