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
# # Your own images
#
# Any folder of image files, or any array of images, can be the data set. You make a small one,
# train on it, and look at the result.
#
# You will learn
#
# - how to lay out a folder of images, with labels or without;
# - how to give arrays instead of files;
# - what is checked before training begins;
# - what a VAE stores about coloured shapes.
#
# **Time:** ten minutes to read, about a minute to run.

# %%
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import Image
from PIL import Image as PilImage
from PIL import ImageColor, ImageDraw

import vae_lab
from vae_lab.data.datamodule import ImageDataModule

workplace = TemporaryDirectory(ignore_cleanup_errors=True)
os.chdir(workplace.name)


def train(*overrides: str) -> None:
    """Runs `python -m vae_lab OVERRIDES`; prints the numbers of images and the result."""
    command = [sys.executable, "-m", "vae_lab", *overrides]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr or done.stdout)
    for line in done.stdout.splitlines():
        if "training /" in line or "test elbo" in line:
            print(line.split(" nats")[0])


# %% [markdown]
# ## A folder of images
#
# 1,500 drawings of 16 x 16 pixels: circles, squares and triangles of any colour, at any place.
# The name of the sub-folder is the label:
#
# ```text
# shapes/circle/000.png
# shapes/square/000.png
# shapes/triangle/000.png
# ```
#
# In place of these drawings take your own photographs; they may be larger and of any shape.


# %%
def draw(shape: str, rng: np.random.Generator) -> PilImage.Image:
    """Returns one shape of a random colour, size and place on black, 16 x 16 pixels."""
    # Drawn four times as large and then made smaller, so that edges are smooth.
    picture = PilImage.new("RGB", (64, 64))
    pen = ImageDraw.Draw(picture)
    colour = ImageColor.getrgb(f"hsv({rng.integers(360)}, 100%, 100%)")
    x, y, r = *rng.integers(24, 40, 2), rng.integers(12, 22)
    if shape == "circle":
        pen.ellipse((x - r, y - r, x + r, y + r), fill=colour)
    elif shape == "square":
        pen.rectangle((x - r, y - r, x + r, y + r), fill=colour)
    else:
        pen.polygon([(x, y - r), (x - r, y + r), (x + r, y + r)], fill=colour)
    return picture.resize((16, 16), PilImage.Resampling.BOX)


rng = np.random.default_rng(0)
for shape in ["circle", "square", "triangle"]:
    folder = Path("shapes") / shape
    folder.mkdir(parents=True)
    for i in range(500):
        draw(shape, rng).save(folder / f"{i:03d}.png")

files = sorted(Path("shapes").rglob("*.png"))
figure, axes = plt.subplots(2, 12, figsize=(8, 1.5), layout="constrained")
for axis, file in zip(axes.flat, files[::63], strict=True):
    axis.imshow(plt.imread(file))
    axis.axis("off")
plt.show()

# %% [markdown]
# ## Train
#
# `data=folder data.path=shapes` reads the files once and keeps the pixels under `data.root`.
# `data.image_size` is the size that all images get.

# %%
shapes = ["data=folder", "data.path=shapes", "data.image_size=16", "data.root=prepared"]
train(*shapes, "latent_dim=6", "trainer.max_epochs=30", "run_name=shapes")

# %% [markdown]
# A tenth of the images is kept for the test, a tenth of the rest for validation, equally over the
# labels. The labels are used only in pictures and metrics, never in training.
#
# ## Look

# %%
run = next(Path("outputs/runs").glob("shapes_*"))
Image(filename=run / "figures/reconstructions_0030.png", width=620)

# %%
Image(filename=run / "figures/samples_0030.png", width=480)

# %% [markdown]
# What does each latent dimension do? Each row changes one of them, the others stay:

# %%
Image(filename=run / "figures/traversals_0030.png", width=700)

# %% [markdown]
# ## Does the latent know the shape and the colour?
#
# A nearest-neighbour classifier on the codes predicts the shape; a linear regression predicts the
# mean colour. Both see only the posterior means.

# %%
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsClassifier

vae = vae_lab.load(run)
data = ImageDataModule.from_config(vae.config, trust=True)  # trust: the files are your own
data.setup()


def codes_and_colours(images: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Returns posterior means (N, 6) and the mean of each colour channel (N, 3)."""
    x = images[:].float() / 255
    return vae.encode(x).mean.numpy(), x.mean(dim=(2, 3)).numpy()


codes, colours = codes_and_colours(data.train_images)
test_codes, test_colours = codes_and_colours(data.test_images)

classifier = KNeighborsClassifier().fit(codes, data.train_labels)
accuracy = classifier.score(test_codes, data.test_labels)
r2 = LinearRegression().fit(codes, colours).score(test_codes, test_colours)
print(f"shape, accuracy: {accuracy:.2f} (by chance: 0.33)")
print(f"colour, R²:      {r2:.2f} (by chance: 0)")

assert r2 > 0.8  # the colour is stored
assert accuracy < 0.9  # the shape is not, or only in part

# %% [markdown]
# Colour, size and place change many pixels, so storing them lowers the loss most. The corners of
# a square change few pixels: the reconstructions are of the right colour, and their corners are
# round. A VAE stores what saves nats, not what we find important.

# %% [markdown]
# ## Arrays instead of files
#
# `data=npz` takes a file with an array `images` (N, H, W) or (N, H, W, C), and `labels` if there
# are any.

# %%
pixels = np.stack([np.asarray(PilImage.open(file)) for file in files])  # (1500, 16, 16, 3)
labels = np.array([file.parent.name for file in files])
np.savez("shapes.npz", images=pixels, labels=labels)

arrays = ["data=npz", "data.path=shapes.npz", "callbacks=none", "report=null"]
train(*arrays, "latent_dim=6", "trainer.max_epochs=5", "run_name=arrays")

# %% [markdown]
# ## What is checked
#
# A mistake is found before training begins, and the message says what to do. For example, values
# from 0 to 255 as floats:

# %%
np.savez("wrong.npz", images=pixels.astype(float))
try:
    train("data=npz", "data.path=wrong.npz")
except RuntimeError as error:
    message = str(error).strip().splitlines()[-1]
    print(message)

assert "255" in message

# %% [markdown]
# ## Exercises
#
# 1. Without labels: copy all files into one folder `flat`, with other names, and run
#    `train("data=folder", "data.path=flat", "data.image_size=16", "data.root=prepared",
#    "run_name=flat")`. Which pictures and numbers are missing?
# 2. Grey: `train(*shapes, "data.colour=false", "latent_dim=6", "run_name=grey")`. Is the shape
#    easier to read from the codes now?
# 3. Another likelihood for colour: `train(*shapes, "likelihood=discretized_logistic",
#    "latent_dim=6", "run_name=logistic")`. Why can its bound not be compared with the one above?
#
# ## Next
#
# - [Data sets, and your own images](../reference/data.md): all keys, splits and messages
# - [Numbers](../reference/numbers.md): which bounds can be compared
# - [All notebooks](index.md)
