// The arrays of the page, out of the one buffer that `arrays.py` wrote.

class Arrays {
  // buffer: an ArrayBuffer, inflated.
  constructor(buffer) {
    this.bytes = new Uint8Array(buffer);
    this.decoded = new Map();
  }

  // Returns {data, shape} of a reference. Each is decoded once: weights are asked for again.
  get(reference) {
    if (!this.decoded.has(reference)) {
      this.decoded.set(reference, { data: this.decode(reference), shape: reference.shape });
    }
    return this.decoded.get(reference);
  }

  decode({ type, shape, start, scales }) {
    const count = sizeOf(shape);
    switch (type) {
      case "uint8":
        return this.bytes.subarray(start, start + count);
      case "int32":
        return this.words(start, count, 4);
      case "float32":
        return new Float32Array(this.words(start, count, 4).buffer);
      case "float24":
        // The last byte of a float32 was left out: it is 0.
        return new Float32Array(this.words(start, count, 3).map((word) => word << 8).buffer);
      case "int16":
        return fixedPoint(this.words(start, count, 2), this.get(scales).data);
      default:
        throw new Error(`unknown type of array: ${type}`);
    }
  }

  // Returns whole numbers, Int32Array. Their bytes are in planes: the first bytes of all, then the
  // next ones.
  words(start, count, width) {
    const words = new Int32Array(count);
    for (let plane = 0; plane < width; plane++) {
      const first = start + plane * count;
      for (let i = 0; i < count; i++) words[i] = (words[i] << 8) | this.bytes[first + i];
    }
    return words;
  }
}

// Returns integers of 16 bits times the scale of their first index, as Float32Array.
function fixedPoint(words, scales) {
  const values = new Float32Array(words.length);
  const perRow = words.length / scales.length;
  for (let row = 0, i = 0; row < scales.length; row++) {
    const scale = scales[row];
    // The shift to the left and back takes the sign from the first of the 16 bits.
    for (const end = i + perRow; i < end; i++) values[i] = ((words[i] << 16) >> 16) * scale;
  }
  return values;
}

// Returns the product of the sizes of a shape.
function sizeOf(shape) {
  return shape.reduce((product, size) => product * size, 1);
}
