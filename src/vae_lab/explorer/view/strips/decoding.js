// Decoding of many images in slices of time, so that a slow network never blocks the page.

const DECODING_SLICE = 12; // milliseconds

class Decoding {
  constructor() {
    this.jobs = [];
    this.isWaiting = false;
  }

  // Does these jobs in place of those that are left. A job decodes and draws one image.
  start(jobs) {
    this.jobs = jobs;
    if (!this.isWaiting) this.wait();
  }

  wait() {
    this.isWaiting = this.jobs.length > 0;
    if (!this.isWaiting) return;
    if (globalThis.requestIdleCallback) requestIdleCallback(() => this.slice(), { timeout: 200 });
    else setTimeout(() => this.slice(), 30);
  }

  slice() {
    const end = performance.now() + DECODING_SLICE;
    do this.jobs.shift()?.();
    while (this.jobs.length && performance.now() < end);
    this.wait();
  }
}

// Whether a run can decode any point. A lattice knows one plane only.
function decodesAll(run) {
  return run.model.knowsDecoder || run.latentDim <= 2;
}

// Returns an image that can be pressed, with a text below it.
function madeTile(run, name, action, caption = "") {
  const [, height, width] = run.images.shape;
  const canvas = element("canvas", {
    class: "pixels", "aria-hidden": "true", width, height, style: `aspect-ratio: ${width} / ${height}`,
  });
  const made = button("", action, { class: "tile", "aria-label": name });
  made.append(canvas, ...(caption ? [element("span", { class: "caption" }, caption)] : []));
  return { canvas, element: made };
}

function limitOfDecoder(run) {
  return element("p", { class: "quiet" },
    `The page does not know the decoder of ${run.name}: it has images of one plane only.`);
}
