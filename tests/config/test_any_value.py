"""Any value of any type, for every key there is: the check says yes or why not, nothing else."""

from contextlib import suppress
from copy import deepcopy
from datetime import date
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_overrides import every_key

from vae_lab.cli import launchers
from vae_lab.cli.jobs import compose_jobs
from vae_lab.config.check import check, check_values
from vae_lab.config.job import Job
from vae_lab.errors import UserError

# As YAML may say them.
PLAIN = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.dates()),
    st.sampled_from([0, -1, 10**400, 1e39, 0.5, "auto", "00:00:00:01", [], {}, [0.9, 0.99], [[1]]]),
    st.just(date(2026, 1, 1)),
)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.text(max_size=3), st.integers()), inner, max_size=2),
    ),
    max_leaves=4,
)
OPTIONS = (
    "callbacks=[default,early_stopping,ema] logger=[tensorboard,csv,mlflow,wandb]",
    "data=digits model=conv optimizer=muon likelihood=gaussian objective=mmd prior=vamp",
    "data=folder data.path=x model=resnet objective=elbo_capacity trainer=ddp",
)


@cache
def jobs() -> list[Job]:
    # The values of loggers are checked whether or not their packages are installed.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launchers, "check_installed", lambda job: None)
        return [compose_jobs(line.split())[0] for line in OPTIONS]


@settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(st.sampled_from(range(len(OPTIONS))), st.data())
def test_any_value_of_any_key_is_right_or_answered(number: int, data: st.DataObject) -> None:
    job = jobs()[number]
    key = data.draw(st.sampled_from([*every_key(), "seed", "latent_dim", "threads", "compile"]))
    # Groups and parts too: what holds keys may be a number.
    *parents, name = key.split(".")[: data.draw(st.integers(1, 4))]
    values = deepcopy(job.values)
    node: Any = values
    for parent in parents:
        node = node.setdefault(parent, {})
        if not isinstance(node, dict):
            return
    node[name] = data.draw(VALUES)
    with suppress(UserError):
        check(values, job.composition.defaults, job.choices)
    with suppress(UserError):
        check_values(values)
