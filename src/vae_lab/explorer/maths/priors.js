// The prior p(z) of a run, by the formulas of `priors.py`. Shapes: M components, Z latent dimensions.

const LOG_TWO_PI = Math.log(2 * Math.PI);

// Returns {isKnown, kind, logProb, sample}: log p(z) in nats of z (Z,), and a draw (Z,).
function makePrior(description, latentDim, arrays) {
  const { kind } = description;
  if (kind === "standard") return standardNormal(latentDim);
  if (kind === "mixture") return mixture(description, latentDim, arrays);
  return fromDraws(arrays.get(description.draws).data, latentDim);
}

function standardNormal(latentDim) {
  const logProb = (z) => z.reduce((sum, value) => sum - 0.5 * (value * value + LOG_TWO_PI), 0);
  return { isKnown: true, kind: "standard", logProb, sample: (random) => random.normals(latentDim) };
}

function mixture(description, latentDim, arrays) {
  const { logWeights, components } = mixtureOf(description, latentDim, arrays);
  const terms = new Float64Array(components.length);
  const logProb = (z) => {
    components.forEach((gaussian, m) => { terms[m] = logWeights[m] + gaussian.logProb(z); });
    return logSumExp(terms);
  };
  const sample = (random) => {
    const gaussian = components[component(logWeights, random.uniform())];
    return gaussian.sample(random.normals(latentDim));
  };
  return { isKnown: true, kind: "mixture", logProb, sample };
}

// Returns the logs of a mixture's weights (M,), and its components, Gaussians.
function mixtureOf(description, Z, arrays) {
  const [logWeights, means, logVars] = ["log_weights", "means", "log_vars"].map((name) => arrays.get(description[name]).data);
  const lowers = description.lowers && arrays.get(description.lowers).data;
  const row = (values, m, width) => values.subarray(m * width, (m + 1) * width);
  const components = Array.from(logWeights, (_, m) => {
    return new Gaussian(row(means, m, Z), row(logVars, m, Z), lowers && row(lowers, m, (Z * (Z - 1)) / 2));
  });
  return { logWeights, components };
}

// Returns the component that a uniform number falls on.
function component(logWeights, uniform) {
  let sum = 0;
  for (let m = 0; m < logWeights.length; m++) {
    sum += Math.exp(logWeights[m]);
    if (uniform < sum) return m;
  }
  // The weights can add up to a little less than 1.
  return logWeights.length - 1;
}

// A prior that is known by draws (D, Z) only: its log-density is NaN.
function fromDraws(draws, latentDim) {
  const sample = (random) => {
    const first = Math.floor((random.uniform() * draws.length) / latentDim) * latentDim;
    return draws.slice(first, first + latentDim);
  };
  return { isKnown: false, kind: "draws", logProb: () => NaN, sample };
}

// Returns log(sum(e^value)), without overflow.
function logSumExp(values) {
  const largest = values.reduce((a, b) => Math.max(a, b), -Infinity);
  // Of values that are all -Infinity the differences would be NaN.
  if (largest === -Infinity) return largest;
  return largest + Math.log(values.reduce((sum, value) => sum + Math.exp(value - largest), 0));
}
