"""`python -m vae_lab.evaluate RUN_FOLDER [key=value ...]`: what a finished run is worth.

Everything that can be checked is checked before torch is imported.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from vae_lab.config.compose import conf_folder
from vae_lab.config.rules import ABOVE_0, AT_LEAST_0, AT_LEAST_1, AT_LEAST_2, AT_LEAST_3, Rule
from vae_lab.environment import available_cores
from vae_lab.errors import UserError, command, did_you_mean
from vae_lab.run_folder import RunFolder

USAGE = "usage: python -m vae_lab.evaluate RUN_FOLDER [key=value ...]"

RULES = (
    Rule("weights", "best, last or null", lambda value: value in ("best", "last", None)),
    Rule("split", "test or val", lambda value: value in ("test", "val")),
    Rule("seed", *AT_LEAST_0),
    Rule("num_samples", *AT_LEAST_1),
    *(
        Rule(key, *AT_LEAST_2)
        for key in ("num_images", "num_train", "num_generated", "num_pairs", "map_steps")
    ),
    Rule("num_steps", *AT_LEAST_3),
    *(
        Rule(key, *AT_LEAST_1)
        for key in ("decoder_batch", "neighbours", "manifold_neighbours", "grid_points")
    ),
    Rule("grid_tolerance", *ABOVE_0),
    Rule(
        "threads",
        "a whole number of at least 1, or null",
        lambda value: value is None or AT_LEAST_1[1](value),
    ),
    Rule("device", "text such as cpu or cuda", lambda value: isinstance(value, str)),
    Rule("data_root", "a folder or null", lambda value: value is None or isinstance(value, str)),
    Rule("data_path", "a path or null", lambda value: value is None or isinstance(value, str)),
    Rule("trust", "true or false", lambda value: isinstance(value, bool)),
)


class Request(NamedTuple):
    """What is to be evaluated, and how; all of it checked."""

    run: RunFolder
    checkpoint: Path
    settings: dict[str, Any]


def main() -> None:
    """Runs the command line and exits: 0 done, 2 wrong input, 130 Ctrl-C."""
    command(_main)


def check(argv: Sequence[str]) -> Request:
    """Returns what a command line asks for.

    Raises:
        UserError: where it is wrong, or the folder holds no run that can be evaluated.
    """
    folders = [word for word in argv if "=" not in word]
    if len(folders) != 1:
        raise UserError(f"name one run's folder, got {len(folders)}. {USAGE}")
    settings = _settings([word for word in argv if "=" in word])
    run = RunFolder(Path(folders[0]))
    _ = run.config  # raises where the folder is no run, or its files do not belong together
    return Request(run, run.checkpoint(settings["weights"]), settings)


def _main(argv: Sequence[str]) -> None:
    if not argv or {"-h", "--help"} & set(argv):
        defaults = (conf_folder() / "evaluate.yaml").read_text(encoding="utf-8")
        print(f"{USAGE}\n\nKeys and defaults:\n\n{defaults}", end="")
        return
    request = check(argv)
    # Imports torch.
    from vae_lab.evaluate.evaluation import evaluate

    evaluate(request.run, request.checkpoint, request.settings)


def _settings(overrides: Sequence[str]) -> dict[str, Any]:
    known = OmegaConf.load(conf_folder() / "evaluate.yaml")
    for override in overrides:
        key = override.partition("=")[0]
        if key not in known:
            meant = did_you_mean(key, map(str, known))
            hint = f"did you mean {meant}?" if meant else f"the keys are {', '.join(known)}."
            if key == "K":
                hint = "K is num_samples."
            raise UserError(f"unknown key {key}: {hint}")
    try:
        merged = OmegaConf.merge(known, OmegaConf.from_dotlist(list(overrides)))
        settings = OmegaConf.to_container(merged, resolve=True)
    except (OmegaConfBaseException, ValueError) as error:
        raise UserError(f"{str(error).splitlines()[0]} Write key=value.") from error
    assert isinstance(settings, dict)
    values = {str(key): value for key, value in settings.items()}
    for rule in RULES:
        if not rule.holds(value := values[rule.pattern]):
            raise UserError(f"{rule.pattern} must be {rule.words}, got {json.dumps(value)}.")
    values["threads"] = values["threads"] or available_cores()
    return values


if __name__ == "__main__":
    main()
