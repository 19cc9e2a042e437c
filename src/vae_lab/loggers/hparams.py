"""Which hyper-parameters stand in a run's row of TensorBoard's HParams table, and how.

A column is a group (`model`: the option chosen), a short name (`beta`, `lr`), or any key of the
resolved configuration (`latent_dim`, `model.hidden_dims`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from vae_lab.config.identity import flatten
from vae_lab.errors import UserError, did_you_mean

SHORT_NAMES = {"beta": "objective.beta", "lr": "optimizer.lr"}


def values(config: Mapping[str, Any], choices: Mapping[str, str]) -> dict[str, Any]:
    """Returns the value of every column that a run can have: keys, groups and short names."""
    keys = dict(flatten(config))
    short = {name: keys.get(key) for name, key in SHORT_NAMES.items()}
    return {**keys, **choices, **short}


def check(runs: Sequence[tuple[Mapping[str, Any], Mapping[str, str]]]) -> None:
    """Raises UserError for the first column that none of the runs of one command has.

    A column that only some of the runs have is allowed: `model.channels` beside a linear model,
    whose cell stays empty. `runs` are the resolved configuration and the choices of each.
    """
    columns = {name for config, choices in runs for name in values(config, choices)}
    for config, _ in runs:
        for name, logger in (config["logger"] or {}).items():
            for column in logger.get("columns") or ():
                if column not in columns:
                    raise UserError(f"logger.{name}.columns: {_unknown(str(column), columns)}")


def _unknown(column: str, columns: set[str]) -> str:
    if meant := did_you_mean(column, columns):
        return f"{column} is not a hyper-parameter of this run: did you mean {meant}?"
    short = ", ".join(sorted(name for name in columns if "." not in name))
    return (
        f"{column} is not a hyper-parameter of this run. Choose from {short}, or any key that "
        f"--cfg job shows, such as model.lr."
    )
