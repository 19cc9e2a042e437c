"""Number of samples ignored.

Symptom: One sample gives the bound of a hundred.

The samples are drawn in batches, and at least one full batch is drawn. A caller that asks for 1
sample gets 100. Seen in public code: the estimator of pythae with `n_samples=1`.

How to notice: With one sample the estimate must be a single-sample ELBO. Ask for 1 and for 100: the
values must differ.

Fix: Cut the last batch of samples to what is left. Test the estimator for its number of samples.

Test: test_the_sample_count_is_exact_and_the_memory_bounded
"""

from functools import cache

from matplotlib.figure import Figure
from traps.small_vae import RIGHT, WRONG, Number, digits, iwae_bound, panel, trained

ASKED = (1, 2, 5, 10, 20, 50, 100, 200)


def wrong(num_samples: int, batch_size: int = 100) -> int:
    return max(1, num_samples // batch_size) * batch_size


def right(num_samples: int, batch_size: int = 100) -> int:
    full, rest = divmod(num_samples, batch_size)
    return full * batch_size + rest


@cache
def estimate(num_samples: int) -> float:
    """The bound of so many samples, in nats per test image."""
    return iwae_bound(trained(), digits()[1].images, num_samples)


def numbers() -> dict[str, Number]:
    return {
        str(asked): Number(
            f"bound, asked for {asked} sample{'s' * (asked > 1)}, nats",
            estimate(wrong(asked)),
            estimate(right(asked)),
            decimals=2,
        )
        for asked in (1, 10, 100)
    }


def draw() -> Figure:
    figure, axis = panel("importance-weighted bound of the test images")
    for count, colour, label in (
        (wrong, WRONG, "a full batch of 100 at least"),
        (right, RIGHT, "as many as asked for"),
    ):
        found = [estimate(count(asked)) for asked in ASKED]
        axis.plot(ASKED, found, "o-", color=colour, label=f"{count.__name__}: {label}")
    axis.set(xscale="log", xlabel="samples that are asked for", ylabel="nats per image")
    axis.set_xticks(ASKED, map(str, ASKED))
    axis.legend(frameon=False, loc="lower right")
    return figure
