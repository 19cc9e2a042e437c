"""Overrides that may help against a fault: they can be added to the command of the run that has it.

There is none if the run's command says something that an override would contradict.
"""

import shlex

from vae_lab.config.channels import chosen_channels
from vae_lab.reading import is_kind
from vae_lab.report.runs import Run

# Of these data sets a larger one exists.
LARGER_DATA = {"mnist_5k": "mnist"}

# The keys of an encoder that hold the sizes of its layers.
WIDTHS = ("hidden_dims", "channels")

# The keys that all objectives share which hold a KL above 0.
SHARED_KEYS = {"objective.beta", "objective.num_samples"}


def larger_data(run: Run) -> tuple[str, ...]:
    """Returns a larger data set of the same kind; its keys must not be those of the smaller."""
    larger = LARGER_DATA.get(str(run.result.choices.get("data")))
    return (f"data={larger}",) if larger and not _keys_of(run, "data.") else ()


def earlier_end(run: Run) -> tuple[str, ...]:
    """Returns what ends a training when validation falls, beside the callbacks of a run."""
    callbacks = run.config.get("callbacks")
    names = [str(name) for name in callbacks] if isinstance(callbacks, dict) else []
    if "early_stopping" in names:
        return ()
    kept = "none" if names == ["progress"] else "default"
    return (f"callbacks=[{kept},early_stopping]",)


def longer_training(run: Run) -> tuple[str, ...]:
    """Returns twice the epochs, if it was their number that ended the training."""
    if run.result.ended_by not in (None, "max_epochs"):
        return ()
    return (f"trainer.max_epochs={2 * (run.result.epochs or 0)}",)


def against_collapse(run: Run, lowest_beta: float) -> tuple[str, ...]:
    """Returns what keeps a code from collapse; `lowest_beta` is the lowest that did collapse."""
    objective = str(run.result.choices.get("objective"))
    for key in ("capacity", "free_bits"):
        value = run.settings.get(f"objective.{key}")
        if isinstance(value, int | float) and value > 0:
            return (f"objective.{key}={2 * value:g}",)
    if lowest_beta > 1:
        return ("objective.beta=1",)
    is_shared = _keys_of(run, "objective.") <= SHARED_KEYS
    return ("objective=elbo_free_bits",) if is_shared and objective != "elbo_free_bits" else ()


def other_size(run: Run, latent_dim: int) -> tuple[str, ...]:
    """Returns another number of latent dimensions, with which the objective has a meaning."""
    is_meaningless = latent_dim == 1 and run.result.choices.get("objective") == "beta_tc"
    return () if is_meaningless else (f"latent_dim={latent_dim}",)


def wider_encoder(run: Run) -> tuple[str, ...]:
    """Returns twice the size of each layer of the encoder only, if its sizes are a key."""
    model = run.config.get("model")
    encoder = model.get("encoder") if isinstance(model, dict) else None
    keys = encoder if isinstance(encoder, dict) else {}
    for key in (name for name in WIDTHS if name in keys):
        sizes, shape = keys[key], run.result.image_shape or ()
        if sizes is None and len(shape) == 3:
            sizes = chosen_channels(shape, None)
        if is_kind(sizes, list[int]) and sizes:
            return (f"model.encoder.{key}=[{','.join(str(2 * size) for size in sizes)}]",)
    return ()


def richer_posterior(run: Run) -> tuple[str, ...]:
    """Returns the family with a full covariance; one dimension has no other."""
    is_diagonal = run.settings.get("posterior") == "diagonal"
    return ("posterior=full",) if is_diagonal and (run.result.latent_dim or 0) > 1 else ()


def _keys_of(run: Run, prefix: str) -> set[str]:
    """Returns the keys that the command of a run sets, of those that begin like this."""
    try:
        words = shlex.split(str(run.result.command))
    except ValueError:  # a quotation mark without its partner
        words = str(run.result.command).split()
    keys = {word.lstrip("+~").partition("=")[0] for word in words}
    return {key for key in keys if key.startswith(prefix)}
