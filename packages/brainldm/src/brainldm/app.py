"""The commands of brainldm, mounted as `brain ldm` and as the script `brainldm`; one module a command."""

from braincaption.command import add_command, package_app
from brainldm.commands.attention import attention
from brainldm.commands.demo import demo
from brainldm.commands.encode import encode
from brainldm.commands.generate import generate
from brainldm.commands.train import train
from brainldm.commands.train_ldm import train_ldm
from brainldm.commands.train_vae import train_vae
from brainldm.commands.zoo import app as zoo

app = package_app("VAE and text-conditioned latent diffusion: train, generate, share.")
add_command(app, "train-vae", train_vae)
add_command(app, "encode", encode)
add_command(app, "train-ldm", train_ldm)
add_command(app, "train", train)
add_command(app, "generate", generate)
add_command(app, "attention", attention)
add_command(app, "demo", demo)
app.add_typer(zoo, name="zoo")


def main() -> None:
    """Run the script `brainldm`."""
    app(prog_name="brainldm")
