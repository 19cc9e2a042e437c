"""A configuration as plain values, what depends on the machine settled.

`trainer.precision=auto` and `threads=null` are settled before the run, and what was chosen is
stated with the reason. bf16 takes about 0.7 of the time of the convolutional model on processors
that compute in it, and slows a small one down (docs/developers/benchmarks.md). The bound's terms
are in single precision either way.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from vae_lab.config.identity import INIT_WEIGHTS
from vae_lab.environment import available_cores, processor_has_bf16
from vae_lab.errors import UserError
from vae_lab.starting_weights import checksum, source_file


def resolved(config: DictConfig, directory: Path = Path()) -> dict[str, Any]:
    """Returns the configuration as plain values, without Hydra's part, settled for this machine.

    A relative path of `init_from` begins in `directory`.

    Raises:
        UserError: if an interpolation leads nowhere, or `init_from` names no weights.
    """
    if "hydra" in config:
        config = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    try:
        values = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise UserError(_in_words(error)) from error
    assert isinstance(values, dict)
    plain = {str(key): value for key, value in values.items()}
    if "threads" in plain and plain["threads"] is None:
        # The processes of one run share the cores.
        devices = plain.get("trainer", {}).get("devices")
        processes = devices if isinstance(devices, int) and devices > 0 else 1
        plain["threads"] = max(1, available_cores() // processes)
    if plain.get("trainer", {}).get("precision") == "auto":
        plain["trainer"]["precision"] = choose(plain)[0]
    if INIT_WEIGHTS in plain:
        raise UserError(
            f"{INIT_WEIGHTS} cannot be set, for it is the checksum of the weights that a run "
            f"starts from: write init_from=RUN_FOLDER."
        )
    if isinstance(source := plain.get("init_from"), str):
        plain[INIT_WEIGHTS] = checksum(source_file(source, directory))
    return plain


def _in_words(error: OmegaConfBaseException) -> str:
    """Returns in a line why a value that refers to another one has none."""
    key, text = error.full_key, str(error)
    if missing := re.search(r"Interpolation key '([^']+)' not found", text):
        return f"{key} takes its value from {missing[1]}, which does not exist: set {key}=VALUE."
    if variable := re.search(r"Environment variable '([^']+)' not found", text):
        return f"{key} needs the environment variable {variable[1]}: set it, or set {key}=VALUE."
    return f"{key} takes its value from ${{...}}, which cannot be read: set {key}=VALUE."


def choose(config: Mapping[str, Any]) -> tuple[str, str]:
    """Returns the precision that `auto` stands for, and the reason."""
    trainer = config["trainer"]
    clips = trainer.get("gradient_clip_val") and config["optimizer"].get("fused")
    in_the_way = {
        "this model gains nothing from bf16 (model.gains_from_bf16)": not config["model"].get(
            "gains_from_bf16"
        ),
        "a fused optimizer cannot clip gradients in mixed precision": clips,
        "bf16 was measured on processors only": trainer.get("accelerator") != "cpu",
        "this processor has no bf16 instructions": not processor_has_bf16(),
    }
    for reason, applies in in_the_way.items():
        if applies:
            return "32-true", reason
    return "bf16-mixed", "this processor has bf16 instructions, and this model gains from them"


def stated(config: Mapping[str, Any]) -> str:
    """Returns in which precision a run is, and why if it is what `auto` chooses."""
    used, (auto, reason) = config["trainer"].get("precision"), choose(config)
    return f"precision {used}{f': {reason}' if used == auto else ', as asked'}"
