# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What the bound is
#
# The ELBO is a lower bound on $\log p(x)$. How far below does it lie, and why? Here you compute
# it by hand on a trained model, come closer to $\log p(x)$ with importance weights, and compute
# $\log p(x)$ itself with a grid.
#
# You will learn
#
# - how the ELBO and its two terms are computed;
# - that the gap is the KL divergence from $q(z|x)$ to the true posterior $p(z|x)$;
# - how the importance-weighted bound with K samples closes the gap;
# - what the true posterior of an image looks like.
#
# **Time:** fifteen minutes to read, about half a minute to run.

# %% [markdown]
# ## A trained model
#
# Two latent dimensions, so that a plane can be integrated and drawn. `data.binarize=threshold`
# makes the pixels black or white. Then the Bernoulli likelihood is a true likelihood, and $\log
# p(x)$ a true log-probability; with grey pixels both would only be bounds of a kind
# ([numbers](../reference/numbers.md)).

# %%
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F

import vae_lab
from vae_lab.data.datamodule import ImageDataModule

workplace = TemporaryDirectory(ignore_cleanup_errors=True)
os.chdir(workplace.name)


def train(*overrides: str) -> None:
    """Runs `python -m vae_lab OVERRIDES` and prints the result of each run."""
    command = [sys.executable, "-m", "vae_lab", *overrides]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr or done.stdout)
    results = (line for line in done.stdout.splitlines() if "test elbo" in line)
    print(*(line.split(" nats")[0] for line in results), sep="\n")


train("data=digits", "data.binarize=threshold", "callbacks=none", "run_name=bound")

# %%
run = next(Path("outputs/runs").glob("bound_*"))
vae = vae_lab.load(run)
data = ImageDataModule.from_config(vae.config, trust=False)
data.setup()
images = data.test_images.float() / 255  # (297, 1, 8, 8), values 0 and 1
torch.set_grad_enabled(False)
assert set(images.unique().tolist()) == {0, 1}

# %% [markdown]
# ## The ELBO by hand
#
# $$\log p(x) \ge \text{ELBO}(x)
# = \mathbb{E}_{q(z|x)}[\log p(x|z)] - \text{KL}(q(z|x)\,\|\,p(z))$$
#
# The expectation is estimated with one draw $z \sim q(z|x)$ per image; the KL between two
# Gaussians has a closed form. The decoder gives logits, one for each pixel.


