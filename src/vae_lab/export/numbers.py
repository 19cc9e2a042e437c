"""The numbers in a model card: the test bound, and what `python -m vae_lab.evaluate` measured."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from vae_lab.class_labels import CONDITION
from vae_lab.evaluations import EvaluationRecord, record_of
from vae_lab.report.wording import capital, counted, with_error
from vae_lab.run_folder import Number, RunResult

NATS = " nats"

# Of the test that ends a run: the metric, and its name in words. `{p}` and `{y}` stand for the
# class that p(x) and the networks of a conditional model are given.
_TESTED = {
    "elbo/test": "ELBO, the bound on log p(x{p})",
    "recon/test": "reconstruction term, -log p(x|z{y})",
    "kl/test": "KL of q(z|x{y}) from the prior",
}

# Of a conditional model: what its final test measured, or an evaluation.
_OF_CLASSES = {
    "summed_bound": ("bound on log p(x), summed over the classes", NATS),
    "bayes_accuracy": ("accuracy of the classes by Bayes' rule", ""),
    "bayes_calibration_error": ("expected calibration error of the classes by Bayes' rule", ""),
    "bayes_log_loss": ("log loss of the classes by Bayes' rule", NATS),
}

# Of an evaluation, in this order, with their units. All others are in config.json.
_EVALUATED = {
    "iw_bound": ("importance-weighted bound on log p(x{p})", NATS),
    "exact": ("log p(x{p}), by a grid", NATS),
    "annealed": ("log p(x{p}), by annealed importance sampling", NATS),
    "approximation_gap": ("approximation gap, lost by the family of q(z|x{y})", NATS),
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


def given_class(result: RunResult) -> dict[str, str]:
    """Returns how `{p}` and `{y}` are written: of a conditional model what p and q are given.

    The bound of a model that knows the labels of some images only is one on log p(x).
    """
    condition = result.protocol.get("condition")
    return {
        "p": " given y" if condition == CONDITION else "",
        "y": ", y" if condition is not None else "",
    }


def rows(result: RunResult, evaluations: list[dict[str, Any]]) -> list[CardNumber]:
    """Returns the numbers of a run and of its evaluation with the most samples."""
    samples = result.protocol.get("num_samples", 1)
    how = _how(result.data.get("test"), samples)
    given = given_class(result)
    tested = [
        CardNumber(
            words.format(**given),
            with_error(result.metrics[key], result.standard_errors.get(key), NATS),
            how,
        )
        for key, words in _TESTED.items()
        if key in result.metrics
    ]
    record = _best(evaluations)
    numbers = record.numbers if record else {}
    of_classes = _of_final_test(result) | numbers
    return [
        *tested,
        *_shown(of_classes, _OF_CLASSES, given),
        *_shown(numbers, _EVALUATED, given),
    ]


def warnings(result: RunResult, evaluations: list[dict[str, Any]]) -> Iterator[str]:
    """Yields what an evaluation warns of in the numbers that are shown."""
    record = _best(evaluations)
    for name in _EVALUATED if record else ():
        number = record.numbers.get(name) if record else None
        if number is not None and (text := number.details.get("warning")):
            yield f"{capital(_EVALUATED[name][0].format(**given_class(result)))}: {text}."


def _of_final_test(result: RunResult) -> dict[str, Number]:
    """Returns what the test that ends a run measured of the classes."""
    records = result.picture_metrics
    return {name: Number.from_json(name, records[name]) for name in _OF_CLASSES if name in records}


def _best(evaluations: list[dict[str, Any]]) -> EvaluationRecord | None:
    # They come in this order.
    return record_of(str(evaluations[0].get("name", "")), evaluations[0]) if evaluations else None


def _shown(
    numbers: Mapping[str, Number], chosen: Mapping[str, tuple[str, str]], given: Mapping[str, str]
) -> Iterator[CardNumber]:
    """Yields some of the numbers, with their words and units."""
    for name, (words, unit) in chosen.items():
        number = numbers.get(name)
        if number is not None and isinstance(number.value, int | float):
            how = _how_measured(number.protocol)
            yield CardNumber(words.format(**given), _value(number, unit), how)


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
