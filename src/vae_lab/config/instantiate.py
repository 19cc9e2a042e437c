"""Objects from a configuration, and which classes may be named in one.

A configuration is text that somebody may have sent. What it names in `_target_` is looked up, and
the object that is found decides, not the path that led to it: it must be a class, and one of the
few modules below, unless the configuration is the person's own. Nothing else is even imported:
importing a module runs it. All of torch would be too much: some of its classes start processes.
"""

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from vae_lab.errors import UserError
from vae_lab.imports import large_imports

# Modules, and packages with a dot behind, whose classes neither run anything of a configuration's
# choosing, nor write outside of the run's folder, nor reach a network. A test constructs the known
# way out of torch. MLflow and Weights & Biases go where their arguments say.
ALLOWED_MODULES = (
    "vae_lab.networks.",
    "vae_lab.posteriors.",
    "vae_lab.conditions.",
    "vae_lab.priors.",
    "vae_lab.likelihoods.",
    "vae_lab.objectives.",
    "vae_lab.optimizers.",
    "vae_lab.data.",
    "vae_lab.callbacks.",
    "vae_lab.loggers.tensorboard.",
    "vae_lab.loggers.csv.",
    "torch.nn.modules.",
    "torch.optim.",
    "pytorch_lightning.callbacks.early_stopping",
    "pytorch_lightning.callbacks.gradient_accumulation_scheduler",
    "pytorch_lightning.callbacks.timer",
    "pytorch_lightning.callbacks.weight_averaging",
)

# How those are usually named.
ALLOWED_PATHS = (*ALLOWED_MODULES, "vae_lab.", "torch.nn.", "pytorch_lightning.callbacks.")

# How the options of conf/callbacks/ name classes of the modules above.
_SHIPPED = (
    "pytorch_lightning.callbacks.EarlyStopping.",
    "pytorch_lightning.callbacks.EMAWeightAveraging.",
)


def locate(target: Any, *, trust: bool) -> type:
    """Returns the class that a `_target_` such as `vae_lab.networks.ConvEncoder` names.

    `trust` allows classes of other packages: the user's, from their command line, never from a file
    that somebody sent.

    Raises:
        UserError: if it does not exist, or may not be used.
    """
    if not isinstance(target, str):
        raise UserError(f"_target_={target} is not a text: name a class.")
    if not trust and not target.startswith(ALLOWED_PATHS):
        raise _untrusted(target)
    module_name, _, name = target.rpartition(".")
    try:
        with large_imports("torch"):
            located = getattr(import_module(module_name), name)
    except Exception as error:  # importing a module runs it
        raise UserError(f"_target_={target} cannot be found: {error}.") from error
    if not isinstance(located, type):
        raise UserError(f"_target_={target} is not a class: name one.")
    if not trust and not f"{located.__module__}.".startswith(ALLOWED_MODULES):
        raise _untrusted(target)
    return located


def _untrusted(target: str) -> UserError:
    return UserError(
        f"_target_={target} is not of this package, torch.nn or torch.optim, or it reaches a "
        f"network, and this configuration is not trusted: add trust=true if it is your own."
    )


def needs_trust(config: Any) -> bool:
    """Tells, by their names only, whether a configuration has classes that only `trust` allows."""
    if not isinstance(config, Mapping):
        return False
    names = (*ALLOWED_MODULES, "torch.nn.", *_SHIPPED)
    is_foreign = "_target_" in config and not f"{config['_target_']}.".startswith(names)
    return is_foreign or any(map(needs_trust, config.values()))


def instantiate(
    node: Mapping[str, Any], *, trust: bool, offered: Mapping[str, Any] | None = None, **given: Any
) -> Any:
    """Returns the object of a node with `_target_`: its class (see `locate`) called on the rest.

    The class gets all the `given` arguments, and those of `offered` that its constructor names, or
    that of a parent if it passes on any argument (**).
    """
    arguments = {
        key: instantiate(value, trust=trust)
        if isinstance(value, Mapping) and "_target_" in value
        else value
        for key, value in node.items()
        if key != "_target_"
    }
    cls = locate(node["_target_"], trust=trust)
    wanted = _named_arguments(cls) if offered else ()
    taken = {key: value for key, value in (offered or {}).items() if key in wanted}
    try:
        return cls(**arguments, **taken, **given)
    except UserError:
        raise
    except (TypeError, ValueError) as error:
        raise UserError(f"{node['_target_']}: {error}") from error


def _named_arguments(cls: type) -> set[str]:
    """Returns the arguments that a constructor names, with those of the parents it passes on to."""
    names: set[str] = set()
    for parent in cls.__mro__:
        if "__init__" in vars(parent):
            parameters = inspect.signature(vars(parent)["__init__"]).parameters
            names |= set(parameters)
            if not any(it.kind is it.VAR_KEYWORD for it in parameters.values()):
                break
    return names
