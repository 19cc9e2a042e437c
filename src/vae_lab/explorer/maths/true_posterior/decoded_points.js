// The decoder at points of the latent plane, kept for the next image: the points of square grids
// whose spacing is halved again and again, so that a fine grid has all points of the coarser ones.

// Halvings that a grid can have, and how far from the middle a point can be, in the finest spacing.
const MOST_HALVINGS = 12;
const FARTHEST = 2 ** 25;
// Bytes of decoder outputs that are kept.
const MOST_BYTES = 64e6;

class DecodedPoints {
  // Point [0, 0] of the grids is at `centre` (2,); the coarsest grid has the spacing `spacing`.
  // now(): a clock, in milliseconds. label: the class of a conditional model.
  constructor(model, centre, spacing, now, label = null) {
    Object.assign(this, { model, centre, spacing, now, label });
    this.points = new Map();
    // A browser's clock may stand still for several points: so their time together.
    Object.assign(this, { spent: 0, numDecoded: 0 });
  }

  // The milliseconds that a point takes to be decoded.
  get milliseconds() {
    return this.spent / this.numDecoded;
  }

  // Returns the spacing of the grid after so many halvings.
  spacingOf(halvings) {
    return this.spacing / 2 ** halvings;
  }

  // Returns the place (2,) of point [i, j] of a grid.
  place(halvings, i, j) {
    const spacing = this.spacingOf(halvings);
    return [this.centre[0] + i * spacing, this.centre[1] + j * spacing];
  }

  key(halvings, i, j) {
    const scale = 2 ** (MOST_HALVINGS - halvings);
    return (i * scale + FARTHEST) * 2 * FARTHEST + (j * scale + FARTHEST);
  }

  isKnown(halvings, i, j) {
    return this.points.has(this.key(halvings, i, j));
  }

  // Returns log p(x|z) + log p(z) in nats of an image at a point of a grid.
  logJoint(x, halvings, i, j) {
    const key = this.key(halvings, i, j);
    if (!this.points.has(key)) this.points.set(key, this.decoded(this.place(halvings, i, j)));
    const { outputs, logPrior, logNormaliser } = this.points.get(key);
    const { likelihood } = this.model;
    return logPrior + (likelihood.logNormaliser
      ? dot(outputs, 0, x, 0, x.length) - logNormaliser
      : likelihood.logProb(outputs, x));
  }

  decoded(place) {
    const { decoder, prior, likelihood, numPixels } = this.model;
    if ((this.points.size + 1) * 4 * numPixels > MOST_BYTES) this.points.clear();
    const z = Float32Array.from(place);
    const start = this.now();
    const outputs = decoder.run(z, this.label).slice();
    this.spent += this.now() - start;
    this.numDecoded += 1;
    return { outputs, logPrior: prior.logProb(z), logNormaliser: likelihood.logNormaliser?.(outputs) };
  }
}
