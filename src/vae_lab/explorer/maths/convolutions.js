// Convolutions and transposed convolutions of one image, each as a matrix product.
//
// Shapes: C input channels, D output channels, P places of the kernel on the image, Q pixels of the
// kernel. Shapes of images are [C, height, width]. With G groups, a group of output channels sees
// its own input channels only.

// input (C, H, W) -> (D, H', W'). weight: (D, C / G, h, w).
function makeConvolution(layer, arrays, shape) {
  const { data: weight, shape: sizes } = arrays.get(layer.weight);
  const [D, perGroup, ...kernel] = sizes;
  const size = [1, 2].map((axis) => {
    const [stride, padding, dilation] = geometry(layer, axis);
    const reach = dilation * (kernel[axis - 1] - 1);
    return Math.floor((shape[axis] + 2 * padding - reach - 1) / stride) + 1;
  });
  const pixels = kernelPixels(layer, kernel, shape.slice(1), size);
  const [P, Q] = [sizeOf(size), sizeOf(kernel)];
  const patches = new Float32Array(P * perGroup * Q);
  const output = new Float32Array(D * P);
  const addBias = makeBias(layer, arrays, output, P);
  const weights = groups(weight, layer.groups);
  const outputs = groups(output, layer.groups);
  const run = (input) => {
    const inputs = groups(input, layer.groups);
    for (let g = 0; g < layer.groups; g++) {
      gather(inputs[g], sizeOf(shape.slice(1)), pixels, Q, patches);
      multiply(weights[g], patches, outputs[g], perGroup * Q);
    }
    addBias();
    return output;
  };
  return { shape: [D, ...size], run };
}

// input (C, H, W) -> (D, H', W'). weight: (C, D / G, h, w). The mirror of a convolution: what an
// output pixel of that is made of, an input pixel of this is added to.
function makeTransposedConvolution(layer, arrays, shape) {
  const { data: weight, shape: sizes } = arrays.get(layer.weight);
  const [C, perGroup, ...kernel] = sizes;
  const size = [1, 2].map((axis) => {
    const [stride, padding, dilation] = geometry(layer, axis);
    const reach = dilation * (kernel[axis - 1] - 1);
    return (shape[axis] - 1) * stride - 2 * padding + reach + 1 + layer.output_padding[axis - 1];
  });
  const pixels = kernelPixels(layer, kernel, size, shape.slice(1));
  const [P, Q] = [sizeOf(shape.slice(1)), sizeOf(kernel)];
  const D = perGroup * layer.groups;
  const output = new Float32Array(D * sizeOf(size));
  const addBias = makeBias(layer, arrays, output, sizeOf(size));
  const weights = groups(weight, layer.groups).map((of) => transpose(of, perGroup * Q));
  const outputs = groups(output, layer.groups);
  const channelsLast = new Float32Array((C / layer.groups) * P);
  const patches = new Float32Array(perGroup * Q * P);
  const run = (input) => {
    const inputs = groups(input, layer.groups);
    output.fill(0);
    for (let g = 0; g < layer.groups; g++) {
      transpose(inputs[g], P, channelsLast);
      multiply(weights[g], channelsLast, patches, C / layer.groups);
      scatter(patches, pixels, Q, outputs[g], sizeOf(size));
    }
    addBias();
    return output;
  };
  return { shape: [D, ...size], run };
}

// Returns [stride, padding, dilation] of height (axis 1) or width (axis 2).
function geometry(layer, axis) {
  return [layer.stride, layer.padding, layer.dilation ?? [1, 1]].map((sizes) => sizes[axis - 1]);
}

// Returns parts of equal size, views of the same numbers.
function groups(values, count) {
  const size = values.length / count;
  return Array.from({ length: count }, (_, g) => values.subarray(g * size, (g + 1) * size));
}

// Returns which pixel of the larger image lies under each pixel of the kernel at each of its
// places, Int32Array (P, Q); -1 in the padding.
function kernelPixels(layer, [h, w], [height, width], places) {
  const [down, top, downStep] = geometry(layer, 1);
  const [right, left, rightStep] = geometry(layer, 2);
  const pixels = new Int32Array(sizeOf(places) * h * w);
  let i = 0;
  for (let y = 0; y < places[0]; y++) {
    for (let x = 0; x < places[1]; x++) {
      for (let ky = 0; ky < h; ky++) {
        for (let kx = 0; kx < w; kx++) {
          const row = y * down - top + ky * downStep;
          const column = x * right - left + kx * rightStep;
          const isInside = row >= 0 && row < height && column >= 0 && column < width;
          pixels[i++] = isInside ? row * width + column : -1;
        }
      }
    }
  }
  return pixels;
}

// Writes what the kernel sees at each place, (P, C * Q), from an image of C channels.
function gather(input, channelSize, pixels, Q, patches) {
  let i = 0;
  for (let place = 0; place < pixels.length; place += Q) {
    for (let channel = 0; channel < input.length; channel += channelSize) {
      for (let q = 0; q < Q; q++) {
        const pixel = pixels[place + q];
        patches[i++] = pixel < 0 ? 0 : input[channel + pixel];
      }
    }
  }
}

// Adds patches (D * Q, P), one for each place of the kernel, to the pixels under it.
function scatter(patches, pixels, Q, output, channelSize) {
  const P = pixels.length / Q;
  let i = 0;
  for (let channel = 0; channel < output.length; channel += channelSize) {
    for (let q = 0; q < Q; q++) {
      for (let place = 0; place < P; place++, i++) {
        const pixel = pixels[place * Q + q];
        if (pixel >= 0) output[channel + pixel] += patches[i];
      }
    }
  }
}

// Returns what adds a layer's bias (D,) to its output, in which each channel has so many numbers.
function makeBias(layer, arrays, output, channelSize) {
  if (layer.bias === null) return () => {};
  const bias = arrays.get(layer.bias).data;
  return () => {
    for (let channel = 0, i = 0; channel < bias.length; channel++) {
      const value = bias[channel];
      for (const end = i + channelSize; i < end; i++) output[i] += value;
    }
  };
}
