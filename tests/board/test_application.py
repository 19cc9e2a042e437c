"""What the board serves in front of TensorBoard, and what it changes in TensorBoard's answers."""

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import tensorboard
from html_elements import Elements
from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from vae_lab.board.adaptations import (
    FIVE_DIGITS,
    LARGE_MARKS,
    OLDER_PALETTE,
    PALETTE,
    RunColour,
    adapted_script,
    with_what_varies,
)
from vae_lab.board.application import MOST_EXPLORERS, LinkServer

RUNS = ["conv-z2", "linear-z2", "comparison"]
TAGS = ["elbo/test", "elbo/val", "loss/test", "loss/train"]
IMAGES: dict[str, Any] = {
    "conv-z2": {"samples/prior": {}},
    "comparison": {"comparison/1 curves": {}},
}
ROWS = [{"model": "conv", "latent_dim": 2, "lr": 0.1}, {"model": "linear", "latent_dim": 2}]


def answers(request: Request) -> Any:
    """What TensorBoard answers about two runs and their comparison."""
    by_path = {
        "/data/runs": RUNS,
        "/data/plugins_listing": {"projector": {"enabled": True}},
        "/data/plugin/images/tags": IMAGES,
        "/data/plugin/scalars/tags": {"conv-z2": {tag: {} for tag in TAGS}},
        "/experiment/x/data/plugin/timeseries/tags": {
            "scalars": {"runTagInfo": {"conv-z2": TAGS}, "tagDescriptions": {}},
            "images": IMAGES,
        },
        "/data/plugin/hparams/experiment": {
            "hparamInfos": [{"name": name} for name in ("beta", "latent_dim", "lr", "model")]
        },
        "/data/plugin/hparams/session_groups": {"sessionGroups": [{"hparams": it} for it in ROWS]},
    }
    return by_path.get(request.path)


@Request.application
def fake_tensorboard(request: Request) -> Response:
    if (answer := answers(request)) is not None:
        return Response(json.dumps(answer), mimetype="application/json")
    if request.path == "/index.js":
        return Response(SCRIPT)
    return Response(f"<head></head>TensorBoard's {request.full_path}")


SCRIPT = (
    'colors:[{name:"Slate",lightHex:"#425066"}],tensorboardColorBlindAssist:["#ff7043"],'
    "isNumber(e)?e.toPrecision(5):e,c.size(R*2),c.symbol((u)=>u)"
)


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "report.html").write_text("<title>R</title>")
    return tmp_path / "first"


@pytest.fixture
def client(sweep: Path) -> Client:
    colours = {"conv-z2": RunColour("#111111", "#aaaaaa")}
    return Client(
        LinkServer(fake_tensorboard, names=[], sources=[sweep], colours=lambda: colours), Response
    )


def test_the_plain_address_has_the_links_and_tensorboard_the_others(client: Client) -> None:
    page = client.get("/").text
    links = Elements(page).addresses
    assert links[:3] == ["data:,", "/open/compare", "/open/report/1/"]
    assert "/open/pictures/samples" in links and "/open/pictures/comparison" not in links
    assert "TensorBoard shows 2 runs." in page
    for path in ("/?board", "/?tagFilter=x", "/index.html"):
        assert "TensorBoard's /" in client.get(path).text
        assert "image-card" in client.get(path).text.partition("</head>")[0]
    assert client.get("/other.js").text == "<head></head>TensorBoard's /other.js?"


def test_the_report_is_served_and_nothing_beside_it(
    client: Client, sweep: Path, tmp_path: Path
) -> None:
    answer = client.get("/open/report/1/")
    assert answer.text == "<title>R</title>"
    policy = answer.headers["Content-Security-Policy"]
    assert "connect-src 'none'" in policy and policy.endswith("sandbox allow-scripts")
    (tmp_path / "private.html").write_text("private")
    others = ("2/", "0/", "", "/", "1/../../private.html", "..%2f..%2fprivate.html", "1/report.md")
    for path in others:
        assert client.get(f"/open/report/{path}").status_code == 404
    (sweep / "report.html").unlink()
    (sweep / "report.html").symlink_to(tmp_path / "private.html")
    assert client.get("/open/report/1/").status_code == 404