# %%
def log_likelihood(z: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Returns log p(x|z) in nats, for points z (..., 2) and images x that match, (...)."""
    logits = vae.model.decoder(z.reshape(-1, 2)).reshape(*z.shape[:-1], 64)
    pixels = x.flatten(-3).expand(logits.shape)
    return -F.binary_cross_entropy_with_logits(logits, pixels, reduction="none").sum(dim=-1)


generator = torch.Generator().manual_seed(0)
q = vae.encode(images)
z = q.mean + torch.exp(0.5 * q.log_var) * torch.randn(q.mean.shape, generator=generator)

recon = -log_likelihood(z, images)
kl = 0.5 * (q.mean**2 + q.log_var.exp() - 1 - q.log_var).sum(dim=1)
elbo = -(recon + kl)

error = elbo.std() / math.sqrt(len(elbo))
print(f"ELBO {elbo.mean():.2f} ± {error:.2f} = -(recon {recon.mean():.2f} + kl {kl.mean():.2f})")

# %% [markdown]
# `±` is the standard error of the mean over the images. `result.json` has the same number, with
# other draws of $z$:

# %%
result = json.loads((run / "result.json").read_text())
print(
    "result.json:", {name: round(result["metrics"][f"{name}/test"], 2) for name in ("elbo", "kl")}
)

assert abs(result["metrics"]["elbo/test"] - elbo.mean()) < 0.3  # only the draws differ
assert abs(result["metrics"]["kl/test"] - kl.mean()) < 1e-3  # the KL has no draws

# %% [markdown]
# ## Importance weights
#
# With K draws from $q(z|x)$, the mean of the weights $w_k = p(x, z_k) / q(z_k|x)$ estimates
# $p(x)$ without bias. Its logarithm is, on average, a lower bound that rises with K ([Burda et
# al.](https://arxiv.org/abs/1509.00519)). With K = 1 it is the ELBO.


# %%
def log_normal(z: torch.Tensor, mean: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
    """Returns the log-density of a diagonal Gaussian at z (..., 2), shape (...)."""
    square = (z - mean) ** 2 / log_var.exp()
    return -0.5 * (square + log_var + math.log(2 * math.pi)).sum(dim=-1)


zero = torch.zeros(2)
num_samples = 1000
noise = torch.randn(num_samples, *q.mean.shape, generator=generator)
z = q.mean + torch.exp(0.5 * q.log_var) * noise  # (1000, 297, 2)
log_joint = log_likelihood(z, images) + log_normal(z, zero, zero)
log_w = log_joint - log_normal(z, q.mean, q.log_var)  # (1000, 297)


def bound(k: int) -> torch.Tensor:
    """Returns the bound with K samples per image, averaged over 1000 / K groups, (297,)."""
    groups = log_w[: num_samples // k * k].reshape(-1, k, len(images))
    return (groups.logsumexp(dim=1) - math.log(k)).mean(dim=0)


counts = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]
bounds = torch.stack([bound(k).mean() for k in counts])
for k, value in zip(counts, bounds, strict=True):
    print(f"K = {k:4d}: {value:.2f}")

assert (bounds.diff() > -0.01).all()  # it rises

# %% [markdown]
# ## The exact value
#
# With two latent dimensions, $p(x) = \int p(x|z)\,p(z)\,dz$ is a sum over a grid of the plane.

# %%
axis = torch.linspace(-6, 6, 241)
cell = (axis[1] - axis[0]) ** 2
grid = torch.cartesian_prod(axis, axis)  # (58081, 2)
logits = vae.model.decoder(grid).flatten(1)  # (58081, 64)
pixels = images.flatten(1)  # (297, 64)
# log p(x|z) of each point and image: x * logit - log(1 + exp(logit)), summed over the pixels.
log_p_of_x = logits @ pixels.T - F.softplus(logits).sum(dim=1, keepdim=True)
log_joint_on_grid = log_p_of_x + log_normal(grid, zero, zero)[:, None]  # (58081, 297)
exact = log_joint_on_grid.logsumexp(dim=0) + cell.log()

print(f"ELBO   {bounds[0]:.2f}\nK=1000 {bounds[-1]:.2f}\nexact  {exact.mean():.2f}")

assert bounds[0] < bounds[-1] < exact.mean() + 0.05

# %%
figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
axes.semilogx(counts, bounds, "o-", label="importance-weighted bound")
axes.axhline(exact.mean(), color="black", linestyle="--", label="log p(x), by a grid")
axes.axhline(bounds[0], color="tab:gray", linestyle=":", label="ELBO")
axes.set(xlabel="samples per image, K", ylabel="nats per test image (higher is better)")
axes.legend(loc="center right")
plt.show()

# %% [markdown]
# ## Why there is a gap
#
# The gap has a name:
#
# $$\log p(x) - \text{ELBO}(x) = \text{KL}(q(z|x)\,\|\,p(z|x)).$$
#
# It is 0 only if $q(z|x)$ is the true posterior $p(z|x)$. Here both sides can be computed: the
# left side from the numbers above, the right side as an integral over the grid.

# %%
log_posterior = log_joint_on_grid - exact  # log p(z|x), (58081, 297)
log_q = log_normal(grid[:, None], q.mean, q.log_var)
kl_to_posterior = (log_q.exp() * (log_q - log_posterior)).sum(dim=0) * cell
gap = exact - bound(1)  # the ELBO, averaged over 1000 draws

print(f"mean gap:                      {gap.mean():.3f} nats")
print(f"mean KL(q || true posterior):  {kl_to_posterior.mean():.3f} nats")

assert gap.mean() > 0
assert abs(gap.mean() - kl_to_posterior.mean()) < 0.02

# %%
figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
axes.hist(kl_to_posterior, bins=40)
axes.set(xlabel="gap = KL(q(z|x) || p(z|x)), in nats", ylabel="test images")
plt.show()

# %% [markdown]
# ## The true posterior of one image
#
# Three images: with a small gap, with a median one, and with the largest. Blue is the true
# posterior $p(z|x)$ on the grid; the red ellipses are one and two standard deviations of
# $q(z|x)$.

# %%
order = kl_to_posterior.argsort()
chosen = [order[5], order[len(order) // 2], order[-1]]
angle = torch.linspace(0, 2 * math.pi, 100)
circle = torch.stack([angle.cos(), angle.sin()])

figure, axes = plt.subplots(2, 3, figsize=(8, 4), layout="constrained", height_ratios=[1, 3])
for column, i in enumerate(chosen):
    axes[0, column].imshow(images[i, 0], cmap="gray")
    axes[0, column].axis("off")
    axes[1, column].set_title(f"gap {kl_to_posterior[i]:.2f} nats")
    density = log_posterior[:, i].exp().reshape(241, 241).T
    axes[1, column].imshow(density, extent=(-6, 6, -6, 6), origin="lower", cmap="Blues")
    for radius in (1, 2):
        ellipse = q.mean[i, :, None] + radius * torch.exp(0.5 * q.log_var[i, :, None]) * circle
        axes[1, column].plot(*ellipse, color="tab:red", linewidth=1)
    axes[1, column].set(xlim=(-2.8, 2.8), ylim=(-2.8, 2.8), xlabel="z[0]")
axes[1, 0].set_ylabel("z[1]")
plt.show()

# %% [markdown]
# The encoder can only give ellipses along the axes. A posterior that is bent, tilted or has two
# peaks costs nats; look at the image with the largest gap. A second reason for a gap: one network
# must encode all images, and does not find the best ellipse for each of them (the *amortisation
# gap*, [Cremer et al.](https://arxiv.org/abs/1801.03558)).

# %% [markdown]
# ## The same with VAE Lab
#
# `log_likelihood` computes the importance-weighted bound for any model, with any number of
# dimensions:

# %%
by_vae_lab = vae.log_likelihood(images, num_samples=500, seed=0)
print(f"VAE Lab, K=500: {by_vae_lab.mean():.2f}   by hand: {bounds[counts.index(500)]:.2f}")

assert abs(by_vae_lab.mean() - bounds[counts.index(500)]) < 0.1

# %% [markdown]
# `python -m vae_lab.evaluate RUN_FOLDER` in a terminal computes it with all test images, the
# exact value if there are two dimensions, and says how far to trust each number
# ([metrics](../reference/metrics.md)).
#
# ## Exercises
#
# 1. Train with `"objective=iwae"`, `"objective.num_samples=10"`. Is the gap of the ELBO larger or
#    smaller than before? Is $\log p(x)$ better?
# 2. Train with `"latent_dim=5"`. A grid is not possible any more. How far does the bound rise
#    from K = 1 to K = 1000, and has it stopped rising?
# 3. Replace the draw $z$ by the mean of $q(z|x)$ in the ELBO. By how much is the number "better"?
#    Why is it not a bound?
#
# ## Next
#
# - [All notebooks](index.md)
# - [Metrics](../reference/metrics.md): all numbers with their formulas
# - [Objectives](../explanation/objectives.md): what else can be minimised
