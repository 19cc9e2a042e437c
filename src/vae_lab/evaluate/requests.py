"""What a command line asks to evaluate: runs, and the settings for all of them.

Everything that can be checked is checked here, before torch is imported.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from vae_lab.config.check import check_recorded, check_settings
from vae_lab.config.compose import conf_folder
from vae_lab.config.identity import is_conditional
from vae_lab.errors import UserError
from vae_lab.evaluations import DEFAULTS, file_name, read_content
from vae_lab.reading import check_inside
from vae_lab.run_folder import RESULT, RunFolder

_PATHS = ("data_root", "data_path")

# Settings that only a conditional model has a use for.
_OF_CONDITIONS = ("class_images", "class_samples")

USAGE = "python -m vae_lab.evaluate FOLDER [FOLDER ...] [key=value ...]"


class Request(NamedTuple):
    """A run, the checkpoint to evaluate, and the settings; all of it checked."""

    run: RunFolder
    checkpoint: Path
    settings: dict[str, Any]

    @property
    def name(self) -> str:
        """The name of the run."""
        return self.run.require_result().name or self.run.name

    def file(self, other_images: str | None = None) -> Path:
        """Returns where the numbers are kept."""
        return self.run.path / file_name(self.checkpoint.stem, self.settings, other_images)

    def kept(self, other_images: str | None = None) -> "Measured | None":
        """Returns this very evaluation, if it was done before."""
        path = self.file(other_images)
        content = read_content(self.run, path) if path.exists() else None
        return Measured(path, content, is_new=False) if content else None

    @property
    def has_fixed_images(self) -> bool:
        """Whether the images are known without a look: those of a published data set."""
        source = self.run.config["data"]["source"]
        is_published = str(source["_target_"]).startswith("vae_lab.") and "path" not in source
        return is_published and all(self.settings[key] is None for key in _PATHS)


class Measured(NamedTuple):
    """What an evaluation found, the file that it belongs into, and whether it is still missing.

    `per_image` are arrays of values of single images, which belong into a file beside it. `draw`
    draws what belongs to the numbers once they are kept, and returns the files by words.
    """

    path: Path
    content: dict[str, Any]
    is_new: bool
    per_image: Mapping[str, Any] = MappingProxyType({})
    draw: Callable[[], Mapping[str, Path]] = dict


class EvaluationPlan(NamedTuple):
    """What to evaluate; below a folder that was named, what is not finished, and what is broken.

    The last two with the reason.
    """

    requests: list[Request]
    unfinished: dict[Path, str]
    broken: dict[Path, str]


def check(argv: Sequence[str]) -> EvaluationPlan:
    """Returns what a command line asks for.

    Raises:
        UserError: It is wrong, or a folder holds no run that can be evaluated.
    """
    if flags := [word for word in argv if word.startswith("-") and not Path(word).exists()]:
        key = flags[0].partition("=")[0].lstrip("-").replace("-", "_")
        raise UserError(f"there is no flag {flags[0]}: a setting is one word, {key}=VALUE.")
    folders = [Path(word).expanduser() for word in argv if "=" not in word]
    if not folders:
        raise UserError(f"name the folder of a run or of a sweep. usage: {USAGE}")
    settings = _settings([word for word in argv if "=" in word])
    plan, known = EvaluationPlan([], {}, {}), set()
    for folder in folders:
        for run in _runs(folder):
            if (place := run.path.resolve()) in known:
                continue
            known.add(place)
            if run.path == folder:
                plan.requests.append(_request(run, settings))
            else:
                _add(plan, run, settings)
    if not plan.requests:
        reasons = {**plan.unfinished, **plan.broken}
        named = "".join(f" {path.name}: {reason}" for path, reason in list(reasons.items())[:3])
        raise UserError(f"no finished run in {', '.join(map(str, folders))}.{named}")
    return plan


def _runs(folder: Path) -> list[RunFolder]:
    """Returns the run of a folder, or else the runs below it."""
    run = RunFolder(folder)
    if run.exists or not folder.is_dir():
        return [run]
    return [RunFolder(path.parent) for path in sorted(folder.rglob(RESULT))] or [run]


def _add(plan: EvaluationPlan, run: RunFolder, settings: dict[str, Any]) -> None:
    """Adds a run that was not named itself to a plan, or the reason why it cannot be evaluated."""
    if run.result is not None and not run.is_finished:
        plan.unfinished[run.path] = run.result.status
        return
    try:
        plan.requests.append(_request(run, settings))
    except UserError as error:
        plan.broken[run.path] = str(error)


def _request(run: RunFolder, settings: dict[str, Any]) -> Request:
    check_recorded(run.config)  # raises if the folder is not a run
    if not settings["trust"]:
        check_inside(run.path)
    if not is_conditional(run.config):
        # Without effect here: evaluations from before there were conditions keep their names.
        settings = {key: it for key, it in settings.items() if key not in _OF_CONDITIONS}
    return Request(run, run.checkpoint(settings["weights"]), settings)


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