def test_the_explorers_of_a_source_are_served_and_nothing_beside_them(
    client: Client, sweep: Path, tmp_path: Path
) -> None:
    name = "a run #1, 50 %"
    for folder in (sweep / name, sweep / "without", tmp_path / "outside"):
        folder.mkdir()
        (folder / "result.json").touch()
    for folder in (sweep / name, tmp_path / "outside"):
        (folder / "explorer.html").write_text(f"<title>{folder.name}</title>")
    page = client.get("/").text
    address = "/open/report/1/a%20run%20%231%2C%2050%20%25/explorer.html"
    assert [it for it in Elements(page).addresses if "explorer" in it] == [address]
    assert f"explorer of {name}" in page
    answer = client.get(address)
    assert answer.text == f"<title>{name}</title>"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.endswith("connect-src 'none'; sandbox allow-scripts allow-downloads")
    for number in range(MOST_EXPLORERS):
        (sweep / str(number)).mkdir()
        (sweep / str(number) / "result.json").touch()
    assert "explorer of" not in client.get("/").text, "the report has the links"
    (sweep / "link").symlink_to(tmp_path / "outside")
    outside = tmp_path / "outside" / "explorer.html"
    for path in (f"{outside}", "..%2foutside/explorer.html", "link/explorer.html", "explorer.html"):
        assert client.get(f"/open/report/1/{path}").status_code == 404
    assert client.get("/open/report/2/explorer.html").status_code == 404


def test_no_chart_is_a_single_point(client: Client) -> None:
    older = client.get("/data/plugin/scalars/tags").get_json()
    assert older == {"conv-z2": {"elbo/val": {}, "loss/train": {}}}
    newer = client.get("/experiment/x/data/plugin/timeseries/tags").get_json()
    assert newer["scalars"]["runTagInfo"] == {"conv-z2": ["elbo/val", "loss/train"]}
    assert newer["images"] == IMAGES


def test_the_table_shows_what_varies_the_model_first(client: Client) -> None:
    answer = client.post("/data/plugin/hparams/experiment", json={}).get_json()
    # One row has no learning rate.
    assert answer == {"hparamInfos": [{"name": "model"}, {"name": "lr"}]}
    columns = {"hparamInfos": [{"name": name} for name in ("beta", "latent_dim")]}
    single = with_what_varies(columns, ROWS[:1])["hparamInfos"]
    assert single == [{"name": "latent_dim"}, {"name": "beta"}]


def test_the_script_has_the_colours_of_the_runs_in_tensorboards_order(client: Client) -> None:
    answer = client.get("/index.js?_file_hash=1")
    assert answer.headers["Cache-Control"] == "no-store"
    script = gzip.decompress(answer.data).decode()
    palette, _, rest = script.removeprefix("colors:").partition("],")
    assert json.loads(palette + "]") == [
        {"name": "run 0", "lightHex": "#111111", "darkHex": "#aaaaaa"},
        {"name": "run 1", "lightHex": "#8a8a8a", "darkHex": "#8a8a8a"},
        {"name": "run 2", "lightHex": "#8a8a8a", "darkHex": "#8a8a8a"},
    ]
    assert rest == (
        'tensorboardColorBlindAssist:["#111111", "#8a8a8a", "#8a8a8a"],'
        "isNumber(e)?String(+e.toPrecision(5)):e,c.size(R),c.symbol((u)=>u)"
    )


def test_the_installed_tensorboard_has_each_place_once() -> None:
    with zipfile.ZipFile(Path(tensorboard.__file__).parent / "webfiles.zip") as archive:
        script = archive.read("index.js").decode()
    for place in (PALETTE, OLDER_PALETTE, FIVE_DIGITS, LARGE_MARKS):
        assert len(place.findall(script)) == 1, place.pattern
    # Of another form, it stays as it is.
    assert adapted_script("let x = 1;", (RunColour("#111111", "#222222"),)) == "let x = 1;"
