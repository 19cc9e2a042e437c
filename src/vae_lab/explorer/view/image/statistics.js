// Estimates of the bound from draws, and the place of an image among the test images. Nats.

// The mean of numbers that come one by one, and its standard error (Welford).
class RunningMean {
  constructor() {
    this.count = 0;
    this.mean = 0;
    this.squares = 0;
  }

  add(value) {
    this.count++;
    const step = value - this.mean;
    this.mean += step / this.count;
    this.squares += step * (value - this.mean);
  }

  // Of the mean; null of fewer than two numbers.
  get error() {
    if (this.count < 2) return null;
    return Math.sqrt(this.squares / (this.count - 1) / this.count);
  }
}

// The bound of one image from draws of its posterior: {recon, kl, elbo} of one draw each. The
// importance-weighted bound takes `groupSize` draws for one value, the ELBO one.
class BoundEstimate {
  constructor(groupSize) {
    this.groupSize = groupSize;
    this.group = [];
    this.values = { recon: new RunningMean(), kl: new RunningMean(), elbo: new RunningMean() };
  }

  add(terms) {
    this.group.push(terms);
    if (this.group.length < this.groupSize) return;
    const combined = this.groupSize === 1 ? terms : importanceWeighted(this.group);
    for (const [name, value] of Object.entries(this.values)) value.add(combined[name]);
    this.group = [];
  }

  // How many values of the bound, and how many draws they took.
  get count() {
    return this.values.elbo.count;
  }

  get draws() {
    return this.count * this.groupSize + this.group.length;
  }
}

// Returns the importance-weighted bound of K draws and its terms. `elbo` of a draw is the log of its
// weight p(x, z) / q(z|x). Recon is averaged by the weights and the KL is the rest (as in
// objectives/iwae.py; Cremer et al., arXiv:1704.02916).
function importanceWeighted(draws) {
  const largest = Math.max(...draws.map(({ elbo }) => elbo));
  const weights = draws.map(({ elbo }) => Math.exp(elbo - largest));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const elbo = largest + Math.log(sum / draws.length);
  const recon = draws.reduce((total, draw, k) => total + weights[k] * draw.recon, 0) / sum;
  return { recon, kl: -elbo - recon, elbo };
}

// Returns the share of the test images whose bound is higher. `elbos` are sorted, lowest first.
function shareAbove(elbos, elbo) {
  let [low, high] = [0, elbos.length]; // the first place with a higher bound is in [low, high]
  while (low < high) {
    const middle = (low + high) >> 1;
    if (elbos[middle] > elbo) high = middle;
    else low = middle + 1;
  }
  return (elbos.length - low) / elbos.length;
}

// Says that share in words.
function placeInWords(share) {
  if (share === 1) return "worse than all test images";
  if (share === 0) return "better than all test images";
  const [word, part] = share >= 0.5 ? ["worse", share] : ["better", 1 - share];
  const percent = Math.floor(100 * part);
  return `${word} than ${percent} % of the test images`;
}

// Returns the axis [low, high] of recon + KL that several distributions of bounds share. It contains
// 0, where the bars begin, and leaves out the last images of long tails.
function boundAxis(distributions) {
  const ends = distributions.flatMap((elbos) => {
    const last = elbos.length - 1;
    return [-elbos[Math.ceil(0.002 * last)], -elbos[Math.floor(0.998 * last)]];
  });
  const [low, high] = [Math.min(0, ...ends), Math.max(0, ...ends)];
  const margin = 0.06 * (high - low);
  return [low < 0 ? low - margin : 0, high > 0 ? high + margin : 0];
}

// Returns how many of the test images have their recon + KL in each of equal bins, the most being 1.
function boundHistogram(elbos, [low, high], bins) {
  const counts = new Array(bins).fill(0);
  for (const elbo of elbos) {
    const bin = Math.floor((bins * (-elbo - low)) / (high - low));
    if (bin >= 0 && bin < bins) counts[bin]++;
  }
  const most = Math.max(1, ...counts);
  return counts.map((count) => count / most);
}

// Returns recon, KL, their sum and the bound as texts that add up: the sum and the KL are rounded,
// recon is their difference (at most 0.01 from its own rounding).
function sumInWords({ recon, kl }) {
  const [sum, part] = [recon + kl, kl].map((value) => Math.round(100 * value));
  const text = (hundredths) => formatted(hundredths / 100);
  return { recon: text(sum - part), kl: text(part), sum: text(sum), bound: text(-sum) };
}
