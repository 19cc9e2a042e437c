"""How long the explorer's page takes to encode and to decode an image, in Chromium.

    python bench/explorer.py --out explorer.json            (half a minute)

The networks of every `model=`, with random weights, latent dimension 10. Times are given in
milliseconds, and as multiples of a million multiply-adds in a fixed loop of the same page: the
second kind compares machines (`explorer_speed.js`). Needs Playwright and the system's Chromium.
"""

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

from measure import table, write

from vae_lab.cli.jobs import compose_jobs
from vae_lab.explorer.arrays import FIXED16, Arrays
from vae_lab.explorer.distributions import likelihood_description, prior_description
from vae_lab.explorer.networks import network_layers, weights_in
from vae_lab.explorer.page import SCRIPTS, scripts
from vae_lab.vae import VAE

SPEED = Path(__file__).with_name("explorer_speed.js")
SHAPES = {
    "linear": (1, 28, 28),
    "burda": (1, 28, 28),
    "conv": (1, 28, 28),
    "resnet": (3, 32, 32),
}
LIMITS = {"linear": "at most 16 ms", "conv": "at most 50 ms"}
# Inflated by the browser, as in an explorer.
MEASURE = """async ([run, text]) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const arrays = new Arrays(await new Response(stream).arrayBuffer());
  return explorerSpeed(new Model(run, arrays));
}"""


def content(name: str) -> tuple[dict[str, Any], str]:
    """Returns what the page is given of an untrained model: its description, and its arrays."""
    (job,) = compose_jobs([f"model={name}", "latent_dim=10"])
    shape = SHAPES[name]
    model = VAE.from_config(job.values, shape, trust=True).eval()
    arrays = Arrays()
    keep = weights_in(arrays, FIXED16)
    run = {
        "latent_dim": model.latent_dim,
        "image_shape": shape,
        "encoder": {"layers": network_layers(model.encoder, keep)},
        "decoder": {"layers": network_layers(model.decoder, keep)},
        "likelihood": likelihood_description(model.likelihood),
        "prior": prior_description(model.prior, arrays),
        "bound": None,
    }
    return run, arrays.text()


def measure(path: str) -> dict[str, dict[str, float]]:
    """Returns the milliseconds of each model, each in a page of its own."""
    from playwright.sync_api import sync_playwright

    maths = scripts(name for name in SCRIPTS if name.startswith("maths/"))
    found = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for name in SHAPES:
            page = browser.new_page()
            page.add_script_tag(content=f'"use strict";{maths}')
            page.add_script_tag(content=SPEED.read_text(encoding="utf-8"))
            found[name] = page.evaluate(MEASURE, list(content(name)))
            found[name]["chromium"] = browser.version
            page.close()
        browser.close()
    return found


def print_table(found: dict[str, dict[str, float]]) -> None:
    rows = []
    for name, times in found.items():
        unit = times["millionMultiplyAdds"]
        cells = [f"{times[task]:.3g} ({times[task] / unit:.2g})" for task in ("decode", "encode")]
        rows.append([name, "x".join(map(str, SHAPES[name])), *cells, LIMITS.get(name, "")])
    head = "milliseconds (times a million multiply-adds)"
    print(table(["model", "image", f"decode, {head}", "encode", "limit of decode"], rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        sys.exit("vae-lab: error: no Chromium: install the system's package chromium.")
    found = measure(path)
    print_table(found)
    write(options.out, "the explorer's page", {"out": str(options.out), "latent_dim": 10}, found)


if __name__ == "__main__":
    main()
