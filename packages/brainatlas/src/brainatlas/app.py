"""The commands of brainatlas, mounted as `brain atlas` and as the script `brainatlas`; one module a command."""

from brainatlas.commands.expand import expand
from brainatlas.commands.index import index
from brainatlas.commands.materialize import materialize
from brainatlas.commands.phantom import phantom
from brainatlas.commands.plan import plan
from brainatlas.commands.register import register
from brainatlas.commands.report import report
from brainatlas.commands.slices import slices
from brainatlas.commands.strip import strip
from brainatlas.commands.validate import validate
from brainatlas.commands.vote import vote
from braincaption.command import add_command, package_app

app = package_app("Skull stripping, registration, label fusion and the catalog of every scan in every space.")
add_command(app, "phantom", phantom)
add_command(app, "index", index)
add_command(app, "plan", plan)
add_command(app, "strip", strip)
add_command(app, "register", register)
add_command(app, "vote", vote)
add_command(app, "expand", expand)
add_command(app, "materialize", materialize)
add_command(app, "report", report)
add_command(app, "validate", validate)
add_command(app, "slices", slices)


def main() -> None:
    """Run the script `brainatlas`."""
    app(prog_name="brainatlas")
