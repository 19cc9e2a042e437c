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
# # Comparing runs honestly
#
# Is model B better than model A? One run of each gives an answer, and it may be wrong: another
# seed gives another answer. Here you measure how much a seed changes, and decide what a
# difference is worth.
#
# You will learn
#
# - how to load runs into pandas;
# - which two kinds of chance there are: the images of the test set, and the seed;
# - why differences should be paired;
# - how often a single seed would have told you the opposite.
#
# **Time:** fifteen minutes to read, about half a minute to run.

# %%
import os
import subprocess
import sys
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

from vae_lab.report import load_runs

workplace = TemporaryDirectory(ignore_cleanup_errors=True)
os.chdir(workplace.name)


def train(*overrides: str) -> None:
    """Runs `python -m vae_lab OVERRIDES`; prints how many runs were trained."""
    command = [sys.executable, "-m", "vae_lab", *overrides]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr or done.stdout)
    print(sum("test elbo" in line for line in done.stdout.splitlines()), "runs trained")


# %% [markdown]
# ## The question
#
# Is a hidden layer of 64 units better than one of 32? We train both with eight seeds. A seed
# decides the starting weights, the order of the images and the noise; the images of training,
# validation and test are the same in all runs.

# %%
train(
    "-m",
    "data=digits",
    "latent_dim=5",
    "trainer.max_epochs=10",
    "callbacks=none",
    "report=null",
    "model.hidden_dims=[32],[64]",
    "seed=0,1,2,3,4,5,6,7",
    "sweep_name=question",
)

# %% [markdown]
# ## Runs as a table
#
# `load_runs` gives one row per run, with every key of the configuration and every number.

# %%
runs = load_runs("outputs/sweeps/question")
runs["hidden"] = runs["model.hidden_dims"].astype(str)
columns = ["run", "hidden", "seed", "elbo/test", "elbo/test standard error", "seconds"]
runs[columns].round(2).head(3)

# %%
table = runs.pivot(index="seed", columns="hidden", values="elbo/test")
table.columns = ["32 units", "64 units"]
assert table.shape == (8, 2)
table.round(2)

# %%
figure, axis = plt.subplots(figsize=(8, 3), layout="constrained")
for seed, row in table.iterrows():
    axis.plot(row, [1, 0], color="lightgray", zorder=0)
    for position, value in zip([1, 0], row, strict=True):
        axis.text(value, position + 0.1, str(seed), ha="center", fontsize=8)
for name, position in zip(table.columns, [1, 0], strict=True):
    axis.scatter(table[name], [position] * len(table), label=name)
axis.set(yticks=[1, 0], yticklabels=table.columns, ylim=(-0.4, 1.4))
axis.set(xlabel="test ELBO (nats, higher is better); the number is the seed")
plt.show()

# %% [markdown]
# ## One seed each
#
# Somebody trains one run of each model, with any seeds. How often does the *worse* model win?

# %%
small, large = table["32 units"].to_numpy(), table["64 units"].to_numpy()
pairs = np.array([b - a for a, b in product(small, large)])  # 8 x 8 pairs of seeds
mean_difference = large.mean() - small.mean()
wrong = np.mean(np.sign(pairs) != np.sign(mean_difference))

print(f"mean difference of eight seeds:  {mean_difference:+.2f} nats")
print(f"differences of single pairs:     {pairs.min():+.2f} to {pairs.max():+.2f} nats")
print(f"pairs with the opposite answer:  {wrong:.0%}")

assert pairs.min() < 0 < pairs.max()  # one pair of seeds can show either answer

# %% [markdown]
# ## What the ± of a run does not hold
#
# Each run has a standard error over the *images* of the test set. It says how much the mean would
# change with other test images. It does not know that there are other seeds.

# %%
over_images = runs["elbo/test standard error"].mean()
over_seeds = table.std(ddof=1).mean()
print(f"standard error over images, one run:     {over_images:.2f} nats")
print(f"standard deviation over seeds:           {over_seeds:.2f} nats")

# %% [markdown]
# ## Paired differences
#
# All runs are tested on the same images, with the same noise. An image that is difficult for one
# model is difficult for the other too. The difference, image by image, removes what they share.

# %%
folders = runs.set_index(["hidden", "seed"])["folder"].sort_index()


