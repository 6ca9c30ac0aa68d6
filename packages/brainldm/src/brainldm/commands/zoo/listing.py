"""`brain ldm zoo list`: the models and configs that can be used by name."""


def list_models() -> None:
    """List the models of the zoo, then the systems and the configs that one can train.

    Example: brain ldm zoo list
    """
    from brainldm.config import available
    from brainldm.systems import names, summary
    from brainldm.zoo import entries

    for entry in entries():
        facts = entry.facts
        where = "shipped" if entry.shipped else str(entry.folder)
        print(f"{entry.name}\t{facts.size}\t{', '.join(facts.sequences)}\t{facts.checksum[:12]}\t{where}")
    for name in names():
        print(f"{name}\tsystem, to be trained with train {name}\t{summary(name)}")
    for name in available():
        print(f"{name}\tconfig, to be trained with --config {name}")
