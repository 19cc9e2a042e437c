"""The weights that a training starts from (`init_from`): which file has them, and their checksum.

The checksum says which weights they are, wherever the folder lies: SHA-256 of the name, type, shape
and bytes of each, in the order of the names. A checkpoint and an exported folder with the same
weights have the same one. No torch: a run has its name and folder before torch is imported.
"""

import hashlib
import io
import json
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from vae_lab.environment import memory_bytes
from vae_lab.errors import UserError, first_line
from vae_lab.reading import check_members, parse_json, read_inside

# Exported folders that come with the package, as init_from names them.
EXAMPLE = "example:"
EXAMPLES = Path(__file__).parent / "examples"

# Where the weights of a folder are: those that a run tested come first.
EXPORTED = "model.safetensors"
FILES = ("checkpoints/best.ckpt", "checkpoints/last.ckpt", EXPORTED)

# The names that safetensors has for types, with their bytes, by the storage of torch.
_TYPES = {
    "DoubleStorage": ("F64", 8),
    "FloatStorage": ("F32", 4),
    "HalfStorage": ("F16", 2),
    "BFloat16Storage": ("BF16", 2),
    "LongStorage": ("I64", 8),
    "IntStorage": ("I32", 4),
    "ShortStorage": ("I16", 2),
    "CharStorage": ("I8", 1),
    "ByteStorage": ("U8", 1),
    "BoolStorage": ("BOOL", 1),
}


class Weight(NamedTuple):
    """The type, shape and bytes of a weight, the numbers of its last dimension side by side."""

    kind: str
    shape: tuple[int, ...]
    content: bytes


def source_file(source: str, directory: Path = Path()) -> Path:
    """Returns the file with the weights that `init_from` names.

    Relative paths begin in `directory`.

    Raises:
        UserError: There are none.
    """
    if source.startswith(EXAMPLE):
        folder = EXAMPLES / source.removeprefix(EXAMPLE)
        names = sorted(path.parent.name for path in EXAMPLES.glob(f"*/{EXPORTED}"))
        if folder.name not in names:
            choices = ", ".join([*(EXAMPLE + name for name in names), "the folder of a run"])
            raise UserError(f"init_from={source} does not exist: choose from {choices}.")
    else:
        folder = directory / Path(source).expanduser()
    if not folder.is_dir():
        raise UserError(
            f"init_from={source} is not a folder: name that of a run, such as outputs/runs/NAME."
        )
    for name in FILES:
        if (folder / name).is_file():
            return folder / name
    raise UserError(
        f"init_from={source} has no weights, neither checkpoints/ nor {EXPORTED}: name the folder "
        f"of a finished run, such as outputs/runs/NAME."
    )


def checksum(path: Path) -> str:
    """Returns the checksum of a file's weights; UserError if it cannot be read."""
    try:
        facts = path.stat()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    return _checksum(path.absolute(), facts.st_mtime_ns, facts.st_size)


@cache  # of a file as it is: the jobs of a sweep have most sources in common
def _checksum(path: Path, changed: int, size: int) -> str:
    data = read_inside(path, path.parent, most=memory_bytes() // 2)
    try:
        weights = _of_safetensors(data) if path.suffix == ".safetensors" else _of_checkpoint(data)
    except Exception as error:  # a damaged file can fail in any way
        raise UserError(
            f"the weights in {path} cannot be read ({first_line(error)}): train that run again, or "
            f"name another one."
        ) from error
    digest = hashlib.sha256()
    for name in sorted(weights):
        kind, shape, content = weights[name]
        # The line says how many bytes follow.
        digest.update(f"{json.dumps(name)} {kind} {list(shape)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _of_safetensors(data: bytes) -> dict[str, Weight]:
    """Returns the weights of a file: the length of its header, the header in JSON, the bytes."""
    length = int.from_bytes(data[:8], "little")
    header, content = parse_json(data[8 : 8 + length]), data[8 + length :]
    header.pop("__metadata__", None)
    weights = {}
    for name, facts in header.items():
        begin, end = facts["data_offsets"]
        part = content[begin:end]
        weights[name] = Weight(str(facts["dtype"]), tuple(facts["shape"]), part)
        if begin < 0 or len(part) != end - begin:
            raise ValueError(f"{name} is cut off")
    return weights


def _of_checkpoint(data: bytes) -> dict[str, Weight]:
    """Returns the weights of a checkpoint: a zip file with a pickle, and a part for each storage.

    What the pickle names is never imported; `_Unpickler` knows the few names that weights need.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        check_members(archive, len(data))
        (index,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        root = index.removesuffix("data.pkl")
        checkpoint = _Unpickler(io.BytesIO(archive.read(index))).load()
        tensors: Mapping[str, Any] = checkpoint["state_dict"]
        return dict(_weights(archive, root, tensors, most=2 * len(data)))


def _weights(
    archive: zipfile.ZipFile, root: str, tensors: Mapping[str, Any], *, most: int
) -> Iterator[tuple[str, Weight]]:
    import numpy as np  # most runs start from no weights, and a wrong line waits for no numpy

    for name, tensor in tensors.items():
        if not isinstance(tensor, _Tensor):
            raise ValueError(f"{name} is not a tensor")
        kind, size = _TYPES[tensor.storage.kind]
        # By its shape: a tensor of one number, said to be repeated, takes no room in the file.
        most -= math.prod(tensor.shape) * size
        if most < 0:
            raise ValueError("its tensors are larger than the file")
        values = np.ndarray(
            tensor.shape,
            dtype=f"V{size}",
            buffer=archive.read(f"{root}data/{tensor.storage.key}"),
            offset=tensor.offset * size,
            strides=[stride * size for stride in tensor.strides],
        )
        yield str(name), Weight(kind, tensor.shape, values.tobytes())


class _Storage(NamedTuple):
    kind: str
    key: str


class _Tensor(NamedTuple):
    """What a checkpoint says of a tensor; the unit of offset and strides is a number."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Ignored:
    """Stands for whatever else a checkpoint holds."""

    def __new__(cls, *_: Any, **__: Any) -> "_Ignored":
        return super().__new__(cls)

    def __setstate__(self, state: Any) -> None: ...

    def __setitem__(self, key: Any, value: Any) -> None: ...

    def append(self, value: Any) -> None: ...

    def extend(self, values: Any) -> None: ...


class _Unpickler(pickle.Unpickler):
    """Reads a checkpoint without torch, and without a call of anything that it names."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name in _TYPES:
            return name
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: _Tensor(
                storage, offset, tuple(shape), tuple(strides)
            )
        return _Ignored

    def persistent_load(self, pid: Any) -> _Storage:
        _, kind, key, *_ = pid
        return _Storage(str(kind), str(key))
