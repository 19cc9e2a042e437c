"""`python -m vae_lab.evaluate RUN_FOLDER [key=value ...]`: what a finished run is worth.

Everything that can be checked is checked before torch is imported.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from vae_lab import environment
from vae_lab.config.check import check_recorded, check_settings
from vae_lab.config.compose import conf_folder
from vae_lab.errors import JobFailed, UserError, command, describe_os_error
from vae_lab.evaluations import DEFAULTS, file_name
from vae_lab.files import write_text
from vae_lab.reading import check_inside
from vae_lab.run_folder import RunFolder
from vae_lab.terminal import printable

_PATHS = ("data_root", "data_path")

USAGE = "usage: python -m vae_lab.evaluate RUN_FOLDER [key=value ...]"

# A run, the checkpoint to evaluate, and the settings; all of it checked.
Request = tuple[RunFolder, Path, dict[str, Any]]


def main() -> None:
    """Runs the command line and exits: 0 done, 2 wrong input, 130 Ctrl-C."""
    command(_main)


def check(argv: Sequence[str]) -> Request:
    """Returns what a command line asks for.

    Raises:
        UserError: It is wrong, or the folder holds no run that can be evaluated.
    """
    folders = [word for word in argv if "=" not in word]
    if len(folders) != 1:
        raise UserError(f"name one run's folder, got {len(folders)}. {USAGE}")
    settings = _settings([word for word in argv if "=" in word])
    run = RunFolder(Path(folders[0]).expanduser())
    check_recorded(run.config)  # raises if the folder is not a run
    if not settings["trust"]:
        check_inside(run.path)
    return run, run.checkpoint(settings["weights"]), settings


def _main(argv: Sequence[str]) -> None:
    if not argv or {"-h", "--help"} & set(argv):
        files = [conf_folder() / name for name in DEFAULTS]
        defaults = "\n".join(path.read_text(encoding="utf-8") for path in files)
        print(f"{USAGE}\n\nKeys and defaults:\n\n{defaults}", end="")
        return
    evaluate_run(check(argv))


def evaluate_run(request: Request) -> dict[str, Any]:
    """Evaluates a run, keeps the numbers in its folder, prints them, and returns them.

    Raises:
        UserError: The checkpoint, the data or the device cannot be used; nothing is written then.
    """
    import torch

    from vae_lab.evaluate.evaluation import Evaluation, evaluate
    from vae_lab.evaluate.printing import format_evaluation

    run, checkpoint, settings = request
    torch.set_num_threads(settings["threads"])
    evaluation = Evaluation.load(run, checkpoint, settings)
    if not evaluation.has_labels:
        print("classifiers and samples: left out, the images have no labels", file=sys.stderr)
    record = {
        "run": run.require_result().name,
        "config_hash": run.require_result().config_hash,
        **evaluate(evaluation),
        "versions": environment.versions(),
        "git_commit": environment.git_commit(),
        "machine": environment.machine(),
    }
    # First of all, so that no disk takes it away.
    print(printable(format_evaluation(record)), flush=True)
    path = run.path / file_name(checkpoint.stem, settings, evaluation.other_images)
    try:
        write_text(path, json.dumps(record, indent=2) + "\n")
    except OSError as error:
        raise JobFailed(
            f"the values above are not kept: {describe_os_error(error, path)}"
        ) from error
    print(printable(f"\nkept in {path}"))
    return record


def _settings(overrides: Sequence[str]) -> dict[str, Any]:
    if any(override.startswith("K=") for override in overrides):
        raise UserError("unknown key K: K is num_samples.")
    known = OmegaConf.merge(*(OmegaConf.load(conf_folder() / name) for name in DEFAULTS))
    assert isinstance(known, DictConfig)
    # A path is what was typed, whatever it looks like.
    words = [override.partition("=") for override in overrides]
    paths = {key: text for key, _, text in words if key in _PATHS and text != "null"}
    for key in (key for key, text in paths.items() if not text):
        raise UserError(f"{key} is empty: name a path, or leave {key} out.")
    others = ["".join(word) for word in words if word[0] not in paths]
    try:
        settings = OmegaConf.merge(known, OmegaConf.from_dotlist(others), paths)
    except (OmegaConfBaseException, ValueError) as error:
        raise UserError(f"{str(error).splitlines()[0]} Write key=value.") from error
    except yaml.YAMLError as error:
        raise UserError(
            f"a value in {' '.join(others)} cannot be read: close each bracket and quote."
        ) from error
    assert isinstance(settings, DictConfig)
    return check_settings(settings, known)


if __name__ == "__main__":
    main()
