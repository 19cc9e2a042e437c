"""Encoder and decoder as ONNX graphs, for programs without torch and without this project.

Shapes: N images, C, H, W of an image, Z latent dimensions. N is free in every graph. Of a
conditional model each graph takes labels too, int64 (N,): the places of the classes.
"""

import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from vae_lab.errors import UserError, first_line
from vae_lab.exported import DECODER, ENCODER, IMAGE, LABEL, OPSET, Graph, Z
from vae_lab.files import atomic
from vae_lab.random_streams import stream
from vae_lab.vae import VAE

if TYPE_CHECKING:
    from onnx import ModelProto

# How far a graph may be from torch: of values up to 1, and in relation to larger ones.
TOLERANCE = 1e-5
# Numbers of images of the random batches that are compared.
_BATCHES = (1, 2, 3, 16)


# What a graph takes, by its name.
Inputs = dict[str, Tensor]


class Encoding(nn.Module):
    """image (N, C, H, W) -> the fields of q(z|x)."""

    def __init__(self, model: VAE) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor, label: Tensor | None = None) -> tuple[Tensor, ...]:
        return tuple(self.model.encode(image, label))


class Decoding(nn.Module):
    """z (N, Z) -> the mean image E[x|z], (N, C, H, W), cut to [0, 1] as pictures are."""

    def __init__(self, model: VAE) -> None:
        super().__init__()
        self.model = model

    def forward(self, z: Tensor, label: Tensor | None = None) -> tuple[Tensor]:
        return (self.model.decode(z, label).clamp(0, 1),)


def write_graphs(model: VAE, image_shape: Sequence[int], folder: Path) -> list[Graph]:
    """Writes `encoder.onnx` and `decoder.onnx`, and returns what each takes and gives.

    Raises:
        UserError: A network cannot be exported, or its graph gives other numbers than torch.
    """
    generator, size = stream("export", 0), max(_BATCHES)
    images = torch.rand(size, *image_shape, generator=generator)
    points = torch.randn(size, model.latent_dim, generator=generator)
    labels: Inputs = {}
    if model.is_conditional:
        labels[LABEL] = torch.arange(size) % model.condition.num_classes
    with torch.no_grad():
        posterior = model.encode(images, *labels.values())
    fields = list(getattr(posterior, "_fields", [f"field_{i}" for i, _ in enumerate(posterior)]))
    encoder, decoder = (_network_of(model, it) for it in (model.encoder, model.decoder))
    encoded = Encoding(model), {IMAGE: images, **labels}, fields
    decoded = Decoding(model), {Z: points, **labels}, [IMAGE]
    return [
        _write(folder / ENCODER, *encoded, _part(encoder)),
        _write(folder / DECODER, *decoded, _part(model.likelihood, decoder)),
    ]


def _network_of(model: VAE, network: nn.Module) -> nn.Module:
    """Returns the network of `conf/model`: of a conditional model the one that is given labels."""
    inner = network.network if model.is_conditional else network
    assert isinstance(inner, nn.Module)
    return inner


def _part(*modules: nn.Module) -> str:
    """Returns the class that a person wrote, or else the last one, as errors name it."""
    classes = [f"{type(it).__module__}.{type(it).__qualname__}" for it in modules]
    return next((name for name in classes if not name.startswith("vae_lab.")), classes[-1])


def _write(path: Path, module: nn.Module, examples: Inputs, results: list[str], part: str) -> Graph:
    graph = _graph(module.eval(), examples, results, part)
    content = graph.SerializeToString()
    difference = _difference(content, module, examples, part)
    with atomic(path) as partial:
        partial.write_bytes(content)
    with torch.no_grad():
        shapes = [list(result.shape[1:]) for result in module(*_of_images(examples, slice(1)))]
    return Graph(
        path.name,
        {name: list(it.shape[1:]) for name, it in examples.items()},
        dict(zip(results, shapes, strict=True)),
        difference,
    )


def _of_images(examples: Inputs, rows: slice) -> tuple[Tensor, ...]:
    """Returns what a module takes for some of the images."""
    return tuple(it[rows] for it in examples.values())


def _graph(module: nn.Module, examples: Inputs, results: list[str], part: str) -> "ModelProto":
    """Returns the ONNX graph of a module, its weights inside."""
    number = torch.export.Dim("N")
    with _quiet():
        try:
            program = torch.onnx.export(
                module,
                _of_images(examples, slice(2)),
                dynamo=True,
                dynamic_shapes=tuple({0: number} for _ in examples),
                input_names=[*examples],
                output_names=results,
                opset_version=OPSET,
                verbose=False,
            )
        except Exception as error:  # a person's network can fail in any way
            raise UserError(f"torch cannot export {part}: {_reason(error)}") from error
    assert program is not None
    graph: ModelProto = program.model_proto
    _clean(graph.graph)
    return graph


def _difference(content: bytes, module: nn.Module, examples: Inputs, part: str) -> float:
    """Returns the largest difference between a graph and torch on batches of several sizes."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    first, *_ = session.get_inputs()
    if isinstance(first.shape[0], int):
        raise UserError(
            f"the graph of {part} takes {first.shape[0]} images only: in its forward, write "
            f"x.shape[0] in place of len(x), and no number of images."
        )
    largest = 0.0
    for size in _BATCHES:
        batch = _of_images(examples, slice(-size, None))
        with torch.no_grad():
            expected = module(*batch)
        given = {name: it.numpy() for name, it in zip(examples, batch, strict=True)}
        for value, wanted in zip(session.run(None, given), expected, strict=True):
            result = torch.from_numpy(value)
            if not torch.allclose(result, wanted, rtol=TOLERANCE, atol=TOLERANCE):
                distance = (result - wanted).abs().max().item()
                raise UserError(
                    f"the graph of {part} gives other numbers than torch, by up to {distance:.2g}: "
                    f"its forward must be made of torch's operations, and draw nothing."
                )
            largest = max(largest, (result - wanted).abs().max().item())
    return largest


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps what torch prints about its own steps away from the person."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _reason(error: BaseException) -> str:
    """Returns the first line of the error behind torch's own."""
    while error.__cause__ is not None:
        error = error.__cause__
    return first_line(error)


def _clean(graph: Any) -> None:
    """Removes what the exporter says of source files, which are paths of the machine."""
    parts = (graph.node, graph.input, graph.output, graph.value_info, graph.initializer)
    for part in (graph, *(it for each in parts for it in each)):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _clean(attribute.g)
