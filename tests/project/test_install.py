"""The built package: a wheel and a source archive, made and looked into without a network."""

import configparser
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from importlib import import_module
from pathlib import Path

import pytest
from repository import ROOT


def build(*options: str, out: Path) -> Path:
    """Runs the build in this environment and returns the wheel it made."""
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", *options, "--outdir", out, ROOT],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    (wheel,) = out.glob("*.whl")
    return wheel


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def sources(folder: Path, pattern: str) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob(pattern)}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("--wheel", out=tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what an installation of the wheel would put into site-packages."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_the_wheel_holds_the_code_and_every_config_file(wheel: Path) -> None:
    code = {f"vae_lab/{name}" for name in sources(ROOT / "src" / "vae_lab", "*.py")}
    config = {f"vae_lab/conf/{name}" for name in sources(ROOT / "conf", "*.yaml")}
    assert "vae_lab/conf/config.yaml" in config
    inside = {name for name in names(wheel) if ".dist-info/" not in name}
    assert inside >= code | config
    examples = sources(ROOT / "src" / "vae_lab" / "examples", "*.*")
    assert len(examples) == 26 and inside >= {f"vae_lab/examples/{name}" for name in examples}
    assert {name.partition("/")[0] for name in inside} == {"vae_lab"}


def test_the_wheel_installs_the_command(unpacked: Path) -> None:
    (listing,) = unpacked.glob("vae_lab-*.dist-info/entry_points.txt")
    entry_points = configparser.ConfigParser()
    entry_points.read(listing, encoding="utf-8")
    assert entry_points["console_scripts"]["vae-lab"] == "vae_lab.cli.main:main"
    assert callable(import_module("vae_lab.cli.main").main)


def test_a_wheel_made_from_the_source_archive_is_the_same(wheel: Path, tmp_path: Path) -> None:
    # Without an option, build makes the archive, unpacks it, and makes the wheel from that.
    assert names(build(out=tmp_path)) == names(wheel)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        inside = {name.partition("/")[2] for name in packed.getnames()}
    assert {
        "conf/config.yaml",
        "src/vae_lab/vae.py",
        "constraints.txt",
        "outputs/.gitkeep",
    } <= inside
    left_out = (".venv/", ".git/", "data/", "outputs/")
    assert {name for name in inside if name.startswith(left_out)} == {"outputs/.gitkeep"}


def test_the_trained_models_of_the_unpacked_wheel_are_loaded(
    unpacked: Path, tmp_path: Path
) -> None:
    load = "vae = __import__('vae_lab').load('example:linear-z2')"
    lines = f"{load}; print(vae.folder, vae.latent_dim)"
    done = subprocess.run(
        [sys.executable, "-c", lines],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.split() == [str(unpacked / "vae_lab" / "examples" / "linear-z2"), "2"], done


def test_the_unpacked_wheel_runs_with_its_own_config(unpacked: Path, tmp_path: Path) -> None:
    config = unpacked / "vae_lab" / "conf" / "config.yaml"
    text, count = re.subn(
        r"^seed: .*$", "seed: 4321", config.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    assert count == 1
    config.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "vae_lab", "--cfg", "job"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^seed: 4321$", done.stdout, flags=re.MULTILINE), done.stdout
    assert list(tmp_path.iterdir()) == []
