"""From what the KL of single latent dimensions is measured: the prior, or what stands for it."""

from collections.abc import Sequence

from vae_lab.report.runs import Run
from vae_lab.report.words import listed

PRIOR = "the prior"


class Origins:
    """What a chart of the KL per dimension says of the runs in it.

    A learned prior has no KL per dimension. Its runs have that from the aggregate posterior, which
    is another quantity.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self._all = list(dict.fromkeys(_origin(run) for run in runs if kl_per_dimension(run)))

    @property
    def axis(self) -> str:
        """What the axis shows: it names what all runs share, where that is not the prior."""
        shared = "" if self._differ or PRIOR in self._all else f" from {listed(self._all)}"
        return f"KL{shared}, nats per image"

    @property
    def caption(self) -> str:
        """What the chart shows, in sentences."""
        what, unused = "KL of each latent dimension", "A dimension at 0 is not used."
        if not self._differ:
            return f"{what} from {listed(self._all)}, test images, largest first. {unused}"
        each = listed([f"from {one}{' (dashed)' * (one != PRIOR)}" for one in self._all])
        return f"{what}, test images, largest first: {each}, which are two quantities. {unused}"

    def label(self, words: str, run: Run) -> str:
        """Returns the words for a run in the legend."""
        return f"{words} (from {_origin(run)})" if self._differ else words

    def line(self, run: Run) -> str:
        """Returns the style of a run's line: the lines without a label are told apart too."""
        return "--" if self._differ and _origin(run) != PRIOR else "-"

    @property
    def _differ(self) -> bool:
        return len(self._all) > 1


def kl_per_dimension(run: Run) -> list[float]:
    """Returns the mean KL of each latent dimension in nats, largest first; none if unknown."""
    return sorted((run.result.get("latent") or {}).get("kl_per_dimension") or [], reverse=True)


def _origin(run: Run) -> str:
    # Runs from before there were learned priors do not say.
    return str((run.result.get("latent") or {}).get("kl_from", PRIOR))
