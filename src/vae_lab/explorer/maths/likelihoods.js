// The likelihood p(x|z) from the outputs of a decoder, by the formulas of `likelihoods.py`.
//
// Outputs and images are Float32Arrays of as many numbers; log-probabilities are sums over pixels
// and channels, in nats.

// Returns {isKnown, mean, logProb, logNormaliser} of the likelihood of a run. One that is not known
// has no mean image, and its log-probability is NaN. If log p is the sum of x * output minus what does
// not depend on x, logNormaliser(outputs) is the latter; else it is null.
function makeLikelihood(description) {
  const make = LIKELIHOODS[description.kind];
  if (!make) return { isKnown: false, mean: () => null, logProb: () => NaN };
  const { logProbOfPixel, mean, logNormaliserOfPixel } = make(description);
  const logNormaliser = logNormaliserOfPixel ? sumOf(logNormaliserOfPixel) : null;
  return { isKnown: true, mean, logProb: sumOverPixels(logProbOfPixel), logNormaliser };
}

function sumOverPixels(logProbOfPixel) {
  return (outputs, x) => {
    let sum = 0;
    for (let i = 0; i < x.length; i++) sum += logProbOfPixel(outputs[i], x[i]);
    return sum;
  };
}

function sumOf(functionOfPixel) {
  return (outputs) => outputs.reduce((sum, output) => sum + functionOfPixel(output), 0);
}

// log p of x, in [0, 1], at a logit: x log(sigmoid) + (1 - x) log(1 - sigmoid).
function makeBernoulli() {
  return {
    logProbOfPixel: (logit, x) => x * logit - softplus(logit),
    logNormaliserOfPixel: softplus,
    mean: (outputs) => outputs.map(sigmoid),
  };
}

// Source: Loaiza-Ganem and Cunningham, The Continuous Bernoulli, arXiv:1907.06845, eq. 3 to 8.
function makeContinuousBernoulli() {
  return {
    logProbOfPixel: (logit, x) => x * logit - logNormaliser(logit),
    logNormaliserOfPixel: logNormaliser,
    mean: (outputs) => outputs.map(continuousBernoulliMean),
  };
}

// Returns log((e^l - 1) / l), exact for large, small and vanishing logits.
function logNormaliser(logit) {
  // l / 2 + log(sinh(y) / y) with y = |l| / 2; near 0 the series, whose next term is y^8 / 37800.
  const y = Math.abs(logit) / 2;
  const square = y * y;
  const rest =
    y < 0.1
      ? square / 6 - square ** 2 / 180 + square ** 3 / 2835
      : y + Math.log(-Math.expm1(-2 * y) / (2 * y));
  return logit / 2 + rest;
}

// Returns 1 / (1 - e^-l) - 1 / l; near 0 its series, whose next term is l^5 / 30240.
function continuousBernoulliMean(logit) {
  if (Math.abs(logit) < 0.1) return 0.5 + logit / 12 - logit ** 3 / 720;
  return 0.5 * (1 + 1 / Math.tanh(logit / 2)) - 1 / logit;
}

function makeGaussian({ log_scale: logScale }) {
  const inverse = Math.exp(-logScale);
  const constant = logScale + 0.5 * Math.log(2 * Math.PI);
  return {
    logProbOfPixel: (output, x) => -0.5 * ((x - output) * inverse) ** 2 - constant,
    mean: (outputs) => outputs.slice(),
  };
}

function makeLaplace({ log_scale: logScale }) {
  const inverse = Math.exp(-logScale);
  const constant = logScale + Math.log(2);
  return {
    logProbOfPixel: (output, x) => -Math.abs(x - output) * inverse - constant,
    mean: (outputs) => outputs.slice(),
  };
}

// Each pixel is one of the 256 levels k / 255.
// Source: Kingma et al., Inverse Autoregressive Flow, arXiv:1606.04934, appendix.
function makeDiscretizedLogistic({ log_scale: logScale }) {
  const inverse = Math.exp(-logScale);
  const half = (0.5 / 255) * inverse;
  // sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - e^(b - a)), and a - b is the width of a
  // level: no difference of numbers that are nearly equal. log(sigmoid(a)) is -softplus(-a).
  const inside = Math.log(-Math.expm1(-2 * half));
  const logProbOfPixel = (output, x) => {
    const centred = (x - output) * inverse;
    const below = x < 1 ? -softplus(-centred - half) : 0;
    const above = x > 0 ? -softplus(centred - half) : 0;
    return below + above + (x > 0 && x < 1 ? inside : 0);
  };
  return { logProbOfPixel, mean: makeLevelMean(inverse) };
}

// Returns what computes E[x|z]: a level is the share of the 255 edges that lie below it, so the mean
// is the average probability to lie above an edge, sigmoid((output - edge) / scale).
function makeLevelMean(inverse) {
  // Beyond this distance, in scales, a sigmoid is 0 or 1 in single precision.
  const far = 30;
  const reach = (far / inverse) * 255;
  // From edge to edge e^((edge - output) / scale) grows by this factor: one exponential per pixel.
  const growth = Math.exp(inverse / 255);
  const meanOfPixel = (output) => {
    const place = output * 255 - 0.5; // in edges: edge k is at k
    const first = Math.min(255, Math.max(0, Math.ceil(place - reach)));
    const last = Math.min(254, Math.floor(place + reach));
    let sum = first; // the edges before lie far below the output
    let ratio = Math.exp(((first - place) / 255) * inverse);
    for (let edge = first; edge <= last; edge++) {
      sum += 1 / (1 + ratio);
      ratio *= growth;
    }
    return sum / 255;
  };
  return (outputs) => outputs.map(meanOfPixel);
}

const LIKELIHOODS = {
  bernoulli: makeBernoulli,
  continuous_bernoulli: makeContinuousBernoulli,
  gaussian: makeGaussian,
  laplace: makeLaplace,
  discretized_logistic: makeDiscretizedLogistic,
};