def elbo_of_images(hidden: str, seed: int) -> np.ndarray:
    """Returns the test ELBO of each image in nats, (N,)."""
    return np.load(Path(folders[hidden, seed]) / "per_image.npz")["elbo"]


a, b = elbo_of_images("[32]", 0), elbo_of_images("[64]", 0)
n = len(a)
unpaired = np.sqrt(a.var(ddof=1) / n + b.var(ddof=1) / n)
paired = (b - a).std(ddof=1) / np.sqrt(n)
print(f"difference for seed 0: {np.mean(b - a):+.3f} nats")
print(f"its standard error:    {unpaired:.3f} unpaired, {paired:.3f} paired")

assert paired < unpaired

# %%
figure, axis = plt.subplots(figsize=(4.5, 4), layout="constrained")
axis.scatter(a, b, s=8)
axis.axline((a.mean(), a.mean()), slope=1, color="tab:gray", linewidth=1)
axis.set(xlabel="ELBO with 32 units (nats)", ylabel="ELBO with 64 units (nats)", aspect="equal")
axis.set_title("each point is a test image, seed 0", loc="left")
plt.show()

# %% [markdown]
# This is a precise answer to a narrow question: do *these two sets of weights* differ? With
# another seed the sign may change:

# %%
for seed in range(8):
    d = elbo_of_images("[64]", seed) - elbo_of_images("[32]", seed)
    error = d.std(ddof=1) / np.sqrt(n)
    sure = "'significant'" if abs(d.mean()) > 2 * error else ""
    print(f"seed {seed}: {d.mean():+.2f} ± {error:.2f} nats  {sure}")

# %% [markdown]
# ## The answer
#
# The question was about the two *kinds* of model. The unit that repeats is then the seed: eight
# differences, their mean, and its standard error.

# %%
differences = large - small
m = len(differences)
error = differences.std(ddof=1) / np.sqrt(m)
low, high = stats.t.interval(0.95, m - 1, loc=differences.mean(), scale=error)
print(f"64 against 32 units: {differences.mean():+.2f} ± {error:.2f} nats over {m} seeds")
print(f"95 % interval:       {low:+.2f} to {high:+.2f} nats")
print("a difference" if low > 0 or high < 0 else "no significant difference")

# %% [markdown]
# With how many seeds would you have seen it? The width of the interval for the first 2, 3, ...
# seeds:

# %%
counts = range(2, m + 1)
means = np.array([differences[:k].mean() for k in counts])
half = [stats.t.ppf(0.975, k - 1) * differences[:k].std(ddof=1) / np.sqrt(k) for k in counts]
figure, axis = plt.subplots(figsize=(8, 3), layout="constrained")
axis.errorbar(counts, means, yerr=half, fmt="o", capsize=4)
axis.axhline(0, color="tab:gray", linewidth=1)
limit = 1.2 * max(half[1:])  # two seeds may have a very wide interval
axis.set(xlabel="number of seeds", ylabel="64 against 32 units (nats)", ylim=(-limit, limit))
axis.set_title("mean difference and 95 % interval", loc="left")
plt.show()

# %% [markdown]
# ## Rules
#
# 1. Decide what repeats: images, if the question is about this model; seeds, if it is about
#    the method.
# 2. Pair: the same images, the same noise, the same seeds on both sides.
# 3. Three seeds show a large difference; for a small one you need many.
# 4. Choose with the validation images, report with the test images. If you try twenty settings,
#    the best one looks better than it is.
# 5. Say the number of seeds and what `±` is.
#
# The [report](../reference/report.md) of a sweep does this for you: `python -m vae_lab.report
# SWEEP_FOLDER`.
#
# ## Exercises
#
# 1. A large difference: train with `"model.hidden_dims=[8],[64]"`, `"seed=0,1,2"` and
#    `"sweep_name=large"`. How many pairs of seeds give the wrong answer now?
# 2. No difference at all: compare seeds 0 to 3 of 64 units with seeds 4 to 7. What would you have
#    concluded from seed 0 and seed 4?
# 3. Train with `"seed=0,1,2,3,4,5,6,7"`, `"optimizer.lr=1e-2,1.1e-2"` and `"sweep_name=rates"`.
#    How many seeds would you need to see a difference of 0.1 nats?
#
# ## Next
#
# - [Your own images](own_images.py)
# - [Report](../reference/report.md): how the differences are computed there
# - [Sweeps](../how-to/sweeps.md): many runs, many machines
