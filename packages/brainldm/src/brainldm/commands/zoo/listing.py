"""`brain ldm zoo list`: the models and configs that can be used by name."""


def list_models() -> None:
    """List the models of the zoo, then the systems and the configs that one can train.

    Example: brain ldm zoo list
    """
    from brainldm.config import available
    from brainldm.systems import names, summary
    from brainldm.zoo import entries

    for entry in entries():
        record = entry.record
        size = "×".join(str(length) for length in record.image_shape)
        where = "shipped" if entry.shipped else str(entry.folder)
        print(f"{entry.name}\t{size}\t{', '.join(record.sequences)}\t{entry.checksum[:12]}\t{where}")
    for name in names():
        print(f"{name}\tsystem, to be trained with train {name}\t{summary(name)}")
    for name in available():
        print(f"{name}\tconfig, to be trained with --config {name}")
