// Activations: functions of one number, with the settings that torch has for them.

// Returns the maker of an activation; `choose` takes the layer and returns a function of a number.
function activation(choose) {
  return (layer, arrays, shape) => {
    const f = choose(layer);
    const output = new Float32Array(sizeOf(shape));
    const run = (input) => {
      for (let i = 0; i < output.length; i++) output[i] = f(input[i]);
      return output;
    };
    return { shape, run };
  };
}

function sigmoid(x) {
  return 1 / (1 + Math.exp(-x));
}

// Returns log(1 + e^x), without overflow.
function softplus(x) {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

// Returns the probability that a standard normal number is below x.
// Source: Marsaglia, Evaluating the Normal Distribution, Journal of Statistical Software 11, 2004.
function normalCdf(x) {
  if (Math.abs(x) > 8) return x > 0 ? 1 : 0;
  let sum = x;
  for (let term = x, n = 3; Math.abs(term) > 1e-17 * Math.abs(sum); n += 2) {
    term *= (x * x) / n;
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

function geluByTanh(x) {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

const ACTIVATIONS = {
  relu: activation(() => (x) => (x < 0 ? 0 : x)),
  tanh: activation(() => Math.tanh),
  sigmoid: activation(() => sigmoid),
  silu: activation(() => (x) => x * sigmoid(x)),
  gelu: activation((layer) =>
    layer.approximate === "tanh" ? geluByTanh : (x) => x * normalCdf(x),
  ),
  leaky_relu: activation(({ slope }) => (x) => (x > 0 ? x : slope * x)),
  elu: activation(({ alpha = 1 }) => (x) => (x > 0 ? x : alpha * Math.expm1(x))),
  softplus: activation(({ beta = 1, threshold = 20 }) => (x) =>
    beta * x > threshold ? x : softplus(beta * x) / beta,
  ),
};
