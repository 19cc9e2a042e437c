"""The pictures that an evaluation leaves in the run's folder, once its numbers are kept."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vae_lab.evaluate.evaluation import Evaluation
from vae_lab.evaluate.factors.picture import draw_factors
from vae_lab.evaluate.posteriors_picture import draw_posteriors
from vae_lab.run_folder import RunFolder


def draw_pictures(
    evaluation: Evaluation, content: dict[str, Any], run: RunFolder
) -> Mapping[str, Path]:
    """Draws what the evaluation has to show, and returns the files by what they show.

    Images that are not those of the training leave no picture.
    """
    if evaluation.other_images is not None:
        return {}
    drawn = {
        "true posteriors of test images": draw_posteriors(evaluation, run),
        "what each dimension tells of each factor": draw_factors(
            content, run, epochs_done=evaluation.protocol["weights_epoch"]
        ),
    }
    return {words: path for words, path in drawn.items() if path is not None}
