"""Every YAML file composes, instantiates and takes a step; a person's own options work too."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from stripes import small_config

from vae_lab.cli import launchers
from vae_lab.cli.jobs import compose_jobs
from vae_lab.config import compose
from vae_lab.config.descriptions import ConfigKey, Descriptions
from vae_lab.config.instantiate import instantiate, locate, needs_trust
from vae_lab.config.resolve import resolved
from vae_lab.config.yaml_comments import read_comments
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.errors import UserError
from vae_lab.random_streams import stream
from vae_lab.run_folder import RunFolder
from vae_lab.training.trainer import build_trainer
from vae_lab.vae import VAE

CONF = compose.conf_folder()
# Groups whose keys stand below another name.
PACKAGES = {"picture_metrics": "picture_metrics@report"}
OPTIONS = sorted(
    f"{PACKAGES.get(path.parent.name, path.parent.name)}={path.stem}"
    for path in CONF.glob("*/*.yaml")
    if path.parent.name != "hydra"
)


# What these cannot do without.
OWN = {option: ["data.path=mine"] for option in ("data=npz", "data=folder", "data=factors")}


def step(model: VAE, images: torch.Tensor) -> float:
    """Takes one optimiser step and returns the loss, which must have reached every weight."""
    optimizer = model.optimization.optimizer(params=model.named_parameters())
    noise = torch.randn(
        (model.objective.num_samples, len(images), model.latent_dim), generator=stream("test")
    )
    labels = torch.arange(len(images)) if model.is_conditional else None
    loss, _ = model.score(images, noise, labels=labels)
    torch.autograd.backward(loss)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    before = [p.detach().clone() for p in model.parameters()]
    optimizer.step()
    assert all(not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    return loss.item()


# They go where their arguments say: a server, a file anywhere.
FOR_TRUSTED_RUNS = ("logger=mlflow", "logger=wandb")


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_composes_instantiates_and_takes_a_step(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(launchers, "find_spec", lambda _: True)
    (job,) = compose_jobs([option, *OWN.get(option, [])])
    config = resolved(job.config)
    ImageDataModule.from_config(config, trust=False)
    assert needs_trust(config) == (option in FOR_TRUSTED_RUNS)
    if option in FOR_TRUSTED_RUNS:
        pytest.importorskip(option.partition("=")[2], reason="needs an extra")
    if "gpu" not in option:
        build_trainer(config, RunFolder(tmp_path), trust=option in FOR_TRUSTED_RUNS)
    model = VAE.from_config(config, (1, 28, 28), num_classes=10, trust=False)
    images = torch.rand(4, 1, 28, 28, generator=stream("images"))
    assert step(model, images) > 0 or "gaussian" in option


def test_the_list_of_options_is_that_of_the_folder() -> None:
    assert {"model=linear", "model=conv", "data=mnist_5k", "trainer=gpu"} <= set(OPTIONS)
    assert len(OPTIONS) == len(list(CONF.glob("*/*.yaml"))) - len(list(CONF.glob("hydra/*.yaml")))


DESCRIPTIONS = Descriptions()


def described() -> dict[str, list[ConfigKey]]:
    """The keys of each option and of each file without a group; a recipe sets keys of others."""
    groups = [*DESCRIPTIONS.groups.values()]
    options = [DESCRIPTIONS.option(group.name, name) for group in groups for name in group.options]
    found = {f"{o.group}={o.name}": o.keys for o in options if o.group != "experiment"}
    found["hydra=default"] = DESCRIPTIONS.option("hydra", "default").keys
    return {**found, "config": DESCRIPTIONS.top_level(), "evaluate": evaluation_keys()}


def evaluation_keys() -> list[ConfigKey]:
    return DESCRIPTIONS.settings("evaluate.yaml", "picture_metrics/thorough.yaml")


def test_every_key_is_explained() -> None:
    keys = described()
    assert len(keys) > 60 and sum(map(len, keys.values())) > 300
    for option, of_option in keys.items():
        unexplained = [key.name for key in of_option if len(key.meaning) < 10]
        assert not unexplained, f"{option}: write a comment above or behind {unexplained}"


def test_every_group_and_option_is_explained_by_one_sentence() -> None:
    for group in DESCRIPTIONS.groups.values():
        assert group.sentence.endswith("."), f"conf/config.yaml: a comment behind {group.name}"
        for name in group.options:
            option = DESCRIPTIONS.option(group.name, name)
            # basic is Hydra's own option, without a file here.
            ends = option.sentence.endswith(".") and option.header[-1].endswith(".")
            assert name == "basic" or ends or group.name == "experiment", f"{group.name}={name}"


@pytest.mark.parametrize("path", sorted(CONF.glob("experiment/*.yaml")), ids=lambda path: path.stem)
def test_the_results_of_a_recipe_name_the_commit_that_they_were_measured_at(path: Path) -> None:
    header = "\n".join(read_comments(path).header)
    result = header.partition("Result:")[2].partition("Time:")[0]
    if re.search(r"\d\.\d", result):
        assert re.search(r"\bcommit\s+[0-9a-f]{7}\b", result)


@pytest.mark.parametrize("path", sorted(CONF.rglob("*.yaml")), ids=lambda path: path.stem)
def test_a_line_of_yaml_has_at_most_100_columns(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > 100] == []


def test_a_persons_own_model_needs_a_class_and_a_yaml_file(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text(
        "encoder: {_target_: user_networks.Encoder, width: '${model.width}'}\n"
        "decoder: {_target_: vae_lab.networks.LinearDecoder, hidden_dims: ['${model.width}']}\n"
        "width: 8\nlr: 1e-3\n"
    )
    config, choices = small_config(tmp_path, "model=mine", "model.width=16")
    assert choices["model"] == "mine"
    model = VAE.from_config(config, (1, 28, 28), trust=True)
    # torch types every attribute of a module as a tensor or a module.
    assert model.encoder.layers[1].out_features == 16  # type: ignore[union-attr,index]
    assert step(model, torch.rand(4, 1, 28, 28, generator=stream("images"))) > 0


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("vae_lab.training.run.log.info", "cannot be found|is not a class"),
        ("vae_lab.training.run.subprocess.check_output", "cannot be found"),
        ("vae_lab.cli.main.sys.exit", "cannot be found|is not a class"),
        ("vae_lab.cli.main.main", "is not a class"),
        ("os.system", "is not of this package"),
        ("vae_lab.environment.subprocess.check_output", "cannot be found"),
        ("subprocess.Popen", "is not of this package, torch.nn or torch.optim"),
        ("vae_lab.training.trainer.Path", "is not of this package, torch.nn or torch.optim"),
        # It starts a process when it is made.
        (
            "torch.distributed.elastic.multiprocessing.subprocess_handler.SubprocessHandler",
            "is not of this package",
        ),
        # They write where their arguments say.
        ("pytorch_lightning.callbacks.ModelCheckpoint", "is not of this package"),
        ("pytorch_lightning.loggers.CSVLogger", "is not of this package"),
        ("vae_lab.training.trainer.ModelCheckpoint", "is not of this package"),
        ("vae_lab.loggers.mlflow.MlflowRunLogger", "reaches a network|cannot be found"),
        ("vae_lab.loggers.wandb.WandbRunLogger", "reaches a network|cannot be found"),
        ("vae_lab.board.server.LogFolder", "is not of this package"),
        ("vae_lab.checkpoints.AtomicCheckpointIO", "is not of this package"),
        ("vae_lab.run_folder.RunFolder", "is not of this package"),
        ("vae_lab.nowhere.Nothing", "cannot be found"),
        ("nowhere.Nothing", "is not of this package"),
        ("Nothing", "is not of this package"),
        (7, "is not a text"),
    ],
)
def test_only_located_classes_of_the_allow_list_are_used(target: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        locate(target, trust=False)


def test_what_is_not_trusted_is_not_even_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "evil.py").write_text("from pathlib import Path\nPath('done').touch()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UserError, match="is not trusted"):
        locate("evil.Network", trust=False)
    assert not (tmp_path / "done").exists()


@pytest.mark.parametrize(
    "target", ["torch.nn.ReLU", "torch.optim.Adam", "pytorch_lightning.callbacks.EarlyStopping"]
)
def test_harmless_classes_of_others_need_no_trust(target: str) -> None:
    assert locate(target, trust=False).__name__ == target.rpartition(".")[2]


def test_a_persons_own_class_is_used_from_their_own_command_line_only() -> None:
    assert locate("stripes.StripedDigits", trust=True).__name__ == "StripedDigits"
    with pytest.raises(UserError, match="is not trusted"):
        locate("stripes.StripedDigits", trust=False)


def test_an_argument_that_a_class_does_not_have_is_named() -> None:
    node: dict[str, Any] = {"_target_": "vae_lab.likelihoods.Gaussian", "scale": 1.0, "foo": 2}
    with pytest.raises(UserError, match=r"vae_lab\.likelihoods\.Gaussian: .*'foo'"):
        instantiate(node, trust=False)


def test_the_same_seed_gives_the_same_weights_and_zero_is_a_seed(tmp_path: Path) -> None:
    def weights(*overrides: str) -> torch.Tensor:
        config, _ = small_config(tmp_path, *overrides)
        model = VAE.from_config(config, (1, 28, 28), trust=True)
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    assert torch.equal(weights("seed=0"), weights("seed=0"))
    assert not torch.equal(weights("seed=0"), weights("seed=1"))
