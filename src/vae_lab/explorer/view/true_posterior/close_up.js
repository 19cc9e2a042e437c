// The true posterior of an image from near, with the ellipses of the encoder's and the best Gaussian:
// on the plane it can be as small as the cursor.

class CloseUp {
  constructor(run) {
    this.canvas = element("canvas", {
      class: "close-up", role: "img",
      "aria-label": `The true posterior of the image in ${run.name}, from near, with the encoder’s posterior and the best Gaussian`,
    });
    this.scene = new Scene(this.canvas, { ...EDGE, left: 52 }); // the numbers have decimals
    this.canvas.hidden = true;
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  // Shows the result of a PosteriorGrid and a posterior; null of the first takes it away.
  show(result, posterior) {
    Object.assign(this, { result, posterior });
    this.canvas.hidden = !result;
    this.draw();
  }

  draw() {
    const side = this.canvas.clientWidth;
    if (!this.result || !side) return;
    const q = planarOf(this.posterior);
    const [left, top, width, height] = this.scene.resize(side, side);
    this.scene.readColours();
    const truth = truthOf(this.result, false, this.scene.colours.density);
    const plane = closeWindow(this.result, [q, ...(truth.best ? [truth.best] : [])]);
    plane.fit(left, top, width, height);
    this.scene.drawStill({ plane, map: null, band: 0, drawPrior: null, hasCodes: false, names: ["z[0]", "z[1]"] });
    this.scene.drawFrame(plane, 0, null, { place: q.mean, covariance: q.covariance }, truth);
  }
}

// Returns a square window that holds the density down to e^-6 of its largest, and the ellipses.
function closeWindow({ us, vs, values }, gaussians) {
  const largest = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const extent = [us, vs].map((places, axis) => {
    const shown = Array.from(places).filter((_, k) => values[k] > largest - 6);
    const ends = gaussians.flatMap(({ mean, covariance }) =>
      [-2.2, 2.2].map((deviations) => mean[axis] + deviations * Math.sqrt(covariance[2 * axis])));
    return [shown, ends].flat().reduce(([low, high], place) => [Math.min(low, place), Math.max(high, place)], [Infinity, -Infinity]);
  });
  const half = Math.max(...extent.map(([low, high]) => (1.05 * (high - low)) / 2));
  return new PlaneWindow(extent.map(([low, high]) => (low + high) / 2), [half, half]);
}
