// Matrix products, in which nearly all of a network's time is spent. Matrices lie row by row in
// Float32Arrays; sums are double.

// Writes the product of a (M, depth) and the transpose of b (N, depth) to result (M, N).
function multiply(a, b, result, depth) {
  const rows = a.length / depth;
  const columns = b.length / depth;
  const [tiledRows, tiledColumns] = [rows - (rows % 4), columns - (columns % 2)];
  for (let m = 0; m < tiledRows; m += 4) {
    for (let n = 0; n < tiledColumns; n += 2) {
      multiplyTile(a, m * depth, b, n * depth, depth, result, m * columns + n, columns);
    }
  }
  // What the tiles leave out: the last rows, and the last column.
  for (let m = 0; m < rows; m++) {
    for (let n = m < tiledRows ? tiledColumns : 0; n < columns; n++) {
      result[m * columns + n] = dot(a, m * depth, b, n * depth, depth);
    }
  }
}

// Writes four rows and two columns of a product. A number that is loaded takes part in several
// products, and the sums stay in registers: three times as fast as one sum after the other.
function multiplyTile(a, a0, b, b0, depth, result, place, columns) {
  const a1 = a0 + depth;
  const a2 = a1 + depth;
  const a3 = a2 + depth;
  const b1 = b0 + depth;
  let s00 = 0, s01 = 0, s10 = 0, s11 = 0, s20 = 0, s21 = 0, s30 = 0, s31 = 0;
  for (let k = 0; k < depth; k++) {
    const y0 = b[b0 + k];
    const y1 = b[b1 + k];
    let x = a[a0 + k];
    s00 += x * y0;
    s01 += x * y1;
    x = a[a1 + k];
    s10 += x * y0;
    s11 += x * y1;
    x = a[a2 + k];
    s20 += x * y0;
    s21 += x * y1;
    x = a[a3 + k];
    s30 += x * y0;
    s31 += x * y1;
  }
  let r = place;
  result[r] = s00;
  result[r + 1] = s01;
  r += columns;
  result[r] = s10;
  result[r + 1] = s11;
  r += columns;
  result[r] = s20;
  result[r + 1] = s21;
  r += columns;
  result[r] = s30;
  result[r + 1] = s31;
}

// Returns the sum of products of two rows, in four parts: each need not wait for the one before.
function dot(a, a0, b, b0, depth) {
  const even = depth - (depth % 4);
  let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  for (let k = 0; k < even; k += 4) {
    s0 += a[a0 + k] * b[b0 + k];
    s1 += a[a0 + k + 1] * b[b0 + k + 1];
    s2 += a[a0 + k + 2] * b[b0 + k + 2];
    s3 += a[a0 + k + 3] * b[b0 + k + 3];
  }
  for (let k = even; k < depth; k++) s0 += a[a0 + k] * b[b0 + k];
  return s0 + s1 + (s2 + s3);
}

// Returns the transpose of rows of `columns` numbers each.
function transpose(values, columns, result = new Float32Array(values.length)) {
  const rows = values.length / columns;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[column * rows + row] = values[row * columns + column];
    }
  }
  return result;
}
