"""How long the explorer's page takes to encode and to decode an image, in Chromium.

    PYTHONPATH=tests/support python bench/explorer.py --out explorer.json   (half a minute)

The networks of every `model=`, with random weights, latent dimension 10. Times are given in
milliseconds, and as multiples of a million multiply-adds in a fixed loop of the same page: the
second kind compares machines (`explorer_speed.js`). Needs Playwright and the system's Chromium.
"""

import argparse
from pathlib import Path
from typing import Any

from chromium import browser
from described_models import described
from measure import caption, table, write

from vae_lab.cli.jobs import compose_jobs
from vae_lab.explorer.arrays import FIXED16
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
    run, arrays = described(model, shape, FIXED16)
    return run, arrays.text()


def measure() -> dict[str, dict[str, float]]:
    """Returns the milliseconds of each model, each in a page of its own."""
    maths = scripts(name for name in SCRIPTS if name.startswith("maths/"))
    found = {}
    with browser() as started:
        for name in SHAPES:
            page = started.new_page()
            page.add_script_tag(content=f'"use strict";{maths}')
            page.add_script_tag(content=SPEED.read_text(encoding="utf-8"))
            found[name] = page.evaluate(MEASURE, list(content(name)))
            found[name]["chromium"] = started.version
            page.close()
    return found


def print_table(found: dict[str, dict[str, float]]) -> None:
    rows = []
    for name, times in found.items():
        unit = times["millionMultiplyAdds"]
        cells = [f"{times[task]:.3g} ({times[task] / unit:.2g})" for task in ("decode", "encode")]
        rows.append([name, "x".join(map(str, SHAPES[name])), *cells, LIMITS.get(name, "")])
    head = "milliseconds (times a million multiply-adds)"
    print(caption("one thread of the browser"))
    print(table(["model", "image", f"decode, {head}", "encode", "limit of decode"], rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    found = measure()
    print_table(found)
    write(options.out, "the explorer's page", {"out": str(options.out), "latent_dim": 10}, found)


if __name__ == "__main__":
    main()
