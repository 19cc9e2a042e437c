"""Random command lines: valid, nearly valid, garbage."""

import operator
from datetime import datetime
from functools import cache
from typing import Any

from hypothesis import strategies as st
from omegaconf import OmegaConf

from vae_lab.cli.command_lines import CommandLine
from vae_lab.cli.jobs import jobs_of
from vae_lab.config.compose import Composer, conf_folder
from vae_lab.config.identity import flatten
from vae_lab.config.trainer_rules import REFUSED_TRAINER_ARGUMENTS, TRAINER_ARGUMENTS
from vae_lab.errors import UserError

# Keys that are drawn more often than others: what names, paths and options are made of.
KEYS = (
    *("latent_dim", "seed", "threads", "run_name", "sweep_name", "data.batch_size"),
    *("data.num_val", "data.folder", "data.files", "data.root", "data.timeout", "data.mirrors"),
    *("model.hidden_dims", "model.lr", "objective.beta", "objective.num_samples", "optimizer.lr"),
    *("optimizer.betas", "optimizer.warmup", "optimizer.schedule", "trainer.max_epochs"),
    *("trainer.precision", "trainer.gradient_clip_val", "trainer.devices", "likelihood", "prior"),
    *("callbacks", "callbacks.samples.every_n_epochs", "logger", "model", "data", "experiment"),
    *("hydra.run.dir", "hydra.job.name", "hydra.sweep.dir", "model.encoder._target_", "resume"),
)
# Options that bring keys of their own.
OPTIONS = (
    "callbacks=[default,early_stopping,ema]",
    *("logger=[tensorboard,csv]", "optimizer=muon", "data=digits", "data=npz", "data=folder"),
    *("likelihood=gaussian", "objective=mmd", "objective=elbo_capacity", "prior=vamp"),
    *("model=conv", "model=resnet", "trainer=ddp", "trainer=debug"),
)
VALUES = (
    *("1.0", "0.5", "-0.0", "3.5e38", "9223372036854775808", "[0.9,0.999]", "[0.9]", "[a,null,1]"),
    *("00:00:01:00", "{hours:1}", "{4:2}", "auto", "cuda", "bf17", "ddp", "norm", "warn"),
    *("max", "elbo/val", "torch.optim.SGD", "vae_lab.callbacks.samples.Samples", "os.system"),
    *("1", "0", "-1", "2.5", "1e-3", "1e400", "-1e999", "nan", "inf", "9" * 400, "0x10", "1_000"),
    *("true", "null", "''", '""', "[]", "{}", "[1,2]", "[[[[1]]]]", "{a:{b:{c:1}}}", "{a:1", "[1"),
    *("linear", "conv", "none", "default", "mnist_5k", "elbo", "[samples,none]", "../..", "/etc"),
    *("${seed}", "${nothing}", "${oc.env:HOME}", "${oc.env:NOTHING}", "${latent_dim}", "${"),
    *("1,2", "range(1,3)", "choice(1,2)", "glob(*)", "interval(0,1)", "a b", "é", "日本", "\u202e"),
    *("\\", "'", '"', "$(touch x)", "; ls", "%s", "\x00", "\n", "a=b", "a:b", "@", "~", "#"),
)


def values() -> st.SearchStrategy[str]:
    return st.one_of(
        st.sampled_from(VALUES), st.integers().map(str), st.floats().map(str), st.text(max_size=20)
    )


@cache
def every_key() -> list[str]:
    """Returns each key of each option of conf/, and each argument of the Trainer."""
    keys = {f"trainer.{name}" for name in (*TRAINER_ARGUMENTS, *REFUSED_TRAINER_ARGUMENTS)}
    for path in conf_folder().glob("*/*.yaml"):
        group = path.parent.name
        if group not in ("hydra", "experiment"):
            content: Any = OmegaConf.to_container(OmegaConf.load(path))
            top = {"picture_metrics": "report"}.get(group, group)
            keys |= {key for key, _ in flatten(content, f"{top}.") if ".defaults" not in key}
    return sorted(keys)


def override_lists(garbage: int = 1) -> st.SearchStrategy[list[str]]:
    """Lists of overrides, in which a word can be anything; `garbage` weighs what is nonsense."""
    near = st.builds(
        "{}{}={}".format,
        st.sampled_from(["", "", "", "+", "++", "~"]),
        st.one_of(st.sampled_from(KEYS), st.sampled_from(every_key())),
        values(),
    )
    far = st.builds("{}={}".format, st.text("abc._@/:é ", max_size=12), values())
    nonsense = st.one_of(st.text(max_size=30), st.sampled_from(["", "=", "-m", "~"]))
    word = st.one_of(near, near, near, far, *[nonsense] * garbage)
    # One at most: what other options are composed of takes half a second once.
    option: st.SearchStrategy[list[str]] = st.one_of(
        st.just([]), st.lists(st.sampled_from(OPTIONS), min_size=1, max_size=1)
    )
    return st.builds(operator.add, option, st.lists(word, max_size=4))


@cache
def _composer() -> Composer:
    return Composer()


def _command_line(lines: list[str]) -> CommandLine:
    return CommandLine(
        overrides=tuple(line for line in lines if line != "-m"),
        multirun="-m" in lines,
        config_dir=None,
        config_name=None,
        show=(),
        asks_help=False,
        asks_hydra=False,
    )


def is_answered(lines: list[str]) -> bool:
    """Tells whether the overrides describe jobs; False where one line says why they do not.

    Any error but `UserError`, which becomes that line and the exit code 2, escapes.
    """
    said = ""
    try:
        return bool(jobs_of(_composer(), _command_line(lines), datetime.now()).jobs)
    except UserError as error:
        said = str(error)
    assert said.strip(), lines
    return False
