"""How the posterior's parameters are distributed.

Shapes: N images, Z latent dimensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vae_lab.callbacks.picture import Visualization
from vae_lab.callbacks.snapshot import Snapshot
from vae_lab.loggers.base import RunLogger
from vae_lab.run_folder import RunFolder


@dataclass(kw_only=True)
class Histograms(Visualization):
    """Logs all posterior means and variances: N x Z values each."""

    num_images: int
    every_n_epochs: int
    seed: int

    def publish(self, snapshot: Snapshot, folder: RunFolder, loggers: Sequence[RunLogger]) -> None:
        if not loggers:
            return
        encoded = snapshot.encoded(self.num_images)
        fields = (("posterior/mean", encoded.mean), ("posterior/variance", encoded.variance))
        for tag, values in fields:
            finite = values[values.isfinite()]
            for logger in loggers if len(finite) else []:
                logger.log_histogram(tag, finite, step=snapshot.epochs_done)
