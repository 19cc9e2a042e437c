// The true posterior p(z|x) of an image on a grid of the latent plane, which is refined where the
// posterior or the encoder's q(z|x) has its mass. Values in nats.
//
// log p(x) is the log of the sum of p(x, z) over the grid times the area of a cell. The sum
// converges faster than any power of the spacing (Trefethen and Weideman, The Exponentially
// Convergent Trapezoidal Rule, SIAM Review 2014).

// Points of the first grid from its middle to each side.
const FIRST_REACH = 8;
// A point is refined if its density is within this many nats of the largest; on coarse grids, which
// can miss the largest, within more.
const NEAR = 14;
const NEAR_AT_FIRST = 60;
// A point is refined if it is within so many standard deviations of q.
const DEVIATIONS = 5;
// The grid is fine enough if halving the spacing changed log p(x) by less, in nats, and if it holds q and
// the best Gaussian.
// A picture asks for so many points at least.
const FINE_CHANGE = 0.03;
const FINE_POINTS = 150;

class PosteriorGrid {
  // points: DecodedPoints. x: the image, (C * H * W,). q: its posterior by the encoder, a Gaussian.
  // budget: milliseconds of decoding that the image may take after the first grid.
  constructor(points, x, q, budget) {
    Object.assign(this, { points, x, budget, q: planarOf(q), isDiagonal: q.isDiagonal, halvings: 0 });
    this.isDone = false;
    this.result = null; // of the last grid that is whole
    this.begin(this.firstPlaces());
  }

  // Returns the indices of the first grid, and of the points around q.
  firstPlaces() {
    const places = new Map();
    const add = (i, j) => places.set(this.points.key(0, i, j), [i, j]);
    const reach = Array.from({ length: 2 * FIRST_REACH + 1 }, (_, k) => k - FIRST_REACH);
    for (const i of reach) for (const j of reach) add(i, j);
    const [i, j] = this.q.mean.map((value, d) => Math.round((value - this.points.centre[d]) / this.points.spacing));
    if (Math.max(Math.abs(i), Math.abs(j)) < FARTHEST / 2 ** MOST_HALVINGS - 2) {
      for (const di of [-1, 0, 1]) for (const dj of [-1, 0, 1]) add(i + di, j + dj);
    }
    return [...places.values()];
  }

  begin(indices) {
    this.indices = indices;
    this.values = new Float64Array(indices.length);
    this.at = 0;
  }

  // Computes one point. Returns whether there is more to do.
  step() {
    if (this.isDone) return false;
    const [i, j] = this.indices[this.at];
    this.values[this.at] = this.points.logJoint(this.x, this.halvings, i, j);
    this.at += 1;
    if (this.at === this.indices.length) this.finishGrid();
    return !this.isDone;
  }

  finishGrid() {
    this.result = this.summary();
    const next = this.result.isFine || this.halvings === MOST_HALVINGS ? [] : this.refined();
    const milliseconds = this.points.milliseconds * next.filter(([i, j]) => !this.points.isKnown(this.halvings + 1, i, j)).length;
    this.isDone = !next.length || milliseconds > this.budget;
    if (this.isDone) return void (this.result.best ??= this.best(this.result));
    this.budget -= milliseconds;
    this.halvings += 1;
    this.begin(next);
  }

  // Returns what the grid says: its points, log p(x), KL(q || p), and whether it is fine enough: then
  // with the best Gaussian.
  summary() {
    const { indices, values, halvings, points } = this;
    const spacing = points.spacingOf(halvings);
    const logProb = logSumExp(values) + 2 * Math.log(spacing);
    const coarser = values.filter((_, k) => indices[k].every((index) => index % 2 === 0));
    const change = Math.abs(logProb - logSumExp(coarser) - 2 * Math.log(2 * spacing));
    const [us, vs] = [0, 1].map((axis) =>
      Float64Array.from(indices, (index) => points.centre[axis] + index[axis] * spacing));
    const grid = { us, vs, values, spacing, logProb, change };
    const kl = meansOver(this.q, grid).kl;
    const isNearlyFine = change < FINE_CHANGE && values.length >= FINE_POINTS && kl < Infinity;
    const best = isNearlyFine ? this.best(grid) : null;
    return { ...grid, kl, best, isFine: isNearlyFine && best.kl < Infinity };
  }

  // Returns the best Gaussian of q's family on a grid.
  best(grid) {
    return bestGaussian(grid, [this.q, atMode(grid)], this.isDiagonal);
  }

  // Returns the indices of the next grid: those around the points that count.
  refined() {
    const largest = this.values.reduce((a, b) => Math.max(a, b), -Infinity);
    const near = Math.max(NEAR, NEAR_AT_FIRST / 2 ** this.halvings);
    const places = new Map();
    this.indices.forEach(([i, j], k) => {
      const counts = this.values[k] > largest - near || this.isNearQ(i, j);
      if (!counts) return;
      for (const a of [2 * i - 1, 2 * i, 2 * i + 1]) {
        for (const b of [2 * j - 1, 2 * j, 2 * j + 1]) places.set(this.points.key(this.halvings + 1, a, b), [a, b]);
      }
    });
    return [...places.values()];
  }

  // Whether a point, or its cell, is within reach of q.
  isNearQ(i, j) {
    const { mean, covariance: [uu, uv, vv] } = this.q;
    const [u, v] = this.points.place(this.halvings, i, j).map((value, d) => value - mean[d]);
    const square = this.points.spacingOf(this.halvings) ** 2 / 4;
    const [a, b] = [uu + square, vv + square];
    return (b * u * u - 2 * uv * u * v + a * v * v) / (a * b - uv * uv) < DEVIATIONS ** 2;
  }
}
