"""The answer to a key that does not exist: the key that is probably meant."""

from collections.abc import Iterable, Mapping

from omegaconf import OmegaConf

from vae_lab.config.compose import conf_folder
from vae_lab.config.constructors import OPEN_GROUPS
from vae_lab.config.rules import REMOVABLE
from vae_lab.errors import did_you_mean

# Names that other programs have for something -> what to write here.
MEANT = {
    "epochs max_epochs num_epochs n_epochs trainer.epochs": "trainer.max_epochs",
    "lr learning_rate": "optimizer.lr",
    "z z_dim zdim latent latent_size latent_dims": "latent_dim",
    "beta kl_weight": "objective.beta",
    "bs batch batch_size": "data.batch_size",
    "dataset": "data=OPTION, such as data=mnist_5k",
    "gpu gpus cuda device devices accelerator": "trainer=gpu, or trainer=auto",
    "loss": "objective=OPTION, such as objective=iwae",
    "arch architecture encoder network": "model=OPTION, such as model=conv",
    "name": "run_name",
}


def unknown_key(key: str, names: Iterable[str], choices: Mapping[str, str]) -> str:
    """Returns the line about a key that is not in `names`, with the options in `choices`."""
    names = set(names)
    start = f"unknown key {key}"
    for others, here in MEANT.items():
        if key in others.split():
            return f"{start}: did you mean {here}?"
    if inside := sorted(name for name in names if name.startswith(f"{key}.")):
        removal = (
            f", or leave all of it out with ~{key}" if key.partition(".")[0] in REMOVABLE else ""
        )
        return f"{key} holds keys of its own: change one of them, as in {inside[-1]}=...{removal}."
    top, dot, rest = key.partition(".")
    in_group = {name for name in names if dot and top in choices and name.startswith(f"{top}.")}
    if in_group and (options := _options_with(top, rest)):
        return f"{start}: {top}={choices[top]} has none. Add {' or '.join(options)}."
    # Of the other groups those whose parts have no names of their own.
    elsewhere = {n for n in names if in_group and n.partition(".")[0] not in OPEN_GROUPS}
    if meant := did_you_mean(key, in_group or names) or did_you_mean(key, elsewhere):
        return f"{start}: did you mean {meant}?"
    where = f"{top}={choices[top]} has" if in_group else "the keys are"
    parts = {name.removeprefix(f"{top}.").partition(".")[0] for name in in_group or names}
    shown = ", ".join(sorted(parts - {"_target_"}))
    return f"{start}: {where} {shown or 'no keys to change'}."


def _options_with(group: str, key: str) -> list[str]:
    """Returns the options of a group that have a key, as `group=option`."""
    found = []
    for path in sorted((conf_folder() / group).glob("*.yaml")):
        content = OmegaConf.to_container(OmegaConf.load(path))
        for part in key.split("."):
            content = content.get(part, ()) if isinstance(content, dict) else ()
        if content != ():
            found.append(f"{group}={path.stem}")
    return found
