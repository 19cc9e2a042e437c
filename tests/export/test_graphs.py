"""ONNX graphs give what torch gives, for every network, posterior and likelihood."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from stripes import small_config
from torch import Tensor, nn

from vae_lab.errors import UserError
from vae_lab.export.graphs import write_graphs
from vae_lab.exported import DECODER, ENCODER, OPSET
from vae_lab.vae import VAE

GREY, COLOUR = (1, 28, 28), (3, 32, 32)
CASES = [
    (("model=linear", "likelihood=bernoulli"), GREY),
    (("model=linear", "likelihood=discretized_logistic", "posterior=full"), COLOUR),
    (("model=burda", "likelihood=laplace"), COLOUR),
    (("model=burda", "likelihood=bernoulli", "posterior=full"), GREY),
    (("model=conv", "likelihood=gaussian"), GREY),
    (("model=conv", "likelihood=continuous_bernoulli", "posterior=full"), COLOUR),
    (("model=resnet", "model.channels=[8,16]", "likelihood=discretized_logistic"), COLOUR),
    (("model=resnet", "model.channels=[8,16]", "posterior=full", "latent_dim=3"), GREY),
]


def made(folder: Path, overrides: tuple[str, ...], shape: tuple[int, ...]) -> VAE:
    config, _ = small_config(folder, *overrides)
    return VAE.from_config(config, shape, trust=True).eval()


def run_graph(path: Path, batch: Tensor) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    return session.run(None, {given.name: batch.numpy()})


@pytest.mark.parametrize(("overrides", "shape"), CASES)
def test_graphs_agree_with_torch_on_random_batches(
    overrides: tuple[str, ...], shape: tuple[int, ...], tmp_path: Path
) -> None:
    model = made(tmp_path / "conf", overrides, shape)
    graphs = write_graphs(model, shape, tmp_path)
    assert [graph.file for graph in graphs] == [ENCODER, DECODER]
    generator = torch.Generator().manual_seed(1)
    for size in (1, 5, 33):
        images = torch.rand(size, *shape, generator=generator)
        points = 2 * torch.randn(size, model.latent_dim, generator=generator)
        with torch.no_grad():
            posterior, decoded = model.encode(images), model.decode(points).clamp(0, 1)
        fields = run_graph(tmp_path / ENCODER, images)
        for given, expected in zip(fields, posterior, strict=True):
            np.testing.assert_allclose(given, expected, rtol=1e-5, atol=1e-5)
        (image,) = run_graph(tmp_path / DECODER, points)
        assert image.shape == (size, *shape) and image.min() >= 0 and image.max() <= 1
        np.testing.assert_allclose(image, decoded, rtol=0, atol=1e-5)


def test_every_network_posterior_and_likelihood_is_among_the_cases() -> None:
    conf = Path(__file__).parents[2] / "conf"
    words = {word for overrides, _ in CASES for word in overrides}
    for group in ("model", "likelihood", "posterior"):
        options = {f"{group}={path.stem}" for path in (conf / group).glob("*.yaml")}
        assert options - words <= {"posterior=diagonal"}  # the default


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("graphs")
    write_graphs(made(folder / "conf", ("model=linear",), GREY), GREY, folder)
    return folder


def test_a_graph_names_its_tensors_and_holds_its_weights_and_no_path(exported: Path) -> None:
    names = {}
    for file in (ENCODER, DECODER):
        graph = onnx.load(exported / file, load_external_data=False)
        onnx.checker.check_model(graph, full_check=True)
        assert [it.version for it in graph.opset_import if it.domain == ""] == [OPSET]
        assert not any(
            each.HasField("data_location") and each.data_location
            for each in graph.graph.initializer
        )
        names[file] = [[it.name for it in side] for side in (graph.graph.input, graph.graph.output)]
        content = (exported / file).read_bytes()
        for path in (Path(torch.__file__).parent, Path(__file__).parents[2], Path.home()):
            assert str(path).encode() not in content
        assert b".py" not in content
    assert names == {ENCODER: [["image"], ["mean", "log_var"]], DECODER: [["z"], ["image"]]}


def test_the_same_weights_give_the_same_files(exported: Path, tmp_path: Path) -> None:
    write_graphs(made(tmp_path / "conf", ("model=linear",), GREY), GREY, tmp_path)
    for file in (ENCODER, DECODER):
        assert (tmp_path / file).read_bytes() == (exported / file).read_bytes()


class Branching(nn.Linear):
    """Takes another way if the numbers ask for it, which no graph can."""

    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class OneSize(nn.Linear):
    """Makes the number of images a constant."""

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(len(x), -1)


class Noisy(nn.Linear):
    """Draws in every call."""

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.randn_like(x)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Branching, r"^torch cannot export .*test_graphs\.Own: Could not guard on data-dependent"),
        (OneSize, r"^the graph of .*test_graphs\.Own takes 2 images only: .*x\.shape\[0\]"),
        (Noisy, r"^the graph of .*test_graphs\.Own gives other numbers than torch, by up to"),
    ],
)
def test_a_network_that_cannot_be_exported_is_named_in_one_line(
    layer: Any, message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = made(tmp_path / "conf", ("model=linear",), GREY)
    encoder = model.encoder

    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.rest = layer(2, 2), encoder

        def forward(self, x: Tensor) -> Any:
            return self.rest(self.first(x))

    Own.__qualname__ = "Own"
    model.encoder = Own()
    with pytest.raises(UserError, match=message) as refused:
        write_graphs(model, GREY, tmp_path)
    assert "\n" not in str(refused.value)
    assert capfd.readouterr() == ("", "")
    assert not (tmp_path / ENCODER).exists()
