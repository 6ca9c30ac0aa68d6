"""`brain caption publish`: a dataset folder to the Hub, private unless asked otherwise."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def publish(
    folder: Annotated[Path, typer.Argument(metavar="DEST", help="What `brain caption dataset` wrote.")],
    repo_id: Annotated[str, typer.Argument(metavar="REPO_ID", help="OWNER/NAME on the Hub.")],
    public: Annotated[bool, typer.Option("--public", help="Make it public once it is complete.")] = False,
    permission: Annotated[str | None, typer.Option(help="The owners' words; the card prints them.")] = None,
    allow_unstripped: Annotated[bool, typer.Option("--allow-unstripped", help="Publish whole heads.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, send nothing.")] = False,
) -> None:
    """Send a dataset to the Hugging Face Hub: private, in parts; stopped and started again it sends what is missing.

    Refused are cohorts whose redistribution is not known to be allowed (unless --permission quotes the owners), whole
    heads, and licences that may not be mixed. HF_ENDPOINT names another Hub, HF_TOKEN or `hf auth login` who you are.

    Example: brain caption publish dataset me/brain-slices --dry-run
    """
    from braincaption.publish.settings import PublishSettings
    from braincaption.publish.upload import publish_dataset

    settings = PublishSettings(public=public, permission=permission, allow_unstripped=allow_unstripped)
    paths = publish_dataset(folder, repo_id, settings, dry_run)
    size = sum((folder / path).stat().st_size for path in paths)
    where = "public" if public else "private"
    verb = "would be sent" if dry_run else "sent"
    print(f"{len(paths)} files, {size / 1e6:.1f} MB, {verb} to {repo_id} ({where})", file=sys.stderr)
