"""What a run makes of the processor: its precision, and no search for GPUs. No torch.

`trainer.precision=auto` is settled before the run, and what was chosen is stated with the reason.

bf16 takes about 0.7 of the time of the convolutional model on processors that compute in it, and
slows a small one down (bench/README.md). The bound's terms are in single precision either way.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

AUTO = "auto"
_VISIBLE = "CUDA_VISIBLE_DEVICES"
SINGLE, MIXED = "32-true", "bf16-mixed"
# What Linux calls the instructions that multiply bf16 matrices: x86, then ARM.
_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})


class Choice(NamedTuple):
    """A value of `trainer.precision`, and the reason for it in words."""

    precision: str
    reason: str


def choose(config: Mapping[str, Any]) -> Choice:
    """Returns what `auto` stands for, from what the model gains and what the processor can do."""
    if not config["model"].get("gains_from_bf16", False):
        return Choice(SINGLE, "this model gains nothing from bf16 (model.gains_from_bf16)")
    trainer = config["trainer"]
    if trainer.get("gradient_clip_val") and config["optimizer"].get("fused"):
        return Choice(SINGLE, "a fused optimizer cannot clip gradients in mixed precision")
    if trainer.get("accelerator") != "cpu":
        return Choice(SINGLE, "bf16 was measured on processors alone")
    if not processor_has_bf16():
        return Choice(SINGLE, "this processor has no bf16 instructions")
    return Choice(MIXED, "this processor has bf16 instructions, and this model gains from them")


def stated(config: Mapping[str, Any]) -> str:
    """Returns in which precision a run is, and why if it is what `auto` chooses."""
    used, auto = config["trainer"].get("precision"), choose(config)
    return f"precision {used}{f': {auto.reason}' if used == auto.precision else ', as asked'}"


@contextmanager
def gpus_hidden(config: Mapping[str, Any]) -> Iterator[None]:
    """Hides GPUs from a run on the processor.

    Adam asks in every step whether there is one, and where there is none torch looks for the driver
    on the disk each time: as long as half a step of the linear model.
    """
    if config["trainer"].get("accelerator") != "cpu":
        yield
        return
    before = os.environ.get(_VISIBLE)
    os.environ[_VISIBLE] = ""
    try:
        yield
    finally:
        if before is None:
            del os.environ[_VISIBLE]
        else:
            os.environ[_VISIBLE] = before


@cache
def processor_has_bf16() -> bool:
    """Tells whether the processor has instructions for bf16; False where the system is silent."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    flags = (line for line in lines if line.lower().startswith(("flags", "features")))
    return any(_BF16_FLAGS & set(line.partition(":")[2].split()) for line in flags)
