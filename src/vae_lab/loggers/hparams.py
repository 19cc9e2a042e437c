"""Which hyper-parameters stand in a run's row of TensorBoard's HParams table, and how.

A column is a group (`model`: the option chosen), a short name (`beta`, `lr`), or any key of the
resolved configuration (`latent_dim`, `model.hidden_dims`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

from vae_lab.config.identity import flatten
from vae_lab.errors import UserError, did_you_mean

SHORT_NAMES = {"beta": "objective.beta", "lr": "optimizer.lr"}


def values(config: Mapping[str, Any], choices: Mapping[str, str]) -> dict[str, Any]:
    """Returns the value of every column that a run can have: keys, groups and short names."""
    keys = dict(flatten(config))
    short = {name: keys.get(key) for name, key in SHORT_NAMES.items()}
    return {**keys, **choices, **short}


def check(runs: Sequence[tuple[Mapping[str, Any], Mapping[str, str]]]) -> None:
    """Raises UserError for the first column that none of the runs of one command has.

    A column that only some of the runs have is allowed: `model.channels` beside a linear model,
    whose cell stays empty. `runs` are the resolved configuration and the choices of each.
    """
    columns = {name for config, choices in runs for name in values(config, choices)}
    for config, _ in runs:
        for name, logger in (config["logger"] or {}).items():
            for column in logger.get("columns") or ():
                if column not in columns:
                    raise UserError(f"logger.{name}.columns: {_unknown(str(column), columns)}")


def _unknown(column: str, columns: set[str]) -> str:
    if meant := did_you_mean(column, columns):
        return f"{column} is no hyper-parameter of this run: did you mean {meant}?"
    short = ", ".join(sorted(name for name in columns if "." not in name))
    return (
        f"{column} is no hyper-parameter of this run. Choose from {short}, or any key that "
        f"--cfg job shows, such as model.lr."
    )


def typed_value(value: Any) -> tuple[Any, str, str | float | bool | None]:
    """Returns a value's data type in the HParams table, the protobuf field, and the value."""
    if isinstance(value, bool):
        return api_pb2.DATA_TYPE_BOOL, "bool_value", value
    if isinstance(value, int | float):
        return api_pb2.DATA_TYPE_FLOAT64, "number_value", value
    return api_pb2.DATA_TYPE_STRING, "string_value", None if value is None else str(value)


def hparams_summary(tag: str, **content: Any) -> Summary:
    """Wraps one message of the HParams plugin as the summary that TensorBoard expects."""
    data = plugin_data_pb2.HParamsPluginData(version=metadata.PLUGIN_DATA_VERSION, **content)
    plugin = SummaryMetadata.PluginData(
        plugin_name=metadata.PLUGIN_NAME, content=data.SerializeToString()
    )
    return Summary(value=[Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=plugin))])
