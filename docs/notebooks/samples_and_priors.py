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
# # Samples and priors
#
# A VAE draws new images from its prior. They are good only if the prior covers the same region of
# the latent space as the codes of the data. You compare the two, and see what a learned prior
# changes.
#
# You will learn
#
# - what the aggregate posterior is, and what "holes" in it do to samples;
# - what beta has to do with it;
# - what a mixture of Gaussians and a VampPrior change;
# - how precision and recall measure samples, and where they mislead.
#
# **Time:** fifteen minutes to read, about 50 seconds to run.

# %%
import os
import subprocess
import sys
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import pandas as pd
import torch
import torch.nn.functional as F
from sklearn.neighbors import NearestNeighbors

import vae_lab
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.posteriors import DiagonalGaussian
from vae_lab.report import load_runs

workplace = TemporaryDirectory(ignore_cleanup_errors=True)
os.chdir(workplace.name)
torch.set_num_threads(1)


def train(*overrides: str) -> None:
    """Runs `python -m vae_lab OVERRIDES` and prints the result of each run."""
    command = [sys.executable, "-m", "vae_lab", *overrides]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr or done.stdout)
    results = (line for line in done.stdout.splitlines() if "test elbo" in line)
    print(*(line.split(" nats")[0] for line in results), sep="\n")


# %% [markdown]
# ## Six models
#
# Three priors, each with beta = 1 and with beta = 0.1. Two latent dimensions, so that everything
# can be drawn.

# %%
train(
    "-m",
    "data=digits",
    "callbacks=none",
    "report=null",
    "prior=standard,gaussian_mixture,vamp",
    "objective.beta=1,0.1",
    "sweep_name=priors",
)

# %%
runs = load_runs("outputs/sweeps/priors").set_index(["prior", "objective.beta"]).sort_index()
models = {key: vae_lab.load(folder) for key, folder in runs["folder"].items()}

data = ImageDataModule.from_config(models["standard", 1].config, trust=False)
data.setup()
x_train = data.train_images.float() / 255
x_test = data.test_images.float() / 255

# %% [markdown]
# ## Aggregate posterior against prior
#
# The **aggregate posterior** is the mean of the posteriors of all images, $q(z) =
# \frac{1}{N}\sum_i q(z|x_i)$. To draw from it, take a random image and draw from its $q(z|x)$.


# %%
def draw_aggregate(vae: vae_lab.trained_vae.TrainedVAE, n: int, seed: int) -> torch.Tensor:
    """Returns draws from the aggregate posterior of the training images, (N, 2)."""
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randint(len(x_train), (n,), generator=generator)
    q: DiagonalGaussian = vae.encode(x_train[chosen])
    return q.sample(torch.randn(q.mean.shape, generator=generator))


def draw_prior(vae: vae_lab.trained_vae.TrainedVAE, n: int, seed: int) -> torch.Tensor:
    """Returns draws from the prior of the model, (N, 2)."""
    with torch.no_grad():
        return vae.model.prior.sample(n, torch.Generator().manual_seed(seed))


priors = ["standard", "gaussian_mixture", "vamp"]
figure, axes = plt.subplots(2, 3, figsize=(8, 5.4), layout="constrained")
for row, beta in zip(axes, [1, 0.1], strict=True):
    for axis, prior in zip(row, priors, strict=True):
        vae = models[prior, beta]
        axis.scatter(*draw_prior(vae, 1000, 0).T, s=4, alpha=0.4, color="tab:gray", label="prior")
        z = draw_aggregate(vae, 1000, 1)
        axis.scatter(*z.T, s=4, alpha=0.4, color="tab:blue", label="aggregate posterior")
        axis.set_title(f"{prior}, beta = {beta:g}", fontsize=10)
        axis.set_aspect("equal", adjustable="datalim")
axes[1, 0].set(xlabel="z[0]", ylabel="z[1]")
handles, names = axes[0, 0].get_legend_handles_labels()
figure.legend(handles, names, loc="outside upper center", ncols=2, markerscale=4)
plt.show()

# %% [markdown]
# With beta = 1 the blue points cover the grey ones. With beta = 0.1 and the standard prior they
# spread far beyond: the small weight lets the codes leave the region of the prior. A learned
# prior follows them. (The axes differ from panel to panel.)

# %% [markdown]
# ## How far apart?
#
# $\text{KL}(q(z)\,\|\,p(z))$ by draws from $q(z)$: the mean of $\log q(z) - \log p(z)$. Part of
# the KL term of the ELBO is this distance; the rest is information about the image ([Hoffman and
# Johnson, 2016](http://approximateinference.org/accepted/HoffmanJohnson2016.pdf)).


# %%
@torch.no_grad()
def distance_from_prior(vae: vae_lab.trained_vae.TrainedVAE) -> float:
    """Returns KL(q(z) || p(z)) in nats, by 1000 draws from q(z)."""
    z = draw_aggregate(vae, 1000, seed=2)
    q = vae.encode(x_train)
    log_q_of_each = q.log_prob(z[:, None])  # (1000, N): log q(z|x_i)
    log_q = log_q_of_each.logsumexp(dim=1) - torch.tensor(float(len(x_train))).log()
    return (log_q - vae.model.prior.log_prob(z)).mean().item()


distance = pd.Series({key: distance_from_prior(vae) for key, vae in models.items()})
table = runs[["elbo/test", "recon/test", "kl/test"]].assign(distance=distance)
table.round(2)

# %%
assert distance["standard", 0.1] > distance["standard", 1] + 0.5
assert distance["vamp", 0.1] < distance["standard", 0.1]
assert distance["gaussian_mixture", 0.1] < distance["standard", 0.1]

