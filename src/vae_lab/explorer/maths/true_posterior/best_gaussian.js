// The Gaussian that is nearest to a density on a grid of the plane: the best q of its family.
//
// A Gaussian of the plane is {mean: [u, v], covariance: [uu, uv, vv]}. A grid is {us, vs, values,
// spacing, logProb}: the places of its points, the log of the density there, and the log of its
// integral. Values in nats.

// Returns a posterior with two latent dimensions as a Gaussian of the plane.
function planarOf(posterior) {
  return { mean: Array.from(posterior.mean), covariance: covarianceOnPlane(posterior, [[1, 0], [0, 1]]) };
}

function determinantOf([uu, uv, vv]) {
  return uu * vv - uv * uv;
}

function inverseOf(covariance) {
  const determinant = determinantOf(covariance);
  const [uu, uv, vv] = covariance;
  return [vv / determinant, -uv / determinant, uu / determinant];
}

// The density of q has to sum to 1 on a grid, as nearly as this: else q is narrower than the spacing,
// or reaches beyond the grid.
const LARGEST_ERROR_OF_MASS = 1e-3;

// Returns of a Gaussian q and the density f of a grid KL(q || f / its integral), and the means over q
// of the slope and of the curvature of log f. The KL is Infinity if the grid does not hold q.
//
// Slope and curvature are moments of log f itself, by partial integration. Beyond the grid, log f
// counts as its smallest value there.
function meansOver(q, { us, vs, values, spacing, logProb }) {
  const [aa, ab, bb] = inverseOf(q.covariance);
  const logFactor = 2 * Math.log(spacing) - LOG_TWO_PI - 0.5 * Math.log(determinantOf(q.covariance));
  const floor = values.reduce((a, b) => Math.min(a, b), Infinity);
  let mass = 0, sum = 0, slopeU = 0, slopeV = 0, curveUU = 0, curveUV = 0, curveVV = 0;
  for (let k = 0; k < values.length; k++) {
    const [u, v] = [us[k] - q.mean[0], vs[k] - q.mean[1]];
    const [a, b] = [aa * u + ab * v, ab * u + bb * v];
    const share = Math.exp(logFactor - 0.5 * (a * u + b * v));
    const weight = share * (values[k] - floor);
    mass += share;
    sum += weight;
    slopeU += weight * a;
    slopeV += weight * b;
    curveUU += weight * (a * a - aa);
    curveUV += weight * (a * b - ab);
    curveVV += weight * (b * b - bb);
  }
  const entropy = 1 + LOG_TWO_PI + 0.5 * Math.log(determinantOf(q.covariance));
  const isHeld = Math.abs(mass - 1) < LARGEST_ERROR_OF_MASS;
  const kl = isHeld ? logProb - floor - sum - entropy : Infinity;
  return { kl, slope: [slopeU, slopeV], curvature: [curveUU, curveUV, curveVV] };
}

// Returns the Gaussian with the smallest KL to the density of a grid, the best from several starts,
// and this KL: {gaussian, kl}.
function bestGaussian(grid, starts, isDiagonal) {
  const ends = starts.map((start) => descended(grid, isDiagonal ? withoutCorrelation(start) : start, isDiagonal));
  return ends.reduce((a, b) => (b.kl < a.kl ? b : a));
}

function withoutCorrelation({ mean, covariance: [uu, , vv] }) {
  return { mean, covariance: [uu, 0, vv] };
}

const MOST_STEPS = 100;
const LEAST_GAIN = 1e-6; // nats

// Steps along the natural gradient, each halved until the KL falls. Of a Gaussian density the first
// one is exact. Source: Khan and Rue, The Bayesian Learning Rule, arXiv:2107.04562, section 4.
function descended(grid, start, isDiagonal) {
  let [gaussian, means, gain] = [start, meansOver(start, grid), Infinity];
  for (let count = 0; count < MOST_STEPS && means.kl < Infinity && gain > LEAST_GAIN; count++) {
    gain = 0;
    for (let size = 1; size > 1e-4 && gain === 0; size /= 2) {
      const next = stepped(gaussian, means, size, isDiagonal);
      const found = next && meansOver(next, grid);
      if (found?.kl < means.kl) [gaussian, means, gain] = [next, found, means.kl - found.kl];
    }
  }
  return { gaussian, kl: means.kl };
}

// Returns the Gaussian after a step of a size in (0, 1]; null if its covariance would not be one.
function stepped({ mean, covariance }, { slope, curvature }, size, isDiagonal) {
  const precision = inverseOf(covariance).map((value, k) => {
    return isDiagonal && k === 1 ? 0 : (1 - size) * value - size * curvature[k];
  });
  if (!(precision[0] > 0 && determinantOf(precision) > 0)) return null;
  const [uu, uv, vv] = inverseOf(precision);
  const moved = [mean[0] + size * (uu * slope[0] + uv * slope[1]), mean[1] + size * (uv * slope[0] + vv * slope[1])];
  return { mean: moved, covariance: [uu, uv, vv] };
}

// Returns a narrow Gaussian at the largest density of a grid.
function atMode({ us, vs, values, spacing }) {
  const largest = values.reduce((best, value, k) => (value > values[best] ? k : best), 0);
  return { mean: [us[largest], vs[largest]], covariance: [spacing ** 2, 0, spacing ** 2] };
}
