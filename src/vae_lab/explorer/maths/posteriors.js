// The posterior q(z|x) of an image, by the formulas of `posteriors.py`: a Gaussian. Components of a
// prior are Gaussians too.
//
// Shapes: Z latent dimensions. Row d of `lower` has d numbers, how dimension d follows the noise of
// those before it, in units of its own scale.

class Gaussian {
  // mean and logVar are (Z,); lower is (Z (Z - 1) / 2,), row by row, null of independent dimensions.
  constructor(mean, logVar, lower = null) {
    Object.assign(this, { mean, logVar, lower });
  }

  get isDiagonal() {
    return this.lower === null;
  }

  row(d) {
    return this.lower ? this.lower.subarray((d * (d - 1)) / 2, (d * (d + 1)) / 2) : NO_NUMBERS;
  }

  // Returns the draw (Z,) that standard normal noise (Z,) gives.
  sample(noise) {
    return this.mean.map((mean, d) => {
      const mixed = this.row(d).reduce((sum, share, c) => sum + share * noise[c], noise[d]);
      return mean + Math.exp(0.5 * this.logVar[d]) * mixed;
    });
  }

  // Returns log q(z|x) of a point z (Z,), in nats.
  logProb(z) {
    const noise = new Float64Array(z.length);
    for (let d = 0; d < z.length; d++) {
      const mixed = this.row(d).reduce((sum, share, c) => sum + share * noise[c], 0);
      noise[d] = (z[d] - this.mean[d]) * Math.exp(-0.5 * this.logVar[d]) - mixed;
    }
    return this.logProbOfDraw(noise);
  }

  // Returns log q(z|x) of the draw that noise gives, in nats. From the noise and not from z: z - mean
  // is lost if q is narrower than the rounding of z.
  logProbOfDraw(noise) {
    return noise.reduce(
      (sum, value, d) => sum - 0.5 * (value * value + this.logVar[d] + LOG_TWO_PI),
      0,
    );
  }

  // Returns the standard deviation of each dimension, (Z,).
  deviations() {
    return this.mean.map((_, d) => Math.exp(0.5 * this.logVar[d]) * Math.sqrt(1 + squares(this.row(d))));
  }

  // Returns KL(q(z|x) || N(0, I)) per dimension in nats, (Z,): of a dimension given those before it.
  klToStandardNormal() {
    return this.mean.map((mean, d) => {
      const logVar = this.logVar[d];
      // expm1 keeps precision where log_var is near 0, the posterior of an unused dimension.
      return 0.5 * (mean * mean + Math.exp(logVar) * squares(this.row(d)) + Math.expm1(logVar) - logVar);
    });
  }

  // Returns how the sum of direction[d] * z[d] follows each number of the noise, (Z,): its products
  // are covariances.
  sharesOfNoise(direction) {
    const shares = new Float64Array(this.mean.length);
    direction.forEach((weight, d) => {
      const scaled = weight * Math.exp(0.5 * this.logVar[d]);
      shares[d] += scaled;
      this.row(d).forEach((share, c) => { shares[c] += scaled * share; });
    });
    return shares;
  }
}

const NO_NUMBERS = new Float32Array(0);

function squares(values) {
  return values.reduce((sum, value) => sum + value * value, 0);
}

// What the outputs of an encoder are, by the family of its posterior.
const POSTERIORS = {
  diagonal: (outputs, Z) => new Gaussian(outputs.slice(0, Z), outputs.slice(Z, 2 * Z)),
  full: (outputs, Z) => new Gaussian(outputs.slice(0, Z), outputs.slice(Z, 2 * Z), outputs.slice(2 * Z)),
};
