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
# # A first VAE
#
# You train a variational auto-encoder (VAE), look at what it learned, and use the trained model
# in Python. Then you write the same model by hand, to see what the loss is.
#
# You will learn
#
# - how to train from a notebook, and where the results are;
# - how to encode, decode, reconstruct and sample;
# - what the two terms of the loss are, in ten lines of PyTorch.
#
# **Time:** ten minutes to read, about half a minute to run. The data are 1,797 digits of 8 x 8
# pixels that come with the installation.

# %% [markdown]
# ## A place to work
#
# The notebook works in a temporary folder, which is deleted at the end.

# %%
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from IPython.display import Image

import vae_lab

workplace = TemporaryDirectory(ignore_cleanup_errors=True)
os.chdir(workplace.name)

# %% [markdown]
# ## Train
#
# In a terminal you would type
#
# ```bash
# python -m vae_lab data=digits run_name=first
# ```
#
# Each `key=value` overrides a value of the configuration. `data=digits` chooses the data set,
# `run_name` names the folder of the results. Here a small function starts the same command, and
# prints the lines about the first and the last epoch and the result.


# %%
def train(*overrides: str) -> None:
    """Runs `python -m vae_lab OVERRIDES` and prints the most important lines."""
    command = [sys.executable, "-m", "vae_lab", *overrides]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr or done.stdout)
    lines = done.stdout.splitlines()
    epochs = [line for line in lines if line.startswith("epoch")]
    result = [line.split(", in ")[0] for line in lines if "test elbo" in line]
    print(*epochs[:1], *epochs[-1:], *result, sep="\n")


train("data=digits", "run_name=first")

# %% [markdown]
# `loss` is what training minimises. `elbo` is the evidence lower bound on the log-likelihood of
# an image, in nats: **higher is better**. `val` are validation images, `test` are images that
# training never used. The next sections say what `recon` and `kl` are.

# %% [markdown]
# ## Look
#
# A run leaves everything in one folder: numbers in `result.json`, weights in `checkpoints/`,
# pictures in `figures/`. The number in the name of a picture is the epoch.

# %%
run = next(Path("outputs/runs").glob("first_*"))
sorted(path.name for path in run.iterdir() if not path.name.startswith("."))

# %% [markdown]
# Originals and, below each, its reconstruction:

# %%
Image(filename=run / "figures/reconstructions_0020.png", width=700)

# %% [markdown]
# This model has two latent dimensions. The map shows what the decoder draws at each point of the
# latent plane. Similar digits are neighbours.

# %%
Image(filename=run / "figures/latent_map_0020.png", width=520)

# %% [markdown]
# The codes of the validation images, coloured by their labels. The labels were **not** used in
# training.

# %%
Image(filename=run / "figures/latent_scatter_0020.png", width=620)

# %% [markdown]
# [Pictures](../reference/pictures.md) explains each picture.

# %% [markdown]
# ## Use the trained model
#
# `vae_lab.load` reads the folder. The model takes images as floats in [0, 1], of shape (N, C, H,
# W): number, channels, height, width.

# %%
from vae_lab.data.datamodule import ImageDataModule

vae = vae_lab.load(run)
data = ImageDataModule.from_config(vae.config, trust=False)
data.setup()
images = data.test_images.float() / 255
images.shape

# %% [markdown]
# **Encode:** the encoder gives a Gaussian over the latent for each image, the approximate
# posterior $q(z|x)$. Its mean is the *code* of the image.

# %%
posterior = vae.encode(images)
print("mean of q(z|x) for the first image:              ", posterior.mean[0])
print("standard deviation of q(z|x) for the first image:", posterior.log_var[0].div(2).exp())


# %% [markdown]
# **Reconstruct** decodes the mean of $q(z|x)$. **Sample** draws $z$ from the prior $p(z) = N(0,
# I)$ and decodes it.


# %%
def show(axis: plt.Axes, pictures: torch.Tensor, title: str) -> None:
    """Draws images (N, 1, H, W) in one row, a thin grey line between them."""
    framed = F.pad(pictures[:, 0], (0, 1), value=0.5)
    axis.imshow(torch.cat([*framed], dim=1), cmap="gray", vmin=0, vmax=1)
    axis.set_title(title, loc="left")
    axis.axis("off")


figure, axes = plt.subplots(3, figsize=(8, 3.2), layout="constrained")
show(axes[0], images[:10], "test images")
show(axes[1], vae.reconstruct(images[:10]), "their reconstructions")
show(axes[2], vae.sample(10, seed=0), "samples: new images")
plt.show()

# %% [markdown]
# **Interpolate:** decode the points on the straight line between two codes.

