"""The written contract between the packages: Arrow schemas of catalog, slice table, captions and slice folders.

Every field carries a description in its metadata, so that a Parquet file explains itself.
"""

from __future__ import annotations

import pyarrow as pa

PLANES = ("axial", "coronal", "sagittal")


def _field(name: str, kind: pa.DataType, description: str, nullable: bool = False) -> pa.Field:
    return pa.field(name, kind, nullable=nullable, metadata={"description": description})


def _acquisition() -> list[pa.Field]:
    return [
        _field("sequence", pa.string(), "BIDS suffix of the image: T1w, T2w, FLAIR …"),
        _field("field_strength_t", pa.float32(), "field strength of the image's scanner, tesla", True),
        _field("manufacturer", pa.string(), "maker of the image's scanner", True),
        _field("scanner", pa.string(), "model of the image's scanner", True),
        _field("tr_ms", pa.float32(), "repetition time of the image, ms", True),
        _field("te_ms", pa.float32(), "echo time of the image, ms", True),
        _field("ti_ms", pa.float32(), "inversion time of the image, ms", True),
        _field("flip_deg", pa.float32(), "flip angle of the image, degrees", True),
    ]


def _person() -> list[pa.Field]:
    return [
        _field("age", pa.float32(), "age of the image's person at the scan, years", True),
        _field("sex", pa.string(), "sex of the image's person: M, F or O", True),
        _field("cohort", pa.string(), "cohort of the image"),
        _field("licence", pa.string(), "licence of the image's cohort (SPDX where there is one)"),
    ]


def _origin() -> list[pa.Field]:
    return [
        _field("volume_id", pa.string(), "image_id@space_id"),
        _field("image_id", pa.string(), "scan id whose intensities and labels are seen"),
        _field("space_id", pa.string(), "scan id whose grid they are seen on"),
        _field("image_subject", pa.string(), "person key of the image: cohort/person"),
        _field("space_subject", pa.string(), "person key of the space: cohort/person"),
    ]


CATALOG = pa.schema(
    [
        *_origin(),
        _field("image_path", pa.string(), "stripped scan, NIfTI"),
        _field("label_path", pa.string(), "label map on the image's own grid, NIfTI"),
        _field("mask_path", pa.string(), "brain mask on the image's own grid, NIfTI"),
        _field("space_path", pa.string(), "stripped scan whose grid is the space, NIfTI"),
        _field("label_origin", pa.string(), "manual, or vote:<method>"),
        _field("label_subjects", pa.list_(pa.string()), "person keys whose manual labels were carried"),
        _field("direction", pa.string(), "native, forward or inverse"),
        _field(
            "matrix",
            pa.list_(pa.float64(), 12),
            "3×4 row-major: point of the space → point of the image, RAS mm",
        ),
        _field("space_affine", pa.list_(pa.float64(), 12), "3×4 row-major: voxel of the space → world RAS mm"),
        _field("shape", pa.list_(pa.int32(), 3), "voxels along the space's three array axes"),
        _field("zooms", pa.list_(pa.float32(), 3), "voxel size of the space along its array axes, mm"),
        _field("axcodes", pa.string(), "nibabel's axis codes of the space, such as LAS"),
        *_acquisition(),
        *_person(),
    ]
)

STRUCTURE = pa.struct(
    [
        pa.field("label", pa.uint16(), nullable=False),
        pa.field("voxels", pa.uint32(), nullable=False),
        pa.field("volume_mm3", pa.float32(), nullable=False),
    ]
)

SLICES = pa.schema(
    [
        *_origin(),
        _field("label_origin", pa.string(), "manual, or vote:<method>"),
        _field("label_subjects", pa.list_(pa.string()), "person keys whose manual labels were carried"),
        _field("plane", pa.string(), "axial, coronal or sagittal: nearest anatomical plane"),
        _field("index", pa.uint16(), "array index across the slice"),
        _field(
            "position_mm",
            pa.float32(),
            "RAS coordinate along the plane's axis at the slice's centre voxel, mm",
        ),
        _field("oblique_deg", pa.float32(), "angle between the slice's normal and the anatomical axis, degrees"),
        _field("thickness_mm", pa.float32(), "spacing across the slice, mm"),
        _field("zooms", pa.list_(pa.float32(), 3), "voxel size of the space along its array axes, mm"),
        *[field for field in _acquisition() if field.name not in ("manufacturer", "scanner")],
        *_person(),
        _field("structures", pa.list_(STRUCTURE), "what the slice shows, largest first, id breaking ties"),
    ]
)

SLICE_KEY = ("volume_id", "plane", "index")

CAPTIONS = pa.schema(
    [
        _field("volume_id", pa.string(), "image_id@space_id"),
        _field("plane", pa.string(), "axial, coronal or sagittal"),
        _field("index", pa.uint16(), "array index across the slice"),
        _field("template", pa.uint8(), "number of the sentence template"),
        _field("caption", pa.string(), "the sentence"),
    ]
)

SLICE_FOLDER = pa.schema(
    [
        _field("file_name", pa.string(), "PNG below this folder: images/ab/<sha1 of the key>.png"),
        _field("volume_id", pa.string(), "image_id@space_id, or the prompt id of a generated slice"),
        _field("plane", pa.string(), "axial, coronal or sagittal", True),
        _field("index", pa.uint16(), "array index across the slice", True),
        _field("caption", pa.string(), "the sentence, or the prompt of a generated slice", True),
        _field("sequence", pa.string(), "BIDS suffix: T1w, T2w, FLAIR …", True),
        _field("field_strength_t", pa.float32(), "field strength of the image's scanner, tesla", True),
        _field("position_mm", pa.float32(), "RAS coordinate along the plane's axis, mm", True),
        _field("person", pa.string(), "person key of the image", True),
        _field("split", pa.string(), "train, validation, test or cross", True),
        _field("pixel_mm", pa.float32(), "size of a pixel of the PNG, mm", True),
        _field("window_low", pa.float32(), "image intensity shown as 0", True),
        _field("window_high", pa.float32(), "image intensity shown as 255", True),
        _field("displayed_side", pa.string(), "radiological (patient's left on the right) or neurological", True),
    ]
)

GENERATED_FOLDER = pa.schema(
    [
        *SLICE_FOLDER,
        _field("model", pa.string(), "name or folder of the model, with the checksum of its weights"),
        _field("seed", pa.int64(), "seed of this image"),
        _field("steps", pa.int32(), "sampling steps"),
        _field("sampler", pa.string(), "sampling method"),
        _field("guidance", pa.float32(), "weight of classifier-free guidance"),
    ]
)
