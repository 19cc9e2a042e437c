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
  const names = ["log_weights", "means", "log_vars"];
  const [logWeights, means, logVars] = names.map((name) => arrays.get(description[name]).data);
  const precisions = logVars.map((logVar) => Math.exp(-logVar));
  // Of each component what does not depend on z.
  const constants = Float64Array.from(logWeights, (logWeight, m) => {
    const ofDimensions = logVars.subarray(m * latentDim, (m + 1) * latentDim);
    return ofDimensions.reduce((sum, logVar) => sum - 0.5 * (logVar + LOG_TWO_PI), logWeight);
  });
  const terms = new Float64Array(logWeights.length);
  const logProb = (z) => {
    for (let m = 0, i = 0; m < terms.length; m++) {
      let sum = constants[m];
      for (let d = 0; d < latentDim; d++, i++) sum -= 0.5 * precisions[i] * (z[d] - means[i]) ** 2;
      terms[m] = sum;
    }
    return logSumExp(terms);
  };
  const sample = (random) => {
    const first = component(logWeights, random.uniform()) * latentDim;
    return random.normals(latentDim).map((noise, d) => {
      return means[first + d] + Math.exp(0.5 * logVars[first + d]) * noise;
    });
  };
  return { isKnown: true, kind: "mixture", logProb, sample };
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
