"""A run that continues for more epochs than were planned.

Only if the epochs so far are those of the longer run, to the last bit: `cli.longer` knows for which
configurations they are. The folder becomes that of the longer run. What the shorter one ended with
is kept in a folder of its own.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from vae_lab.callbacks.picture import Picture
from vae_lab.config.instantiate import instantiate
from vae_lab.errors import UserError
from vae_lab.files import partial_folder
from vae_lab.objectives.base import Objective
from vae_lab.ownership import EXPLORER
from vae_lab.run_folder import BEST, CONFIG, INTERRUPTED, LAST, RESULT, RunFolder, RunResult
from vae_lab.training.request import RunRequest
from vae_lab.training.resume_state import ResumePoint, find_resume_point

# The folder of what a shorter run ended with: a run's folder, which can be loaded and reported.
KEPT = "after-{epochs}-epochs"


def extend(request: RunRequest, earlier: RunResult, longer_hash: str) -> RunResult:
    """Makes a folder that of the longer run which `request` asks for; returns its result so far.

    Raises:
        UserError: if the run cannot continue as the longer one; nothing is changed then.
    """
    folder = request.folder
    planned = int(folder.config["trainer"]["max_epochs"])
    point = find_resume_point(folder, earlier)
    _check(request, point, planned)
    if folder.is_finished:
        _keep(request, planned)
    continues = earlier.continues
    if point.checkpoint is not None:
        continues = {**continues, str(planned): earlier.config_hash}
    result = replace(
        earlier,
        status=INTERRUPTED,
        ended_by=None,
        config_hash=longer_hash,
        command=request.command,
        continues=continues,
    )
    # From here on it is the longer run.
    folder.write_result(result)
    folder.write_config(request.config, request.choices)
    for path in _evaluations(folder):
        path.unlink()
    return result


def _check(request: RunRequest, point: ResumePoint, planned: int) -> None:
    """Raises UserError if the epochs so far are not those of the longer run."""
    folder = request.folder
    every = int(request.config["trainer"]["check_val_every_n_epoch"])
    objective = instantiate(request.config["objective"], trust=request.trust)
    if folder.is_finished and point.checkpoint is None:
        reason = "it has no intact checkpoint to continue from"
    elif point.state.get("should_stop"):
        reason = "a callback asked for its end in the last epoch"
    elif point.is_end and planned % every:
        reason = (
            f"it was validated after its last epoch, which a longer run with "
            f"trainer.check_val_every_n_epoch={every} is not"
        )
    elif isinstance(objective, Objective) and type(objective).at is not Objective.at:
        reason = "the weights of its objective depend on the share of the training that is done"
    else:
        return
    raise UserError(
        f"{folder.path} cannot continue for more epochs: {reason}. Start a new run with "
        f"init_from={folder.path}."
    )


def _keep(request: RunRequest, planned: int) -> None:
    """Copies what a finished run ended with into a folder of its own, whole or not at all."""
    folder = request.folder
    kept = folder.path / KEPT.format(epochs=planned)
    if kept.exists():
        return  # an attempt was killed after this step
    late = [*_late_pictures(request, planned)]
    names = [RESULT, CONFIG, folder.per_image.name, EXPLORER]
    names += [f"{folder.checkpoints.name}/{name}" for name in (BEST, LAST)]
    paths = [folder.path / name for name in names] + [*_evaluations(folder)]
    with partial_folder(folder.path) as place:
        partial = place / kept.name
        for path in paths + late:
            if path.is_file():
                target = partial / path.relative_to(folder.path)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, target)
        partial.replace(kept)
    for path in late:
        path.unlink(missing_ok=True)


def _evaluations(folder: RunFolder) -> Iterator[Path]:
    return folder.path.glob("evaluation-*")


def _late_pictures(request: RunRequest, planned: int) -> Iterator[Path]:
    """Yields the files of pictures that were drawn only because the training ended."""
    for node in request.config["callbacks"].values():
        part: Any = instantiate(node, trust=request.trust)
        if isinstance(part, Picture) and not part.is_due(planned):
            yield request.folder.figure(part.name, planned)