# %% [markdown]
# ## Samples from both
#
# Decoded draws from the prior (left) and from the aggregate posterior (right). If the two differ
# in quality, the prior is the reason: the decoder is the same.


# %%
def tiles(pictures: torch.Tensor, columns: int) -> torch.Tensor:
    """Returns images (N, 1, H, W) as one picture, with a grey line between them."""
    framed = F.pad(pictures[:, 0], (0, 1, 0, 1), value=0.3)
    rows = [torch.cat([*row], dim=1) for row in framed.split(columns)]
    return torch.cat(rows)


figure, axes = plt.subplots(3, 2, figsize=(8, 3.6), layout="constrained")
for row, key in zip(axes, [("standard", 1), ("standard", 0.1), ("vamp", 0.1)], strict=True):
    prior, beta = key
    draws = {"prior": draw_prior, "aggregate posterior": draw_aggregate}
    for axis, (name, draw) in zip(row, draws.items(), strict=True):
        pictures = models[key].decode(draw(models[key], 36, 3))
        axis.imshow(tiles(pictures, 12), cmap="gray", vmin=0, vmax=1)
        axis.set_title(f"{prior}, beta = {beta:g}: from the {name}", fontsize=9, loc="left")
        axis.axis("off")
plt.show()

# %% [markdown]
# ## Precision and recall
#
# Put a ball around each real image that reaches to its third nearest neighbour. **Precision** is
# the share of samples inside these balls: are samples like data? **Recall** exchanges the roles:
# is every kind of image among the samples? ([Kynkäänniemi et
# al.](https://arxiv.org/abs/1904.06991), here on plain pixels.)


# %%
def share_inside(points: torch.Tensor, manifold: torch.Tensor) -> float:
    """Returns the share of images (M, ...) in a ball around one of the images (N, ...)."""
    points, manifold = points.flatten(1), manifold.flatten(1)
    search = NearestNeighbors(n_neighbors=3).fit(manifold)
    radius = torch.from_numpy(search.kneighbors()[0][:, -1])  # the point itself is left out
    return (torch.cdist(points, manifold) <= radius).any(dim=1).double().mean().item()


# %% [markdown]
# Two dimensions hold so little of an image that the differences vanish. So we add two models with
# 16 dimensions.

# %%
train(
    "-m",
    "data=digits",
    "callbacks=none",
    "report=null",
    "latent_dim=16",
    "objective.beta=0.1",
    "prior=standard,vamp",
    "sweep_name=large",
)

# %%
large = load_runs("outputs/sweeps/large").set_index("prior")["folder"]
compared = {
    "standard, 2 dimensions": models["standard", 1],
    "standard, 16 dimensions": vae_lab.load(large["standard"]),
    "vamp, 16 dimensions": vae_lab.load(large["vamp"]),
}
n = len(x_test)
quality = {}
for name, vae in compared.items():
    draws = {"prior": draw_prior(vae, n, 4), "aggregate posterior": draw_aggregate(vae, n, 5)}
    for source, z in draws.items():
        pictures = vae.decode(z)
        precision, recall = share_inside(pictures, x_test), share_inside(x_test, pictures)
        quality[name, source] = {"precision": precision, "recall": recall}

average = x_train.mean(dim=0, keepdim=True).expand(n, -1, -1, -1)
for name, pictures in {"training images": x_train[:n], "the average digit": average}.items():
    precision, recall = share_inside(pictures, x_test), share_inside(x_test, pictures)
    quality[name, "-"] = {"precision": precision, "recall": recall}

quality = pd.DataFrame(quality).T
quality.round(2)

# %% [markdown]
# The last two rows are for comparison: real images in place of samples, and 297 copies of the
# average digit.

# %%
real, average = quality.loc["training images"].iloc[0], quality.loc["the average digit"].iloc[0]
assert average["precision"] > 0.9 and average["recall"] < 0.1
assert quality["recall"].max() == real["recall"]

of_standard = quality.loc["standard, 16 dimensions", "recall"]
assert of_standard["prior"] < of_standard["aggregate posterior"]

# %% [markdown]
# - With 16 dimensions and the standard prior, draws from the aggregate posterior are better than
#   draws from the prior in both numbers. The same decoder draws both: the prior is the reason.
#   With the VampPrior the two are closer.
# - The average digit has a high precision, although it shows no digit at all: it lies in the
#   middle of the data, inside many balls. The same is true of smooth samples.
# - Recall is low for all models, since decoded images are *mean images*, smoother than data.
#
# Read both numbers, and look at the samples.

# %% [markdown]
# `python -m vae_lab.evaluate RUN_FOLDER` computes precision and recall with more samples and
# principal components ([metrics](../reference/metrics.md)).
#
# ## Exercises
#
# 1. Ten dimensions: add `"latent_dim=10"` and `"sweep_name=ten"` to the training command, and
#    read the table of distances again. Which prior has the best ELBO?
# 2. More components: `train("-m", "data=digits", "callbacks=none", "report=null",
#    "prior=gaussian_mixture", "prior.num_components=2,10,50", "sweep_name=components")`. How many
#    are enough?
# 3. Draw from $N(0, 0.5^2 I)$ in place of the prior and compute precision and recall. Which
#    rises, which falls? (This is the "temperature" of samples in papers.)
#
# ## Next
#
# - [Comparing runs honestly](comparing_runs.py)
# - [Objectives, likelihoods and priors](../explanation/objectives.md)
# - [Metrics](../reference/metrics.md)
