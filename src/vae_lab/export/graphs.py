"""Encoder and decoder as ONNX graphs, for programs without torch and without this project.

Shapes: N images, C, H, W of an image, Z latent dimensions. N is free in every graph.
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
from vae_lab.exported import DECODER, ENCODER, IMAGE, OPSET, Graph, Z
from vae_lab.files import atomic
from vae_lab.random_streams import stream
from vae_lab.vae import VAE

if TYPE_CHECKING:
    from onnx import ModelProto

# How far a graph may be from torch: of values up to 1, and in relation to larger ones.
TOLERANCE = 1e-5
# Numbers of images of the random batches that are compared.
_BATCHES = (1, 2, 3, 16)


class Encoding(nn.Module):
    """image (N, C, H, W) -> the fields of q(z|x)."""

    def __init__(self, model: VAE) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.model.encode(image))


class Decoding(nn.Module):
    """z (N, Z) -> the mean image E[x|z], (N, C, H, W), cut to [0, 1] as pictures are."""

    def __init__(self, model: VAE) -> None:
        super().__init__()
        self.model = model

    def forward(self, z: Tensor) -> tuple[Tensor]:
        return (self.model.decode(z).clamp(0, 1),)


def write_graphs(model: VAE, image_shape: Sequence[int], folder: Path) -> list[Graph]:
    """Writes `encoder.onnx` and `decoder.onnx`, and returns what each takes and gives.

    Raises:
        UserError: A network cannot be exported, or its graph gives other numbers than torch.
    """
    generator = stream("export", 0)
    images = torch.rand(max(_BATCHES), *image_shape, generator=generator)
    points = torch.randn(max(_BATCHES), model.latent_dim, generator=generator)
    with torch.no_grad():
        posterior = model.encode(images)
    fields = list(getattr(posterior, "_fields", [f"field_{i}" for i, _ in enumerate(posterior)]))
    return [
        _write(folder / ENCODER, Encoding(model), images, IMAGE, fields, _part(model.encoder)),
        _write(
            *(folder / DECODER, Decoding(model), points, Z, [IMAGE]),
            _part(model.likelihood, model.decoder),
        ),
    ]


def _part(*modules: nn.Module) -> str:
    """Returns the class that a person wrote, or else the last one, as errors name it."""
    classes = [f"{type(it).__module__}.{type(it).__qualname__}" for it in modules]
    return next((name for name in classes if not name.startswith("vae_lab.")), classes[-1])


def _write(
    path: Path, module: nn.Module, examples: Tensor, given: str, results: list[str], part: str
) -> Graph:
    graph = _graph(module.eval(), examples[:2], given, results, part)
    content = graph.SerializeToString()
    difference = _difference(content, module, examples, part)
    with atomic(path) as partial:
        partial.write_bytes(content)
    with torch.no_grad():
        shapes = [list(result.shape[1:]) for result in module(examples[:1])]
    return Graph(
        path.name,
        given,
        list(examples.shape[1:]),
        dict(zip(results, shapes, strict=True)),
        difference,
    )


def _graph(
    module: nn.Module, example: Tensor, given: str, results: list[str], part: str
) -> "ModelProto":
    """Returns the ONNX graph of a module, its weights inside."""
    with _quiet():
        try:
            program = torch.onnx.export(
                module,
                (example,),
                dynamo=True,
                dynamic_shapes=({0: torch.export.Dim("N")},),
                input_names=[given],
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


def _difference(content: bytes, module: nn.Module, examples: Tensor, part: str) -> float:
    """Returns the largest difference between a graph and torch on batches of several sizes."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    if isinstance(given.shape[0], int):
        raise UserError(
            f"the graph of {part} takes {given.shape[0]} images only: in its forward, write "
            f"x.shape[0] in place of len(x), and no number of images."
        )
    largest = 0.0
    for size in _BATCHES:
        batch = examples[-size:]
        with torch.no_grad():
            expected = module(batch)
        for value, wanted in zip(
            session.run(None, {given.name: batch.numpy()}), expected, strict=True
        ):
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
