"""The commands of braincaption, mounted as `brain caption` and as the script `braincaption`; one module a command."""

from braincaption.command import add_command, package_app
from braincaption.commands.dataset import dataset
from braincaption.commands.export import export
from braincaption.commands.publish import publish
from braincaption.commands.render import render
from braincaption.commands.tabulate import tabulate
from braincaption.commands.write import write

app = package_app("Label maps to slice tables, captions and Hugging Face datasets.")
add_command(app, "tabulate", tabulate)
add_command(app, "write", write)
add_command(app, "export", export)
add_command(app, "render", render)
add_command(app, "dataset", dataset)
add_command(app, "publish", publish)


def main() -> None:
    """Run the script `braincaption`."""
    app(prog_name="braincaption")
