"""The picture of true posteriors that an evaluation with anatomy=true leaves in the run's folder.

It is the one of callbacks=posteriors, of the weights that were evaluated.
"""

from pathlib import Path

from vae_lab.callbacks.figures_page import Kind, show_on_page
from vae_lab.callbacks.picture import evaluation_mode
from vae_lab.callbacks.snapshot import Snapshot
from vae_lab.config.compose import conf_folder
from vae_lab.config.instantiate import instantiate
from vae_lab.errors import in_one_line
from vae_lab.evaluate.evaluation import Evaluation
from vae_lab.reading import parse_yaml
from vae_lab.run_folder import RunFolder
from vae_lab.terminal import print_warning


def draw_posteriors(evaluation: Evaluation, run: RunFolder) -> Path | None:
    """Draws into the run's figures, and returns the file; None if there is nothing to draw.

    That is without anatomy=true, of another number of latent dimensions than two, and of other
    images than those of the training. The numbers are kept before: a failure is one warning.
    """
    is_wanted = evaluation.settings["anatomy"] and evaluation.model.latent_dim == 2
    if not is_wanted or evaluation.other_images is not None:
        return None
    try:
        return _draw(evaluation, run)
    except Exception as error:
        print_warning(
            f"the numbers are kept, but the picture of true posteriors failed: {in_one_line(error)}"
        )
        return None


def _draw(evaluation: Evaluation, run: RunFolder) -> Path | None:
    options = parse_yaml((conf_folder() / "callbacks" / "posteriors.yaml").read_bytes())
    picture = instantiate(options["posteriors"], trust=False)
    epochs_done = evaluation.protocol["weights_epoch"]
    path = run.figure(picture.name, epochs_done)
    snapshot = Snapshot(model=evaluation.model, data=evaluation.data, epochs_done=epochs_done)
    with evaluation_mode(evaluation.model):
        picture.publish(snapshot, run, [])
    if not path.exists():  # without test images
        return None
    epochs = run.require_result().epochs or 0
    kind = Kind(picture.name, picture.description)
    show_on_page(run, kind, epochs_done=max(epochs, epochs_done))
    return path
