"""What `trainer=gpu` adds to a run, tried on the processor: compiled networks, and TF32."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from runs import run_job
from stripes import small_config

from vae_lab.checkpoints import read_checkpoint
from vae_lab.cli.jobs import compose_jobs
from vae_lab.errors import UserError
from vae_lab.run_folder import RunResult
from vae_lab.vae import VAE

ON_THE_PROCESSOR = ("trainer=gpu", "trainer.accelerator=cpu", "callbacks=none", "logger=none")


def train(folder: Path, *overrides: str) -> RunResult:
    config, choices = small_config(folder.parent / "conf", *ON_THE_PROCESSOR, *overrides)
    return run_job(config, choices, folder)


@pytest.mark.parametrize("model", ["linear", "conv"])
def test_compiled_networks_train_to_the_same_bound_and_are_saved_as_ever(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graphs, modes, in_training = [], [], []
    compile_ = torch.compile

    def keep(graph: torch.fx.GraphModule, _: list[torch.Tensor]) -> Callable[..., Any]:
        graphs.append(graph)

        def noting(*inputs: Any) -> Any:
            in_training.append(torch.is_grad_enabled())
            return graph.forward(*inputs)

        return noting

    def without_a_compiler(network: Callable[..., Any], *, mode: str) -> Callable[..., Any]:
        modes.append(mode)
        return compile_(network, backend=keep)

    monkeypatch.setattr(torch, "compile", without_a_compiler)
    overrides = (f"model={model}", "trainer.precision=32-true", "trainer.max_epochs=1")
    plain = train(tmp_path / "plain", *overrides)
    assert not modes
    compiled = train(tmp_path / "compiled", *overrides, "compile=reduce-overhead")
    assert modes == ["reduce-overhead"] * 2 and len(graphs) >= 2
    # Validation, pictures and the test have other numbers of images, and no gradients.
    assert in_training and all(in_training)
    for name in ("elbo/test", "recon/test", "kl/test"):
        assert compiled.metrics[name] == pytest.approx(plain.metrics[name], rel=1e-5)
    names = [
        list(read_checkpoint(tmp_path / way / "checkpoints" / "last.ckpt")["state_dict"])
        for way in ("plain", "compiled")
    ]
    assert names[0] == names[1]


@pytest.mark.golden
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler here")
def test_what_the_compiler_makes_of_the_networks_trains_to_the_same_bound(tmp_path: Path) -> None:
    plain = train(tmp_path / "plain").metrics["elbo/test"]
    compiled = train(tmp_path / "compiled", "compile=default").metrics["elbo/test"]
    assert compiled == pytest.approx(plain, rel=1e-4)


def test_the_precision_of_products_is_that_of_the_training_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def products() -> tuple[str, bool]:
        return torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32

    seen, tested, before = [], [], products()
    # Convolutions have a switch of their own, which torch leaves at TF32.
    monkeypatch.setattr(VAE, "on_train_end", lambda _: seen.append(products()))

    def tell(_: object) -> list[str]:
        tested.append(products())
        return []

    monkeypatch.setattr("vae_lab.training.final_test.diagnose", tell)
    short = "trainer.max_epochs=1"
    train(tmp_path / "exact", short)
    train(tmp_path / "tf32", short, "matmul_precision=high")
    assert seen == [("highest", False), ("high", True)]
    assert tested == [("highest", False)] * 2
    assert products() == before


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("compile=true", "null, default, reduce-overhead or max-autotune, got true"),
        ("matmul_precision=tf32", "highest, high or medium, got 'tf32'"),
    ],
)
def test_other_values_are_refused(override: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        compose_jobs(["trainer=gpu", override])
