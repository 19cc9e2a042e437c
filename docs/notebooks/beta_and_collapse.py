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
# # Beta, collapse and remedies
#
# The weight of the KL, beta, decides how much a model stores about an image in its latent. Too
# much weight, or a network that is hard to train, and it stores nothing: the posterior
# *collapses* to the prior. You provoke a collapse, recognise it, and try four remedies.
#
# You will learn
#
# - how rate (KL) and distortion (recon) change with beta;
# - how to see which latent dimensions are used;
# - two different reasons of a collapse;
# - what warm-up, free bits and importance weights change, and what they cost.
#
# **Time:** fifteen minutes to read, about a minute to run.

# %%
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from vae_lab.report import load_runs

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


# %% [markdown]
# ## Rate and distortion
#
# Five values of beta, ten latent dimensions, black and white digits. `-m` trains all values of a
# list one after the other; `callbacks=none report=null` leave out pictures and report, to save
# time. The optimizer is Adam, as in most papers.

# %%
common = [
    "data=digits",
    "data.binarize=threshold",
    "latent_dim=10",
    "optimizer=adam",
    "callbacks=none",
    "report=null",
]
train("-m", *common, "objective.beta=0.1,0.3,1,2,10", "sweep_name=beta")

# %% [markdown]
# The loss is `recon + beta * kl`. The ELBO is always `-(recon + kl)`, whatever beta was: VAE Lab
# never logs a weighted bound, so these runs can be compared.

# %%
runs = load_runs("outputs/sweeps/beta").sort_values("objective.beta")
columns = ["objective.beta", "elbo/test", "recon/test", "kl/test", "active_units"]
runs[columns].round(2)

# %%
figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
axes[0].plot(runs["kl/test"], runs["recon/test"], "o-")
for _, run in runs.iterrows():
    offset = {"textcoords": "offset points", "xytext": (7, 3)}
    axes[0].annotate(f"{run['objective.beta']:g}", (run["kl/test"], run["recon/test"]), **offset)
axes[0].set(xlabel="rate: kl (nats)", ylabel="distortion: recon (nats)")
axes[0].set_title("each point is a value of beta", loc="left")
axes[1].semilogx(runs["objective.beta"], runs["elbo/test"], "s-", color="tab:orange")
axes[1].set(xlabel="beta", ylabel="test ELBO (nats, higher is better)")
axes[1].set_title("the bound is best at beta = 1", loc="left")
plt.show()

# %%
assert (runs["kl/test"].diff().dropna() < 0).all()  # more weight, less information
assert (runs["recon/test"].diff().dropna() > 0).all()  # and worse reconstructions
assert runs.loc[runs["elbo/test"].idxmax(), "objective.beta"] == 1

# %% [markdown]
# That the ELBO is best at beta = 1 is not a surprise: it is then what training maximises. A small
# beta gives sharper reconstructions, a large one a smoother latent space; both lower the bound.

# %% [markdown]
# ## Which dimensions are used?
#
# The KL of each latent dimension tells how much it knows about the image. Below 0.01 nats it
# knows nothing.


# %%
def kl_per_dimension(folder: str) -> np.ndarray:
    """Returns the KL of each latent dimension of a run, in nats, the largest first."""
    result = json.loads((Path(folder) / "result.json").read_text())
    return np.sort(result["latent"]["kl_per_dimension"])[::-1]


figure, axes = plt.subplots(1, 3, figsize=(8, 2.8), layout="constrained", sharey=True)
for axis, beta in zip(axes, [0.3, 2, 10], strict=True):
    folder = runs.loc[runs["objective.beta"] == beta, "folder"].item()
    axis.bar(range(1, 11), kl_per_dimension(folder))
    axis.set(xlabel="latent dimension, sorted", title=f"beta = {beta:g}", xticks=[1, 5, 10])
axes[0].set_ylabel("KL (nats)")
plt.show()

# %% [markdown]
# At beta = 10 the posterior has **collapsed**: $q(z|x) = p(z)$ for every image. The decoder
# ignores $z$ and draws the average digit. VAE Lab warns at the end of such a run:

# %%
collapsed = runs.loc[runs["objective.beta"] == 10, "folder"].item()
warnings = json.loads((Path(collapsed) / "result.json").read_text())["warnings"]
print(*warnings, sep="\n")

