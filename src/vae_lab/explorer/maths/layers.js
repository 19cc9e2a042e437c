// Networks: layers in a row, for one image or one latent point.
//
// A maker takes the description of a layer, the arrays and the shape of its input (without a
// batch), and returns {shape, run}: the shape of its output, and what computes it. The output is a
// buffer of the layer that its next run writes over; the input stays as it is. The networks of a
// conditional model are run with a label too, the place of its class.

// Returns {shape, run} of a list of layers.
function makeNetwork(layers, arrays, inputShape) {
  const steps = [];
  let shape = [...inputShape];
  for (const layer of layers) {
    const make = LAYERS[layer.kind];
    if (!make) throw new Error(`unknown kind of layer: ${layer.kind}`);
    const step = make(layer, arrays, shape);
    steps.push(step);
    shape = step.shape;
  }
  const run = (input, label) => {
    let values = input;
    for (const step of steps) values = step.run(values, label);
    return values;
  };
  return { shape, run };
}

// input (..., in) -> (..., out).
function makeLinear(layer, arrays, shape) {
  const { data: weight, shape: sizes } = arrays.get(layer.weight);
  const [out, depth] = sizes;
  const bias = layer.bias === null ? new Float32Array(out) : arrays.get(layer.bias).data;
  const rows = shape.slice(0, -1);
  if (shape[shape.length - 1] !== depth) throw new Error(`linear: ${shape} numbers, not ${depth}`);
  const output = new Float32Array(sizeOf(rows) * out);
  const run = (input) => {
    for (let i = 0; i < output.length; i++) {
      const o = i % out;
      output[i] = dot(weight, o * depth, input, ((i - o) / out) * depth, depth) + bias[o];
    }
    return output;
  };
  return { shape: [...rows, out], run };
}

// Normalises the channels of each group to mean 0 and variance 1, and scales each channel.
function makeGroupNorm(layer, arrays, shape) {
  const [weight, bias] = [layer.weight, layer.bias].map((reference) => arrays.get(reference).data);
  const output = new Float32Array(sizeOf(shape));
  const groupSize = output.length / layer.groups;
  const channelSize = output.length / weight.length;
  const run = (input) => {
    for (let first = 0; first < input.length; first += groupSize) {
      const { mean, variance } = moments(input, first, first + groupSize);
      const factor = 1 / Math.sqrt(variance + layer.epsilon);
      for (let i = first; i < first + groupSize; i++) {
        const channel = (i / channelSize) | 0;
        output[i] = (input[i] - mean) * factor * weight[channel] + bias[channel];
      }
    }
    return output;
  };
  return { shape, run };
}

// Returns the mean and the variance of the values from `first` to before `end`.
function moments(values, first, end) {
  let sum = 0;
  for (let i = first; i < end; i++) sum += values[i];
  const mean = sum / (end - first);
  let squares = 0;
  for (let i = first; i < end; i++) squares += (values[i] - mean) ** 2;
  return { mean, variance: squares / (end - first) };
}

// Scales and shifts each channel: batch normalisation with the statistics of the training.
function makeScaleAndShift(layer, arrays, shape) {
  const [scale, shift] = [layer.scale, layer.shift].map((reference) => arrays.get(reference).data);
  const output = new Float32Array(sizeOf(shape));
  const channelSize = output.length / scale.length;
  const run = (input) => {
    for (let i = 0; i < output.length; i++) {
      const channel = (i / channelSize) | 0;
      output[i] = input[i] * scale[channel] + shift[channel];
    }
    return output;
  };
  return { shape, run };
}

// The same numbers with another shape; a -1 in it stands for what is left of them.
function makeReshape(layer, arrays, shape) {
  const rest = sizeOf(shape) / sizeOf(layer.shape.filter((size) => size !== -1));
  const reshaped = layer.shape.map((size) => (size === -1 ? rest : size));
  if (sizeOf(reshaped) !== sizeOf(shape)) throw new Error(`reshape: ${shape} to ${layer.shape}`);
  return { shape: reshaped, run: (input) => input };
}

// The input plus what layers make of it.
function makeResidual(layer, arrays, shape) {
  const network = makeNetwork(layer.layers, arrays, shape);
  const output = new Float32Array(sizeOf(shape));
  const run = (input) => {
    const change = network.run(input);
    for (let i = 0; i < output.length; i++) output[i] = input[i] + change[i];
    return output;
  };
  return { shape, run };
}

// The input, and behind it a part for each class: filled with 1 of the label's class, else with 0.
// `size` is how many numbers a part has.
function makeParts(input, classes, size, shape) {
  const output = new Float32Array(input + classes * size);
  const run = (values, label) => {
    output.set(values);
    output.fill(0, input);
    output.fill(1, input + label * size, input + (label + 1) * size);
    return output;
  };
  return { shape, run };
}

// Channels (C, H, W) with a plane for each class behind them: (C + classes, H, W).
function makeClassPlanes({ classes }, arrays, [channels, ...size]) {
  return makeParts(channels * sizeOf(size), classes, sizeOf(size), [channels + classes, ...size]);
}

// A row of numbers (..., depth), with a number for each class behind it: (..., depth + classes).
function makeClassNumbers({ classes }, arrays, shape) {
  const depth = sizeOf(shape);
  return makeParts(depth, classes, 1, [...shape.slice(0, -1), depth + classes]);
}

const LAYERS = {
  class_planes: makeClassPlanes,
  class_numbers: makeClassNumbers,
  linear: makeLinear,
  convolution: makeConvolution,
  transposed_convolution: makeTransposedConvolution,
  group_norm: makeGroupNorm,
  scale_and_shift: makeScaleAndShift,
  reshape: makeReshape,
  residual: makeResidual,
  ...ACTIVATIONS,
};
