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
# # Use it: from training to export
#
# You train a VAE with one call, look at it, and use it: to draw new images, to score images, to
# fill in missing pixels, and to hand the model on.
#
# You will learn
#
# - how to train from Python, with a data set or with an array of your own;
# - how to compare several settings with one call;
# - how unusual an image is for the model;
# - what the model believes of pixels that nobody has seen;
# - how to export a model, and how to read it back.
#
# **Time:** ten minutes to read, less than half a minute to run. The data are 1,797 digits of 8 x 8
# pixels that come with the installation.

# %%
import os
import subprocess
import sys
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F

import vae_lab

workplace = TemporaryDirectory(ignore_cleanup_errors=True)
os.chdir(workplace.name)

# %% [markdown]
# ## Train
#
# Each text is an override, as on the command line: `python -m vae_lab data=digits latent_dim=8`
# trains the same model, and gives the same numbers. The model is returned. `callbacks=[progress]`
# leaves the pictures out, which takes less time.

# %%
vae = vae_lab.train("data=digits", "latent_dim=8", "callbacks=[progress]")

# %% [markdown]
# A model shows itself: its bound on the test images with its standard error, how it was measured,
# where the run is, and ten samples. The ELBO is in nats per image; **higher is better**.

# %%
vae

# %% [markdown]
# A setting that is wrong stops before the training begins. The message says what to type.

# %%
try:
    vae_lab.train("data=digits", "latent_dim=8", "epochs=5")
except ValueError as error:
    message = str(error)
    print(message)

assert 'vae_lab.train("data=digits", "latent_dim=8", "trainer.max_epochs=5")' in message

# %% [markdown]
# ## Draw
#
# `sample` decodes draws from the prior. The same seed gives the same images.


# %%
def show(axis: plt.Axes, pictures: torch.Tensor, title: str) -> None:
    """Draws images (N, 1, H, W) in one row, a thin grey line between them."""
    framed = F.pad(pictures[:, 0], (0, 1), value=0.5)
    axis.imshow(torch.cat([*framed], dim=1), cmap="gray", vmin=0, vmax=1)
    axis.set_title(title, loc="left")
    axis.axis("off")


figure, axis = plt.subplots(figsize=(8, 1.2), layout="constrained")
show(axis, vae.sample(10, seed=0), "samples: new images")
plt.show()

# %% [markdown]
# ## Score
#
# How usual is an image? `score` gives the bound of each image, and its **rank**: the share of the
# test images whose bound is lower. A rank near 0 says that hardly any test image is as unusual.
#
# Here are a test image, the same image upside down, and the same pixels in random order.

# %%
from vae_lab.data.datamodule import ImageDataModule

data = ImageDataModule.from_config(vae.config, trust=False)
data.setup()
images = data.test_images.float() / 255
four = images[data.test_labels == 4][:1]
order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
three = torch.cat([four, four.flip(2), four.flatten(1)[:, order].reshape(1, 1, 8, 8)])

scores = vae.score(three, num_samples=100, seed=0)
for name, elbo, error, rank in zip(
    ("a four", "upside down", "in random order"),
    scores.elbo,
    scores.elbo_error,
    scores.rank,
    strict=True,
):
    print(f"{name:16} ELBO {elbo:7.2f} ± {error:.2f} nats, rank {rank:.0%}")

# %%
figure, axis = plt.subplots(figsize=(2.6, 1.3), layout="constrained")
show(axis, three, "three images")
plt.show()

assert scores.elbo[0] > scores.elbo[1] > scores.elbo[2]
assert scores.rank[2] == 0

# %% [markdown]
# ## Complete
#
# Half of an image is missing. What could it be? `complete` draws several answers from
# $p(\text{missing} \mid \text{seen})$: not one best guess, but as different as the model believes
# them to be. Below, the lower half of a four is missing.

# %%
mask = torch.zeros(8, 8)
mask[4:] = 1
completion = vae.complete(four[0], mask, num_images=8, seed=0)

figure, axes = plt.subplots(1, 2, figsize=(8, 1.3), width_ratios=(2, 8), layout="constrained")
show(axes[0], torch.cat([four, four * (1 - mask)]), "image, seen")
show(axes[1], completion.images, "eight completions")
plt.show()

# %% [markdown]
# The pixels that were seen stay as they are. Where the completions differ, the model is not sure.

# %%
spread = completion.images.std(dim=0)[0]
print(f"standard deviation: seen {spread[:4].max():.2f}, missing {spread[4:].mean():.2f}")

assert spread[:4].max() == 0 and spread[4:].mean() > 0.02

# %% [markdown]
# ## An array of your own
#
# `data` takes images as an array or tensor, (N, H, W) or (N, C, H, W), and `labels` the label of
# each. The array is kept in a file, so that the run is one like any other. Here: the same digits,
# black on white.

# %%
inverted = (1 - images).numpy()
own = vae_lab.train(
    "latent_dim=8",
    "trainer.max_epochs=5",
    "callbacks=[progress]",
    "run_name=inverted",
    data=inverted,
    labels=data.test_labels,
)
print(own.result.command)

# %% [markdown]
# ## Several settings
#
# `vae_lab.sweep` trains one model for each combination and returns a data frame, one row per run.

# %%
frame = vae_lab.sweep(
    "data=digits", "optimizer.lr=1e-4,5e-3", "trainer.max_epochs=5", "callbacks=none", "report=null"
)
frame[["run", "elbo/test", "elbo/test standard error", "seconds"]]

# %% [markdown]
# With the smaller learning rate five epochs are too few.

# %%
slow, fast = frame.sort_values("optimizer.lr")["elbo/test"]
assert fast > slow + 1  # nats, with standard errors of about 0.2

# %% [markdown]
# ## Export
#
# An exported folder holds the weights as `model.safetensors`, the configuration, and a model card
# with the numbers. With the extra `export` (`pip install 'vae-lab[export]'`) and without the last
# two words it also holds encoder and decoder as ONNX graphs, which run without PyTorch.

# %%
command = [sys.executable, "-m", "vae_lab", "export", str(vae.folder), "--to", "digits-z8"]
done = subprocess.run([*command, "--without", "onnx"], check=True, capture_output=True, text=True)
print(done.stdout)

# %% [markdown]
# `vae_lab.load` reads it back, bit for bit. No data set and no run are needed.

# %%
again = vae_lab.load("digits-z8")
assert torch.equal(again.sample(10, seed=0), vae.sample(10, seed=0))

# %% [markdown]
# ## Exercises
#
# 1. Hide less: set only `mask[6:]` to 1, and complete again. Does the standard deviation of the
#    missing pixels fall? Then hide everything: what do the completions look like?
# 2. Two latent dimensions: `vae_lab.train("data=digits", "latent_dim=2", "run_name=two")`. Complete
#    the same four. Are the completions better or worse, and what does the bound say?
# 3. Change `data.binarize`: `vae_lab.train("data=digits", "latent_dim=8",
#    "data.binarize=threshold", "run_name=binary")`. What does `score` want now?
#
# ## Next
#
# - [Python API](../reference/python.md): all methods of a model, and of `vae_lab`
# - [Sweeps](../how-to/sweeps.md): many runs, in parallel, and searches
# - [Your own images](own_images.py): files, labels, and what is checked
# - [All notebooks](index.md)
