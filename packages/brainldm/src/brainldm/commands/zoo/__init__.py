"""`brain ldm zoo`: list, show, import and push models; one module each."""

from braincaption.command import add_command, package_app
from brainldm.commands.zoo.importing import import_model
from brainldm.commands.zoo.listing import list_models
from brainldm.commands.zoo.pushing import push
from brainldm.commands.zoo.showing import show

app = package_app("Models by name: list, show, import, push.")
add_command(app, "list", list_models)
add_command(app, "show", show)
add_command(app, "import", import_model)
add_command(app, "push", push)
