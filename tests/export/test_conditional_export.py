"""Exports of conditional models: graphs with a label, the card, and what is loaded again."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from runs import train
from stripes import small_config, striped_data

import vae_lab
from vae_lab.export.folder import write_folder
from vae_lab.export.graphs import write_graphs
from vae_lab.export.numbers import rows
from vae_lab.export.sources import read_source
from vae_lab.exported import DECODER, ENCODER, read_config
from vae_lab.run_folder import RunResult
from vae_lab.vae import VAE

SHAPE = (1, 28, 28)


@pytest.mark.parametrize(
    "overrides",
    [
        ("model=linear",),
        ("model=conv", "posterior=full", "latent_dim=3", "objective=iwae"),
        ("model=conv",),
        ("model=burda", "posterior=full", "likelihood=gaussian"),
        ("model=resnet", "model.channels=[8,16]"),
    ],
)
def test_graphs_with_labels_agree_with_torch(tmp_path: Path, overrides: tuple[str, ...]) -> None:
    config, _ = small_config(tmp_path / "conf", "condition=label", *overrides)
    model = VAE.from_config(config, SHAPE, num_classes=10, trust=True).eval()
    graphs = write_graphs(model, SHAPE, tmp_path)
    assert [graph.given for graph in graphs] == [
        {"image": [1, 28, 28], "label": []},
        {"z": [model.latent_dim], "label": []},
    ]
    generator = torch.Generator().manual_seed(1)
    sessions = [
        onnxruntime.InferenceSession(tmp_path / file, providers=["CPUExecutionProvider"])
        for file in (ENCODER, DECODER)
    ]
    for size in (1, 5, 33):
        images = torch.rand(size, *SHAPE, generator=generator)
        points = torch.randn(size, model.latent_dim, generator=generator)
        labels = torch.randint(10, (size,), generator=generator)
        given = {"label": labels.numpy()}
        with torch.no_grad():
            posterior = model.encode(images, labels)
            decoded = model.decode(points, labels).clamp(0, 1)
        fields = sessions[0].run(None, {"image": images.numpy(), **given})
        for value, expected in zip(fields, posterior, strict=True):
            np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-5)
        (image,) = sessions[1].run(None, {"z": points.numpy(), **given})
        np.testing.assert_allclose(image, decoded, rtol=0, atol=1e-5)
    other = {"label": (labels.numpy() + 1) % 10}
    assert np.abs(sessions[1].run(None, {"z": points.numpy(), **other})[0] - image).max() > 1e-4


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    overrides = ("condition=label", "callbacks=none", "logger=none")
    _, run = train(tmp_path_factory.mktemp("trained"), *overrides)
    (run / "figures").mkdir(exist_ok=True)
    # What the picture callbacks=classes writes; what it shows does not matter here.
    Image.new("L", (30, 20)).save(run / "figures" / "classes_0002.png")
    return run


@pytest.fixture(scope="module")
def folder(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("exported") / "model"
    write_folder(
        read_source(str(run), trust=True), target, without=(), license_id="mit", trust=True
    )
    return target


def test_an_export_is_the_model_bit_for_bit(run: Path, folder: Path) -> None:
    trained, exported = vae_lab.load(run), vae_lab.load(folder, trust=True)
    assert read_config(folder).classes == exported.classes == tuple("0123456789")
    weights = exported.model.state_dict()
    for name, value in trained.model.state_dict().items():
        assert torch.equal(weights[name], value), name
    shares = exported.model.condition.shares
    torch.testing.assert_close(shares, torch.full((10,), 0.1), atol=0.02, rtol=0)
    assert torch.equal(exported.sample(4, label=7), trained.sample(4, label=7))
    assert torch.equal(exported.sample(4), trained.sample(4))
    images = striped_data().test_images[:3].float() / 255
    assert torch.equal(exported.classify(images), trained.classify(images))
    assert torch.equal(
        exported.encode(images, [0, 1, 2]).mean, trained.encode(images, [0, 1, 2]).mean
    )


def test_the_card_says_that_the_bound_is_given_the_class(folder: Path) -> None:
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "ELBO, the bound on log p(x given y) |" in card
    assert "It is conditional" in card and "0, 1, 2, 3, 4, 5, 6, 7, 8, 9." in card
    assert "| `decoder.onnx` | `z` (N, 2), `label` (N,) | `image` (N, 1, 28, 28) |" in card
    assert "unconditional-image-generation" not in card
    assert "each latent dimension of q(z|x, y)" in card
    assert "](pictures/classes_0002.png)" in card


def test_the_card_shows_what_the_classes_are_worth_of_the_last_evaluation_or_the_test() -> None:
    def record(value: float) -> dict[str, object]:
        return {"value": value, "standard_error": 0.01, "protocol": {"images": 500, "samples": 10}}

    result = RunResult(
        metrics={"elbo/test": -100.0},
        standard_errors={"elbo/test": 1.0},
        protocol={"condition": "label", "num_samples": 1},
        picture_metrics={"bayes_accuracy": record(0.91), "summed_bound": record(-102.3)},
    )
    words = [(row.words, row.value) for row in rows(result, [])]
    assert words == [
        ("ELBO, the bound on log p(x given y)", "-100.0 ± 1.0 nats"),
        ("bound on log p(x), summed over the classes", "-102.300 ± 0.010 nats"),
        ("accuracy of the classes by Bayes' rule", "0.910 ± 0.010"),
    ]
    # A bound that no label beside the known ones has to do with is one on log p(x).
    partly = replace(result, protocol={"condition": "label, 100 known", "num_samples": 1})
    assert rows(partly, [])[0].words == "ELBO, the bound on log p(x)"


def test_the_lines_of_the_card_draw_each_class_without_torch(folder: Path) -> None:
    card = (folder / "README.md").read_text(encoding="utf-8")
    lines = card.split("```python\n")[1].split("\n```")[0]
    assert max(map(len, lines.splitlines())) <= 100
    without = "import sys; sys.modules.update(torch=None, vae_lab=None)\n"
    done = subprocess.run(
        [sys.executable, "-c", without + lines],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    drawn = np.asarray(Image.open(folder / "draws.png"))
    z = np.random.default_rng(0).standard_normal((1, 2), np.float32).repeat(10, 0)
    images = vae_lab.load(folder, trust=True).decode(z, [*range(10)])
    expected = (255 * images.squeeze(1)).to(torch.uint8).permute(1, 0, 2).reshape(28, -1)
    assert np.abs(drawn[:28].astype(int) - expected.numpy()).max() <= 1
    (folder / "draws.png").unlink()


def test_the_lines_with_vae_lab_run(folder: Path) -> None:
    card = (folder / "README.md").read_text(encoding="utf-8")
    lines = card.split("import vae_lab\n")[1].split("\n```")[0]
    names: dict[str, object] = {"vae_lab": vae_lab}
    exec(lines.replace('load("FOLDER")', f"load({str(folder)!r}, trust=True)"), names)
    probabilities = names["probabilities"]
    assert isinstance(probabilities, torch.Tensor) and probabilities.shape == (16, 10)
