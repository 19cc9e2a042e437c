"""Random command lines: valid, nearly valid, garbage."""

from datetime import datetime
from functools import cache

from hypothesis import strategies as st

from vae_lab.cli.command_lines import CommandLine
from vae_lab.cli.jobs import jobs_of
from vae_lab.config.compose import Composer
from vae_lab.errors import UserError

KEYS = (
    *("latent_dim", "seed", "threads", "run_name", "sweep_name", "data.batch_size"),
    *("data.num_val", "data.folder", "data.files", "data.root", "data.timeout", "data.mirrors"),
    *("model.hidden_dims", "model.lr", "objective.beta", "objective.num_samples", "optimizer.lr"),
    *("optimizer.betas", "optimizer.warmup", "optimizer.schedule", "trainer.max_epochs"),
    *("trainer.precision", "trainer.gradient_clip_val", "trainer.devices", "likelihood", "prior"),
    *("callbacks", "callbacks.samples.every_n_epochs", "logger", "model", "data", "experiment"),
    *("hydra.run.dir", "hydra.job.name", "hydra.sweep.dir", "model.encoder._target_", "resume"),
)
VALUES = (
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


def override_lists(garbage: int = 1) -> st.SearchStrategy[list[str]]:
    """Lists of overrides, in which a word can be anything; `garbage` weighs what is nonsense."""
    near = st.builds(
        "{}{}={}".format,
        st.sampled_from(["", "", "", "+", "++", "~"]),
        st.sampled_from(KEYS),
        values(),
    )
    far = st.builds("{}={}".format, st.text("abc._@/:é ", max_size=12), values())
    nonsense = st.one_of(st.text(max_size=30), st.sampled_from(["", "=", "-m", "~"]))
    word = st.one_of(near, near, far, *[nonsense] * garbage)
    return st.lists(word, max_size=4)


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
