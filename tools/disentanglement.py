"""The tables of docs/explanation/disentanglement.md.

    python tools/disentanglement.py bias
    python tools/disentanglement.py table SWEEP_FOLDER [SWEEP_FOLDER ...]

`bias` measures the scores of made-up codes for several numbers of images. `table` reads the
evaluations of the runs of experiment=disentangle, and says how much of the variance of each score
lies between objectives.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from vae_lab.evaluate.factors.codes import Codes, CodeSample
from vae_lab.evaluate.factors.dci import dci
from vae_lab.evaluate.factors.explicitness import explicitness
from vae_lab.evaluate.factors.factor_vae import factor_vae
from vae_lab.evaluate.factors.mig import mig_of_bins, mig_of_posteriors
from vae_lab.evaluate.factors.modularity import modularity
from vae_lab.evaluate.factors.numbers import WORDS
from vae_lab.evaluate.factors.resampling import random_codes
from vae_lab.evaluate.factors.sap import sap
from vae_lab.evaluations import evaluations_of
from vae_lab.run_folder import RESULT, Number, RunFolder

SCORES = (mig_of_bins, mig_of_posteriors, dci, sap, factor_vae, modularity, explicitness)

# The values of made-up factors, the latent dimensions, and the noise beside the range of a factor.
VALUES, LATENT_DIM, NOISE = (3, 6, 8, 16, 16), 10, 0.1

SIZES, DRAWS = (100, 300, 1000, 3000), 3


def made(num_images: int, generator: np.random.Generator) -> Codes:
    """Returns codes that begin with the factors and noise, and five dimensions of noise."""
    factors = np.stack([generator.integers(of, size=num_images) for of in VALUES], axis=1)
    mean = NOISE * generator.standard_normal((num_images, LATENT_DIM))
    mean[:, : len(VALUES)] += factors / (np.array(VALUES) - 1)
    return Codes(mean, np.full(mean.shape, NOISE**2), factors)


def scores(sample: CodeSample) -> dict[str, float]:
    return {name: value for score in SCORES for name, value in score(sample).items()}


def bias() -> Iterator[str]:
    """Yields the mean scores of made-up and of random codes, a row per score."""
    found: dict[str, list[str]] = {name: [] for name in WORDS}
    for size in SIZES:
        good, random = [], []
        for draw in range(DRAWS):
            generator = np.random.default_rng(draw)
            sample = CodeSample(made(size, generator), made(size, generator), 20, draw)
            good.append(scores(sample))
            random.append(scores(random_codes(sample, 0)))
        for name, row in found.items():
            means = [np.mean([one[name] for one in kind]) for kind in (good, random)]
            row.append(f"{means[0]:.2f} / {means[1]:.2f}")
    yield f"| score | {' | '.join(f'{size} images' for size in SIZES)} |"
    yield "| --- |" + " --- |" * len(SIZES)
    for name, row in found.items():
        yield f"| `{name}` | {' | '.join(row)} |"


def table(folders: Sequence[Path]) -> Iterator[str]:
    """Yields the scores of sweeps: a row per objective, then the shares of the variance."""
    groups: dict[str, list[dict[str, Number]]] = {}
    for path in sorted(path for folder in folders for path in folder.rglob(RESULT)):
        run = RunFolder(path.parent)
        if records := evaluations_of(run):
            groups.setdefault(_objective(run), []).append(records[0].numbers)
    every = [numbers for runs in groups.values() for numbers in runs]
    columns = [name for name in ("elbo", *WORDS) if all(name in numbers for numbers in every)]
    yield f"| objective | runs | {' | '.join(columns)} |"
    yield "| --- | --- |" + " --- |" * len(columns)
    values = {
        name: [np.array([float(run[name].value) for run in runs]) for runs in groups.values()]  # type: ignore[arg-type]
        for name in columns
    }
    for place, (objective, runs) in enumerate(groups.items()):
        cells = [f"{of[place].mean():.2f} ({of[place].std(ddof=1):.2f})" for of in values.values()]
        yield f"| {objective} | {len(runs)} | {' | '.join(cells)} |"
    for words, key in (("null: random codes", "null_random"), ("null: permuted", "null_permuted")):
        yield f"| {words} | | {' | '.join(_null(groups, name, key) for name in columns)} |"
    shares = [f"{between(of):.0%}" for of in values.values()]
    yield f"| variance between objectives | | {' | '.join(shares)} |"


def between(groups: list[np.ndarray]) -> float:
    """Returns the share of the variance of values that lies between groups, at least 0.

    Of equal groups, unbiased: the variance of the means less what chance within groups gives it.
    """
    size = len(groups[0])
    within = float(np.mean([of.var(ddof=1) for of in groups]))
    of_means = max(0.0, float(np.var([of.mean() for of in groups], ddof=1)) - within / size)
    return of_means / (of_means + within) if of_means + within else 0.0


def _objective(run: RunFolder) -> str:
    objective, choices = run.config["objective"], run.require_result().choices
    beta = objective.get("beta")
    return f"{choices['objective']}, beta {beta:g}" if beta is not None else choices["objective"]


def _null(groups: dict[str, list[dict[str, Number]]], name: str, key: str) -> str:
    found = [run[name].details.get(key) for runs in groups.values() for run in runs]
    known = [it for it in found if it is not None]
    return f"{np.mean(known):.2f}" if known else ""


if __name__ == "__main__":
    lines = bias() if sys.argv[1:] == ["bias"] else table([Path(word) for word in sys.argv[2:]])
    print("\n".join(lines))