# %%
labels = data.test_labels
zero, four = images[labels == 0][:1], images[labels == 4][:1]
path = vae.interpolate(zero, four, steps=10)[:, 0]

figure, axis = plt.subplots(figsize=(8, 1.2), layout="constrained")
show(axis, path, "from a 0 to a 4 in ten steps")
plt.show()

# %% [markdown]
# ## The same model by hand
#
# A VAE has two networks. The encoder gives mean and log-variance of $q(z|x)$; the decoder gives
# the parameters of the likelihood $p(x|z)$. The loss is minus the ELBO,
#
# $$-\text{ELBO}(x) = \underbrace{-\log p(x|z)}_{\text{recon}} +
# \underbrace{\text{KL}(q(z|x)\,\|\,p(z))}_{\text{kl}}, \qquad z \sim q(z|x).$$
#
# The first term asks for good reconstructions. The second asks $q(z|x)$ to stay close to the
# prior, so that samples from the prior decode to images.

# %%
from torch import nn

torch.manual_seed(0)
torch.set_num_threads(1)  # networks this small are faster with one thread
encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2 * 2))
decoder = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64))


def terms(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns recon and kl of images x (B, 1, 8, 8), in nats, each (B,)."""
    mean, log_var = encoder(x).chunk(2, dim=1)  # (B, 2) each
    z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
    logits, pixels = decoder(z), x.flatten(1)  # (B, 64) each
    recon = F.binary_cross_entropy_with_logits(logits, pixels, reduction="none").sum(dim=1)
    kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(dim=1)
    return recon, kl


# %% [markdown]
# Three details decide whether this is a VAE:
#
# - Both terms are **sums**, over pixels and over latent dimensions. A mean over pixels would
#   weight the terms differently.
# - $z$ is **drawn** from $q(z|x)$, also when we test. The mean would give a better number that is
#   not a bound.
# - `mean + std * noise` lets the gradient pass through the draw (the reparameterisation trick).
#
# The [trap gallery](../traps/index.md) shows what happens without them. Train it for 20 epochs:

# %%
x_train = data.train_images.float() / 255
parameters = [*encoder.parameters(), *decoder.parameters()]
optimizer = torch.optim.Adam(parameters, lr=5e-3)
curve = []
for _ in range(20):
    for batch in x_train[torch.randperm(len(x_train))].split(64):
        recon, kl = terms(batch)
        loss = (recon + kl).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        curve.append(torch.stack(terms(images)).mean(dim=1))

# %%
recon, kl = torch.stack(curve).T
epochs = range(1, 21)
figure, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
axes[0].plot(epochs, recon + kl, "o-", markersize=4, label="-ELBO = recon + kl")
axes[0].plot(epochs, recon, "s-", markersize=4, label="recon")
axes[1].plot(epochs, kl, "^-", markersize=4, color="tab:green", label="kl")
for axis in axes:
    axis.set(xlabel="epoch", ylabel="nats per test image", xticks=[1, 5, 10, 15, 20])
    axis.legend()
plt.show()

# %% [markdown]
# The model first learns the average digit (recon falls, kl is near 0). Then it begins to store
# something about each image in $z$: kl rises, and recon falls by more.

# %%
assert kl[-1] > kl[0]
assert (recon[0] - recon[-1]) > (kl[-1] - kl[0])

# %% [markdown]
# Is it the same model? Count the parameters and compare the bounds.

# %%
import json

result = json.loads((run / "result.json").read_text())
by_hand, by_vae_lab = -(recon + kl)[-1].item(), result["metrics"]["elbo/test"]
print(f"test ELBO by hand {by_hand:.2f}, by VAE Lab {by_vae_lab:.2f} nats")

assert sum(p.numel() for p in parameters) == result["num_parameters"]
assert abs(by_hand - by_vae_lab) < 1  # other starting weights and another learning rate

# %% [markdown]
# ## Exercises
#
# 1. Ten latent dimensions: `train("data=digits", "run_name=ten", "latent_dim=10")`. Which term of
#    the loss falls, which rises? How many dimensions does the model use?
# 2. Larger digits: `train("data=mnist_5k", "run_name=large", "model=conv", "latent_dim=10")`.
#    This takes about half a minute. Look at `figures/samples_0020.png`.
# 3. Write `beta * kl` with `beta = 0` in your own loss. What is the test ELBO now, and why are
#    samples from the prior bad?
#
# ## Next
#
# - [What the bound is](the_bound.py): how far the ELBO lies below log p(x).
# - [Tutorial](../start/tutorial.md): the same from a terminal, with a report.
# - [Numbers](../reference/numbers.md) and [pictures](../reference/pictures.md) say what each one
#   means.
