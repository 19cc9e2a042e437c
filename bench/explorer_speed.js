// How long a page takes to decode an image, beside a fixed loop on the same machine at the same time.
// Read by bench/explorer.py and tests/slow/browser/test_explorer_numbers.py.

// Returns milliseconds: the least of rounds, each the mean of enough calls to fill 10 ms. Whatever
// else the machine does makes a round longer, never shorter.
function millisecondsOf(work, rounds = 15) {
  const times = Array.from({ length: rounds }, () => {
    const start = performance.now();
    let calls = 0;
    do {
      work();
      calls += 1;
    } while (performance.now() - start < 10);
    return (performance.now() - start) / calls;
  });
  return Math.min(...times);
}

// One million multiply-adds on 1,000 numbers that stay in the cache.
function multiplyAdds(numbers, sums) {
  for (let round = 0; round < 1000; round++) {
    for (let place = 0; place < 1000; place++) sums[place] += 0.5 * numbers[place];
  }
}

// Returns the milliseconds of one decoded image, of one encoded image (null if the page does not
// know the encoder) and of a million multiply-adds.
function explorerSpeed(model) {
  const numbers = Float32Array.from({ length: 1000 }, (_, place) => place / 1000);
  const sums = new Float32Array(1000);
  const image = new Float32Array(model.numPixels).fill(0.5);
  const z = new Float32Array(model.latentDim).fill(0.3);
  return {
    decode: millisecondsOf(() => model.decode(z)),
    encode: model.knowsEncoder ? millisecondsOf(() => model.encode(image)) : null,
    millionMultiplyAdds: millisecondsOf(() => multiplyAdds(numbers, sums)),
  };
}
