"""Trains the variants of the small model and draws the pictures of docs/explanation/.

    make variants

Each variant is the linear model with two latent dimensions, trained for 25 epochs on the 4,000
training images of the embedded digits in batches of 100, by Adam at a constant rate of 3e-3; all
else is at its default. A few minutes on one core.
"""

import sys
from pathlib import Path

from explanation.likelihoods import draw_pixels, draw_reconstructions
from explanation.objectives import draw_objectives
from explanation.posterior import draw_posterior
from explanation.priors import draw_priors
from explanation.schedules import draw_schedules
from explanation.scheme import draw_scheme
from explanation.style import save
from explanation.training import Trained, train

from vae_lab.config import compose


def train_all(group: str) -> dict[str, Trained]:
    """Returns a trained model for each option of a group, by the option's name."""
    trained = {}
    for path in sorted((compose.conf_folder() / group).glob("*.yaml")):
        trained[path.stem] = train(f"{group}={path.stem}")
        recon, kl = trained[path.stem].end()
        print(f"{group}={path.stem}: recon {recon:.1f} kl {kl:.2f}", flush=True)
    return trained


def main() -> None:
    folder = Path(sys.argv[1])
    objectives = train_all("objective")
    likelihoods, priors = train_all("likelihood"), train_all("prior")
    figures = {
        "vae": draw_scheme(objectives["elbo"]),
        "posterior": draw_posterior(objectives["elbo"]),
        "objectives": draw_objectives(objectives),
        "likelihoods": draw_pixels(likelihoods),
        "likelihood_reconstructions": draw_reconstructions(likelihoods),
        "priors": draw_priors(priors),
        "schedules": draw_schedules(),
    }
    for name, figure in figures.items():
        save(figure, folder / f"{name}.png")


if __name__ == "__main__":
    main()
