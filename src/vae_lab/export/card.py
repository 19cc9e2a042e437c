"""The model card: `README.md` of an exported folder, as hubs and people read it. No torch."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from vae_lab.class_labels import listed
from vae_lab.config.identity import ADDED_LATER
from vae_lab.export.numbers import given_class, rows, warnings
from vae_lab.export.usage import use_of
from vae_lab.exported import ENCODER, OPSET, ExportedModel, Graph
from vae_lab.report.wording import markdown_escaped

# What the outputs of an encoder mean, by their names.
_MEANINGS = {
    ("mean", "log_var"): "`mean` and `log_var` are the mean and the logarithm of the variance of "
    "each latent dimension of q(z|x{y}): a draw is `mean + exp(log_var / 2) * noise`.",
    ("mean", "log_scale", "lower"): "q(z|x{y}) has a full covariance: a draw is "
    "`mean + exp(log_scale) * (noise + lower @ noise)`.",
}


class CardPicture(NamedTuple):
    """A picture in the folder: its file there, what it shows, and what else to say."""

    file: str
    words: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a model card is made of.

    `no_graphs` says in Markdown why there are no `graphs`, if there are none.
    """

    about: ExportedModel
    license: str
    graphs: Sequence[Graph]
    no_graphs: str
    pictures: Sequence[CardPicture]

    def text(self) -> str:
        """Returns the content of `README.md`."""
        here = Path(__file__).parent / "templates"
        environment = Environment(
            loader=FileSystemLoader(here),
            autoescape=False,
            finalize=_escaped,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        environment.filters["quoted"] = lambda text: Markup(json.dumps(str(text)))
        environment.filters["safe"] = Markup
        # No line ends within a number with its error or its unit.
        environment.filters["unbroken"] = _unbroken
        return environment.get_template("card.md").render(self._values())

    def _values(self) -> dict[str, Any]:
        about, result = self.about, self.about.result
        config, shape = about.config, about.image_shape
        name = result.name or "model"
        return {
            "license": self.license,
            "tags": list(self._tags()),
            "name": name,
            "images": images_in_words(shape),
            "latent_dim": config["latent_dim"],
            "data": _data_name(about),
            "version": result.versions.get("vae-lab", "(version unknown)"),
            "pictures": self.pictures,
            "graphs": [_graph_row(graph) for graph in self.graphs],
            "no_graphs": self.no_graphs,
            "opset": OPSET,
            "sampled": (16, *shape),
            "numbers": rows(result, about.evaluations),
            "classes": about.classes,
            "class_list": _class_list(about.classes),
            "rounded": ".round()" if _is_binary(about) else "",
            "notes": list(_notes(about)),
            "facts": facts(about),
            "command": result.command,
            "limits": list(limits(about)),
            **self._use(),
        }

    def _use(self) -> dict[str, Any]:
        if not self.graphs:
            return {}
        use = use_of(
            self.graphs,
            is_standard_prior=is_standard(self.about.config),
            is_binary=_is_binary(self.about),
            num_classes=len(self.about.classes),
        )
        encoder = next(graph for graph in self.graphs if graph.file == ENCODER)
        return {
            "usage": use.lines,
            "what_usage_does": use.does,
            "own_picture": use.own_picture,
            "meaning": _MEANINGS.get(tuple(encoder.results), "").format(
                **given_class(self.about.result)
            ),
            "difference": f"{max(graph.difference for graph in self.graphs):.0e}",
        }

    def _tags(self) -> Iterator[str]:
        yield from ("variational-autoencoder", "vae", "safetensors")
        if self.graphs:
            yield "onnx"
        yield _data_name(self.about)


def is_standard(config: Mapping[str, Any]) -> bool:
    """Tells whether the prior of a configuration is N(0, I)."""
    return str(config["prior"]["_target_"]).rpartition(".")[2] == "StandardNormal"


def _is_binary(about: ExportedModel) -> bool:
    return bool(about.config["data"]["binarize"] != "none")


def _class_list(classes: Sequence[str]) -> str:
    """Returns the numbers of classes with their names; of digits, which say both, the names."""
    return listed([name if name == str(k) else f"{k} ({name})" for k, name in enumerate(classes)])


def images_in_words(shape: Sequence[int]) -> str:
    """Returns what images of (C, H, W) are."""
    channels, height, width = shape
    return f"{'grey' if channels == 1 else 'colour'} images of {height} x {width} pixels"


def facts(about: ExportedModel) -> dict[str, str]:
    """Returns what is known of the model, its data and its training, by what it is."""
    result, config = about.result, about.config
    data, optimizer = result.data, config["optimizer"]
    classes = {
        part: str(config[part]["_target_"]).rpartition(".")[2]
        for part in ("prior", "likelihood", "objective")
    }
    # Runs from before there was a choice have the diagonal Gaussian.
    family = config.get("posterior", {}).get("_target_", ADDED_LATER["posterior._target_"])
    splits = [f"{data[split]:,} {split}" for split in ("train", "val", "test") if split in data]
    minutes = result.seconds.get("total", 0) / 60
    known = {
        "networks": f"{result.choices.get('model', 'of the user')}, "
        f"{result.num_parameters or 0:,} weights",
        "posterior": str(family).rpartition(".")[2],
        **classes,
        "condition": f"the label: {len(about.classes)} classes" if about.classes else "",
        "data": f"{_data_name(about)}: {', '.join(splits)} images",
        "fingerprint of the data": data.get("fingerprint") or "",
        "targets": str(result.protocol.get("targets", "")),
        "weights": f"{about.weights}, after epoch {about.weights_epoch} of {result.epochs} "
        f"({result.protocol.get('checkpoint', 'chosen by the run')})",
        "optimizer": f"{str(optimizer['_target_']).rpartition('.')[2]}, learning rate "
        f"{optimizer.get('lr')}, schedule {optimizer['schedule']}, batches of "
        f"{config['data']['batch_size']}",
        "seed": f"{result.seed}",
        "precision": f"{result.precision}",
        "machine": f"{result.machine or 'unknown'}; {minutes:,.1f} minutes",
        "versions": ", ".join(f"{name} {it}" for name, it in result.versions.items()),
        "commit": result.git_commit or "",
        "hash of the configuration": about.config_hash,
    }
    return {key: value for key, value in known.items() if value}


def limits(about: ExportedModel) -> Iterator[str]:
    """Yields what the model is not good for, a sentence or two each."""
    result, config = about.result, about.config
    yield (
        f"It was trained on {images_in_words(about.image_shape)} of {_data_name(about)} only. Any "
        f"other image is encoded too, and its reconstruction looks like the training images."
    )
    yield (
        "Images are means E[x|z]: smooth, without the noise of p(x|z). It is a model to learn from "
        "and to compare with, not one to make pictures for a product."
    )
    yield (
        "The bounds compare only with bounds of the same data, targets and likelihood, measured in "
        "the same way. The standard errors are over test images of one training: another seed "
        "gives another model."
    )
    yield (
        "A high bound does not say that an image is like the training images: simple images of "
        "another kind often have a higher one (Nalisnick et al., arXiv:1810.09136)."
    )
    if about.classes:
        yield (
            f"It knows {len(about.classes)} classes. An image of another class must be given one "
            f"of them too, and its reconstruction looks like images of that class."
        )
    active, latent_dim = result.latent.get("active_units"), config["latent_dim"]
    if isinstance(active, int) and active < latent_dim:
        yield f"Of {latent_dim} latent dimensions, {active} vary over the images."
    yield from (f"The run warned: {warning}" for warning in result.warnings)


def _notes(about: ExportedModel) -> Iterator[str]:
    """Yields what must be known to read the numbers."""
    likelihood = str(about.config["likelihood"]["_target_"]).rpartition(".")[2]
    if likelihood == "Bernoulli" and about.config["data"]["binarize"] == "none":
        p = given_class(about.result)["p"]
        yield (
            f"The targets are grey values, taken as means of binary draws: log p(x{p}) here is not "
            f"the likelihood of the grey images, and published values are not comparable."
        )
    if given_class(about.result)["p"]:
        yield (
            "The bound is on log p(x given y), the class y being known. Compare it with no bound "
            "on log p(x); the one that is summed over the classes is such a bound."
        )
    yield from warnings(about.result, about.evaluations)


def _graph_row(graph: Graph) -> dict[str, Any]:
    return {
        "file": graph.file,
        "takes": Markup(", ".join(_tensor(*given) for given in graph.given.items())),
        "gives": Markup(", ".join(_tensor(*result) for result in graph.results.items())),
    }


def _tensor(name: str, shape: Sequence[int]) -> str:
    """Returns the name of a tensor with its shape, as Markdown."""
    return f"`{name}` ({', '.join(map(str, ('N', *shape)))}{',' if not shape else ''})"


def _data_name(about: ExportedModel) -> str:
    return str(about.result.data.get("name") or about.config["data"]["name"])


def _escaped(value: Any) -> Any:
    return value if isinstance(value, Markup) else markdown_escaped(str(value))


def _unbroken(text: str) -> Markup:
    return Markup(markdown_escaped(text).replace(" ", "\u00a0"))
