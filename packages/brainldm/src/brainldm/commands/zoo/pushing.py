"""`brain ldm zoo push`: a model of the zoo in, a Hub repository out, private unless told otherwise."""

from typing import Annotated

import typer


def push(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Model of the zoo.")],
    repo_id: Annotated[str, typer.Argument(metavar="REPO_ID", help="Hub repository, owner/name.")],
    public: Annotated[bool, typer.Option("--public", help="Let everyone see it.")] = False,
) -> None:
    """Upload a model with its card to the Hugging Face Hub.

    Example: brain ldm zoo push my-cohort owner/brain-slices
    """
    from brainldm.zoo import push_model

    print(push_model(name, repo_id, public))