assert kl_per_dimension(collapsed).sum() < 0.1
assert warnings

# %% [markdown]
# This first kind of collapse is **what the loss asks for**: with beta = 10, storing a nat costs
# more than it saves. Only a lower beta helps.

# %% [markdown]
# ## A collapse at beta = 1
#
# The second kind is a failure of optimisation. The same model, three hidden layers of 128 in
# place of one of 64, and beta = 1. Beside it, three remedies:
#
# - **warm-up** (`objective=elbo_warmup`): beta rises from 0 to 1, here in the first 60 % of the
#   steps;
# - **free bits** (`objective=elbo_free_bits`): the first 0.2 nats of each dimension cost nothing;
# - **importance weights** (`objective=iwae`): a tighter bound with five samples per image.

# %%
deep = [*common, "model.hidden_dims=[128,128,128]"]
train("-m", *deep, "objective=elbo,iwae", "sweep_name=deep")
train("-m", *deep, "objective=elbo_warmup", "objective.warmup=0.6", "sweep_name=deep-warmup")
train("-m", *deep, "objective=elbo_free_bits", "objective.free_bits=0.2", "sweep_name=deep-free")

# %%
shallow = runs[runs["objective.beta"] == 1].assign(name="one layer, plain")
names = {
    "elbo": "three layers, plain",
    "elbo_warmup": "three layers, warm-up",
    "elbo_free_bits": "three layers, free bits",
    "iwae": "three layers, importance weights",
}
remedies = load_runs(*Path("outputs/sweeps").glob("deep*"))
remedies["name"] = remedies["objective"].map(names)
table = pd.concat([remedies, shallow]).set_index("name")
table["dimensions used"] = [sum(kl_per_dimension(folder) > 0.01) for folder in table["folder"]]
table = table.sort_values("elbo/test")
table[["bound", "elbo/test", "recon/test", "kl/test", "dimensions used"]].round(2)

# %% [markdown]
# `bound` says what `elbo/test` is: for `iwae` it is the bound with five samples, which is a
# little higher than the ELBO of the same model. The two are not directly comparable.

# %%
figure, axis = plt.subplots(figsize=(8, 3), layout="constrained")
axis.barh(table.index, table["kl/test"], label="kl", color="tab:orange")
axis.barh(table.index, table["recon/test"], left=table["kl/test"], label="recon")
axis.set(xlabel="-bound = kl + recon (nats per test image, lower is better)", xlim=(0, 32))
axis.legend(loc="upper right")
plt.show()

# %%
elbo = table["elbo/test"]
assert table.loc["three layers, plain", "kl/test"] < 1  # the collapse
assert elbo["three layers, warm-up"] > elbo["three layers, plain"]
assert elbo["one layer, plain"] > elbo["three layers, warm-up"] + 1

# %% [markdown]
# What this table teaches:
#
# - The deep model is able to do better than its collapsed state: warm-up and importance weights
#   find a higher bound with the same networks. So the loss did not ask for this collapse.
# - Free bits keep dimensions in use, but "used" is not the aim. Look at the bound.
# - The optimizer matters too: with `optimizer=muon`, the default of this model, it does not
#   collapse (a KL of 4.6 nats).
# - The best remedy here is the simplest: a network that trains well. Try that first.

# %% [markdown]
# ## Exercises
#
# 1. Warm-up against the first kind of collapse: `train("-m", *common, "objective=elbo_warmup",
#    "objective.beta=10", "sweep_name=exercise1")`. Why does it not help?
# 2. Free bits of different sizes: `train("-m", *deep, "objective=elbo_free_bits",
#    "objective.free_bits=0.05,0.5,1", "sweep_name=exercise2")`. Where is the bound best?
# 3. Hold the KL at a target: `train("-m", *common, "objective=elbo_capacity",
#    "objective.capacity=2,5,10", "sweep_name=exercise3")`. Draw the three points into the first
#    figure.
#
# ## Next
#
# - [Samples and priors](samples_and_priors.py)
# - [Objectives](../explanation/objectives.md): formula and source of each
# - [Numbers](../reference/numbers.md): the units and signs
