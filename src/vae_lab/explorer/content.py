"""What a page holds of finished runs: networks, codes, numbers, and the images shown.

Shapes: N images whose codes are shown, C, H, W of an image, Z latent dimensions. Values in nats per
image.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import PurePath
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from vae_lab.callbacks.latent_scatter import principal_directions
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.evaluate.bound import bound_per_image, standard_error
from vae_lab.evaluate.values import value_with_error
from vae_lab.evaluations import evaluations_of, read_per_image
from vae_lab.explorer.arrays import FIXED16, FLOAT32, Arrays, NumberFormat
from vae_lab.explorer.distributions import (
    likelihood_description,
    posterior_description,
    prior_description,
)
from vae_lab.explorer.image_sets import ImageSets, ShownImages
from vae_lab.explorer.lattice import lattice
from vae_lab.explorer.networks import Layer, UnknownLayer, network_layers, weights_in
from vae_lab.explorer.precision import Precision, choose_precision
from vae_lab.generative_model import BATCH
from vae_lab.ownership import WRITTEN_BY
from vae_lab.posteriors import HasMean, Posterior
from vae_lab.run_folder import Number, RunFolder
from vae_lab.terminal import printable
from vae_lab.vae import VAE

# Weights that a page holds of a network: more take a browser minutes, and it may not open them.
MOST_WEIGHTS = 16_000_000

# Values that describe how the bound is distributed over the test images.
_QUANTILES = 2001


class TrainedRun(NamedTuple):
    """A finished run: its folder, its model in eval mode and single precision, and its data."""

    folder: RunFolder
    model: VAE
    data: ImageDataModule

    @property
    def name(self) -> str:
        """The name of the run."""
        return printable(self.folder.require_result().name or self.folder.name)


@torch.no_grad()
def page_content(
    runs: Sequence[TrainedRun], title: str, settings: Mapping[str, Any]
) -> tuple[dict[str, Any], str]:
    """Returns what a page says of runs, and its arrays as text; `settings` as in conf/explorer."""
    arrays = Arrays()
    sets = ImageSets(arrays, settings)
    described = [_run(run, sets.add(run.data), arrays) for run in runs]
    payload = {
        "title": printable(title),
        "written_by": f"{WRITTEN_BY} {version('vae-lab')}",
        "written": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "docs": None,
        "image_sets": sets.descriptions,
        "runs": described,
    }
    return payload, arrays.text()


def _run(run: TrainedRun, shown: ShownImages, arrays: Arrays) -> dict[str, Any]:
    model, result = run.model, run.folder.require_result()
    if (labels := _test_labels(run)) is not None:
        shown = shown._replace(given=labels[shown.rows])
    codes = model.encode_in_batches(shown.images, shown.given)
    kl = result.latent.get("kl_per_dimension") or model.prior.kl(codes).mean(dim=0).tolist()
    networks, precision, notes = _networks(run, shown, codes, kl, arrays)
    per_image = _per_image(run)
    return {
        "name": run.name,
        "latent_dim": model.latent_dim,
        **_classes(run),
        "image_shape": list(run.data.image_shape),
        "images": shown.set_index,
        **networks,
        "likelihood": likelihood_description(model.likelihood),
        "is_discrete": model.likelihood.is_discrete,
        "prior": prior_description(model.prior, arrays),
        "prior_mean": model.prior.mean().tolist(),
        "prior_scale": model.prior.scale().tolist(),
        # The page computes posteriors by itself, unless it does not know the encoder.
        "codes": {
            "mean": _floats(codes.mean, arrays, FIXED16),
            "log_var": None if networks["encoder"] else _log_variances(codes, arrays),
        },
        "kl_per_dimension": kl,
        "kl_reference": result.latent.get("kl_reference") or model.prior.kl_reference,
        "principal": _principal(codes.mean, arrays),
        "bound": _bound(run, per_image["elbo"], arrays),
        "per_image": _shown_rows(per_image, shown, arrays) if _was_given_labels(run) else None,
        "precision": {
            "type": precision.number_format.type,
            "bits": precision.number_format.bits,
            "pixels": precision.pixels,
            "nats": precision.nats,
        },
        "facts": [*_facts(run, per_image["elbo"]), *notes],
    }


def _shown_rows(
    per_image: Mapping[str, np.ndarray], shown: ShownImages, arrays: Arrays
) -> dict[str, Any]:
    rows = shown.rows[: shown.num_images].numpy()
    return {name: _floats(values[rows], arrays) for name, values in per_image.items()}


def _classes(run: TrainedRun) -> dict[str, Any]:
    """Returns the names of a conditional run's classes, and the log of each one's share, p(y)."""
    if not run.model.is_conditional:
        return {}
    condition: Any = run.model.condition
    # A class that no training image has counts as one image of very many: its log stays finite.
    shares = condition.shares.double().clamp_min(1e-9)
    names = [printable(name) for name in run.data.label_names or ()]
    return {"classes": {"names": names, "log_shares": shares.log().tolist()}}


def _log_variances(codes: HasMean, arrays: Arrays) -> Any:
    return _floats(codes.variance.log(), arrays, FIXED16)


def _networks(
    run: TrainedRun, shown: ShownImages, codes: Posterior, kl: Sequence[float], arrays: Arrays
) -> tuple[dict[str, Any], Precision, list[tuple[str, str]]]:
    """Returns encoder and decoder as the page has them, how precise they are, and what is missing.

    A decoder whose outputs have no known meaning is of no use to the page.
    """
    model = run.model
    encoder, why_not_encoder = _layers(model.encoder)
    decoder, why_not_decoder = _layers(model.decoder)
    if decoder and likelihood_description(model.likelihood)["kind"] is None:
        name = type(model.likelihood).__name__
        decoder, why_not_decoder = None, f"{name}: the page does not know it"
    family = posterior_description(model.encoder)
    if encoder and family["kind"] is None:
        name = type(model.encoder.posterior).__name__
        encoder, why_not_encoder = None, f"{name}: the page does not know it"
    precision = Precision(FLOAT32, 0.0, 0.0)
    if encoder or decoder:
        precision = choose_precision(model, shown.images, shown.given)
    keep = weights_in(arrays, precision.number_format)
    networks: dict[str, Any] = {"encoder": None, "posterior": family}
    notes = []
    if encoder:
        networks["encoder"] = {"layers": network_layers(model.encoder, keep)}
    else:
        notes.append(("encoder", f"{why_not_encoder}: new images cannot be encoded"))
    if decoder:
        networks["decoder"] = {"layers": network_layers(model.decoder, keep)}
    else:
        networks["decoder"] = {"lattice": lattice(model, codes, kl, arrays)}
        words = "its images were computed on a grid of two dimensions, and others lie between"
        notes.append(("decoder", f"{why_not_decoder}: {words}"))
    return networks, precision, notes


def _layers(network: nn.Module) -> tuple[list[Layer] | None, str]:
    """Returns the layers of a network without weights, or None and why the page has none of it."""
    count = sum(parameter.numel() for parameter in network.parameters())
    if count > MOST_WEIGHTS:
        return None, f"{count:,} weights are too many for a page (at most {MOST_WEIGHTS:,})"
    try:
        return network_layers(network, lambda weights: {}), ""
    except UnknownLayer as error:
        return None, printable(str(error))


def _principal(means: Tensor, arrays: Arrays) -> dict[str, Any] | None:
    """Returns the two directions in which codes (N, Z) vary most, and their share of the variance.

    None with two dimensions or less: they are a plane already.
    """
    if means.shape[1] < 3:
        return None
    directions, share = principal_directions(means)
    if directions is None:
        return None
    return {"directions": _floats(directions.T, arrays), "share": share}


def _per_image(run: TrainedRun) -> dict[str, np.ndarray]:
    """Returns the bound and its terms of every test image, each (N,), as the run recorded them.

    Runs of earlier versions did not: then they are computed as a final test computes them. So are
    those of a model that was tested without labels: the page gives it the label of each image.
    """
    recorded = read_per_image(run.folder)
    is_whole = bool(recorded) and len(recorded["elbo"]) == len(run.data.test_images)
    if is_whole and _was_given_labels(run):
        return recorded
    bound = bound_per_image(
        run.model,
        run.data.test_images,
        num_samples=run.model.objective.num_samples,
        batch_size=BATCH,
        split="test",
        labels=_test_labels(run),
    )
    return {name: getattr(bound, name) for name in bound._fields[:-1]}


def _test_labels(run: TrainedRun) -> Tensor | None:
    return run.data.test_labels if run.model.is_conditional else None


def _was_given_labels(run: TrainedRun) -> bool:
    """Whether the final test gave the model what the page gives it of each image."""
    labels, given = _test_labels(run), run.data.given_labels("test")
    return labels is None or (given is not None and torch.equal(given, labels))


def _bound(run: TrainedRun, elbo: np.ndarray, arrays: Arrays) -> dict[str, Any]:
    objective = run.model.objective
    shares = np.linspace(0, 1, min(_QUANTILES, len(elbo)))
    return {
        "kind": objective.bound,
        "num_samples": objective.num_samples,
        "elbo": float(elbo.mean()),
        "error": standard_error(elbo),
        "elbos": _floats(np.quantile(elbo, shares), arrays),
    }


def _facts(run: TrainedRun, elbo: np.ndarray) -> list[tuple[str, str]]:
    """Returns what is known of a run in words, and what it was measured as."""
    result = run.folder.require_result()
    bound = Number("elbo", "", float(elbo.mean()), standard_error(elbo), {})
    numbers = {
        name: number
        for record in reversed(evaluations_of(run.folder))
        for name, number in record.numbers.items()
    }
    density = "log p(x given y)" if run.model.is_conditional else "log p(x)"
    kinds = {
        "exact": f"{density}, by a grid",
        "iw_bound": f"importance-weighted bound on {density}",
    }
    test_bound = f"test bound on {density}" if run.model.is_conditional else "test bound"
    return [
        (test_bound, f"{value_with_error(bound)} nats per image"),
        *(
            (words, f"{value_with_error(numbers[name])} nats per image")
            for name, words in kinds.items()
            if name in numbers
        ),
        # Of a person's own images the name only: a page is sent to others, a path says who made it.
        ("data", printable(PurePath(str(result.data.get("name"))).name)),
        ("test images", f"{len(elbo):,}"),
        ("latent dimensions", str(run.model.latent_dim)),
        ("weights", f"{sum(p.numel() for p in run.model.parameters()):,}"),
    ]


def _floats(
    values: Tensor | np.ndarray, arrays: Arrays, number_format: NumberFormat = FLOAT32
) -> dict[str, Any]:
    array = values.cpu().numpy() if isinstance(values, Tensor) else values
    return arrays.add(array.astype(np.float32), number_format)
