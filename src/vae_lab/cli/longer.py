"""`resume=RUN trainer.max_epochs=N`: which runs can continue for more epochs than were planned.

The outcome is to be that of a run of N epochs at once, to the last bit. So nothing in the epochs so
far may depend on how many were planned.
"""

import shlex
from typing import Any

from vae_lab.cli.command_lines import PROGRAM
from vae_lab.config.check import check_values
from vae_lab.config.compose import key_of
from vae_lab.errors import UserError
from vae_lab.run_folder import RunFolder

MAX_EPOCHS = "trainer.max_epochs"

# The objectives of the package whose weights change in the course of a training. `extension` asks
# those of other packages when it has them.
CHANGING_OBJECTIVES = ("CapacityElbo", "CyclicElbo", "WarmUpElbo")


def longer_command(run: RunFolder, epochs: Any, *, has_begun: bool) -> str | None:
    """Returns the command line of the run of so many epochs, and puts them into its configuration.

    None if no other number of epochs was asked for. `has_begun` tells whether it has a checkpoint.

    Raises:
        UserError: It cannot continue as such a run.
    """
    trainer = run.config["trainer"]
    planned = trainer["max_epochs"]
    if epochs in (None, planned):
        return None
    check_values({"trainer": {"max_epochs": epochs}})
    if epochs < planned:
        raise UserError(
            f"{MAX_EPOCHS}={epochs} is less than the {planned} epochs of {run.path}, and a resumed "
            f"run can only become longer. A new, shorter run: {_command(run, epochs)}"
        )
    if reason := _reason(run, planned, has_begun=has_begun):
        more = f"init_from={shlex.quote(str(run.path.absolute()))}"
        line = _command(run, epochs - planned, more)
        raise UserError(
            f"{run.path} cannot continue to epoch {epochs}: {reason}. A new run that starts from "
            f"its weights: {line}"
        )
    trainer["max_epochs"] = epochs
    return _command(run, epochs)


def _reason(run: RunFolder, planned: int, *, has_begun: bool) -> str | None:
    """Returns why a run cannot become one of more epochs; None if it can."""
    config, result = run.config, run.require_result()
    schedule = config["optimizer"]["schedule"]
    objective = config["objective"]["_target_"].rpartition(".")[2]
    if schedule != "constant":
        over = "is over" if run.is_finished else f"was planned for {planned} epochs"
        return f"the schedule of its learning rate (optimizer.schedule={schedule}) {over}"
    if objective in CHANGING_OBJECTIVES:
        return f"the weights of its objective ({objective}) were planned for {planned} epochs"
    if result.ended_by not in (None, "max_epochs"):
        return f"it ended by {result.ended_by}, not by its number of epochs"
    if run.is_finished and not has_begun:
        return "it has no checkpoint"
    return None


def _command(run: RunFolder, epochs: int, *more: str) -> str:
    """Returns the command line of a run with another number of epochs."""
    words = shlex.split(run.require_result().command) or [*PROGRAM]
    replaced = (MAX_EPOCHS, *(word.partition("=")[0] for word in more))
    kept = [word for word in words if key_of(word) not in replaced]
    return " ".join([shlex.join(kept), *more, f"{MAX_EPOCHS}={epochs}"])
