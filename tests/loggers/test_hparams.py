"""The columns of the HParams table: what can be one, and what is refused before a run starts."""

from pathlib import Path

import pytest
from stripes import small_config

from vae_lab.cli.jobs import compose_jobs
from vae_lab.errors import UserError
from vae_lab.loggers import hparams


def test_groups_short_names_and_keys_have_values(tmp_path: Path) -> None:
    found = hparams.values(*small_config(tmp_path, "model=linear", "latent_dim=3", "seed=5"))
    expected = {"model": "linear", "objective": "elbo", "data": "stripes", "latent_dim": 3}
    expected |= {"seed": 5, "beta": 1.0, "lr": 0.05, "optimizer.lr": 0.05}
    assert {name: found[name] for name in expected} == expected
    assert found["model.hidden_dims"] == [64]


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ("model.hiden_dims", "did you mean model.hidden_dims?"),
        ("hidden_dims", "did you mean model.hidden_dims?"),
        ("modle", "did you mean model?"),
        ("nothing.like.it", "Choose from best_by, beta, callbacks, compile, condition, data,"),
        ("'7'", "7 is not a hyper-parameter of this run."),
    ],
)
def test_an_unknown_column_is_named(column: str, told: str) -> None:
    with pytest.raises(UserError) as error:
        compose_jobs([f"logger.tensorboard.columns=[model,{column}]"])
    name = column.strip("'")
    assert str(error.value).startswith(f"logger.tensorboard.columns: {name} is not a hyper-param")
    assert told in str(error.value)


def test_a_column_of_some_runs_of_a_sweep_is_one() -> None:
    setting = "logger.tensorboard.columns=[model,model.channels]"
    assert len(compose_jobs(["-m", "model=linear,conv", setting])) == 2
    with pytest.raises(UserError, match=r"model\.channels is not a hyper-parameter"):
        compose_jobs(["-m", "model=linear", setting])
    assert compose_jobs(["logger=csv"]) and compose_jobs(["logger=none"])
