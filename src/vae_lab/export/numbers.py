"""The numbers in a model card: the test bound, and what `python -m vae_lab.evaluate` measured."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from vae_lab.evaluations import EvaluationRecord, record_of
from vae_lab.report.wording import capital, counted, with_error
from vae_lab.run_folder import Number, RunResult

NATS = " nats"

# Of the test that ends a run: the metric, and its name in words.
_TESTED = {
    "elbo/test": "ELBO, the bound on log p(x)",
    "recon/test": "reconstruction term, -log p(x|z)",
    "kl/test": "KL of q(z|x) from the prior",
}

# Of an evaluation, in this order, with their units. All others are in config.json.
_EVALUATED = {
    "iw_bound": ("importance-weighted bound on log p(x)", NATS),
    "exact": ("log p(x), by a grid", NATS),
    "annealed": ("log p(x), by annealed importance sampling", NATS),
    "approximation_gap": ("approximation gap, lost by the family of q(z|x)", NATS),
    "amortisation_gap": ("amortisation gap, lost by the encoder", NATS),
    "bits_per_dimension": ("code length of a pixel, by the importance-weighted bound", " bits"),
    "active_units": ("latent dimensions that vary over the images", ""),
    "knn_accuracy": ("accuracy of k-nearest neighbours on the codes", ""),
    "linear_probe_accuracy": ("accuracy of logistic regression on the codes", ""),
    "precision": ("share of samples near real images (precision)", ""),
    "recall": ("share of real images near samples (recall)", ""),
}


class CardNumber(NamedTuple):
    """A number as a card shows it: in words, with its error, and what it was measured on."""

    words: str
    value: str
    how: str


def rows(result: RunResult, evaluations: list[dict[str, Any]]) -> list[CardNumber]:
    """Returns the numbers of a run and of its evaluation with the most samples."""
    samples = result.protocol.get("num_samples", 1)
    how = _how(result.data.get("test"), samples)
    tested = [
        CardNumber(
            words, with_error(result.metrics[key], result.standard_errors.get(key), NATS), how
        )
        for key, words in _TESTED.items()
        if key in result.metrics
    ]
    record = _best(evaluations)
    return [*tested, *(_of_evaluation(record) if record else ())]


def warnings(evaluations: list[dict[str, Any]]) -> Iterator[str]:
    """Yields what an evaluation warns of in the numbers that are shown."""
    record = _best(evaluations)
    for name in _EVALUATED if record else ():
        number = record.numbers.get(name) if record else None
        if number is not None and (text := number.details.get("warning")):
            yield f"{capital(_EVALUATED[name][0])}: {text}."


def _best(evaluations: list[dict[str, Any]]) -> EvaluationRecord | None:
    # They come in this order.
    return record_of(str(evaluations[0].get("name", "")), evaluations[0]) if evaluations else None


def _of_evaluation(record: EvaluationRecord) -> Iterator[CardNumber]:
    for name, (words, unit) in _EVALUATED.items():
        number = record.numbers.get(name)
        if number is not None and isinstance(number.value, int | float):
            yield CardNumber(words, _value(number, unit), _how_measured(number.protocol))


def _value(number: Number, unit: str) -> str:
    if isinstance(number.value, int):
        return f"{number.value}"
    assert isinstance(number.value, float)
    return with_error(number.value, number.standard_error, unit)


def _how_measured(protocol: Mapping[str, Any]) -> str:
    how = _how(protocol.get("images"), protocol.get("samples"))
    if isinstance(training := protocol.get("train_images"), int):
        how = f"{how}; {counted(training, 'training image')}"
    return how


def _how(images: Any, samples: Any) -> str:
    words = counted(images, "image") if isinstance(images, int) else "images"
    if isinstance(samples, int):
        return f"{words}, {counted(samples, 'sample')} of each"
    return f"{words}, {samples}" if isinstance(samples, str) else words
