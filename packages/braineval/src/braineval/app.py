"""The commands of braineval, mounted as `brain eval` and as the script `braineval`; one module a command or metric."""

from braincaption.command import add_command, package_app
from braineval.commands.draw_labels import draw_labels
from braineval.commands.metric import metric_command
from braineval.commands.reader_study import reader_study
from braineval.commands.report import report
from braineval.commands.train_segmenter import train_segmenter
from braineval.commands.tsne import tsne
from braineval.metrics import names

app = package_app("Scores for generated slices, each with its interval and its real-vs-real floors.")
add_command(app, "report", report)
add_command(app, "reader-study", reader_study)
add_command(app, "draw-labels", draw_labels)
add_command(app, "train-segmenter", train_segmenter)
add_command(app, "tsne", tsne)
for name in names():
    add_command(app, name, metric_command(name))


def main() -> None:
    """Run the script `braineval`."""
    app(prog_name="braineval")
