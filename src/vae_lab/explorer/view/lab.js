// What the page shows: the runs with their models, and the images that they were tested on.

// Test images of a data set. A pixel is a number in [0, 1].
class ImageSet {
  constructor(content, arrays, palette) {
    this.shape = content.shape; // [C, H, W]
    this.background = content.background;
    this.isBinary = content.binarize !== "none";
    this.bytes = arrays.get(content.pixels).data;
    this.size = content.shape.reduce((product, side) => product * side, 1);
    this.count = this.bytes.length / this.size;
    this.rows = arrays.get(content.rows).data; // the place of each image in the whole test set
    this.all = content.labels && arrays.get(content.labels).data;
    this.labels = this.all ? [...new Set(this.all)].sort((a, b) => a - b) : [];
    this.names = content.names ?? {};
    this.palette = palette;
  }

  // Returns the pixels of an image, (C * H * W,).
  pixels(index) {
    const start = index * this.size;
    return Float32Array.from(this.bytes.subarray(start, start + this.size), (byte) => byte / 255);
  }

  // Returns the label of an image, null without labels.
  label(index) {
    return this.all ? this.all[index] : null;
  }

  name(label) {
    return String(this.names[label] ?? label);
  }

  // The colours and their order are those of the run's pictures.
  colour(label) {
    return this.palette[Math.max(0, this.labels.indexOf(label)) % this.palette.length];
  }
}

// A run: its model, where it puts the test images, and how it was measured.
class Run {
  constructor(content, arrays, sets) {
    this.name = content.name;
    this.model = new Model(content, arrays);
    this.latentDim = content.latent_dim;
    this.classes = content.classes?.names ?? null; // that a conditional model is given
    this.logShares = content.classes?.log_shares ?? null; // log p(y) of each
    this.images = sets[content.images];
    this.set = content.images;
    this.prior = this.model.prior;
    this.priorMean = Float32Array.from(content.prior_mean);
    this.priorScale = Float32Array.from(content.prior_scale);
    this.mixture = content.prior.kind === "mixture" ? mixtureOf(content.prior, this.latentDim, arrays) : null;
    this.lattice = content.decoder.lattice ?? null;
    this.kl = content.kl_per_dimension; // nats
    this.klReference = content.kl_reference;
    // The dimensions, the one that says most of an image first.
    this.order = [...this.kl.keys()].sort((a, b) => this.kl[b] - this.kl[a]);
    this.principal = content.principal && {
      directions: rowsOf(arrays.get(content.principal.directions)),
      share: content.principal.share,
    };
    this.means = rowsOf(arrays.get(content.codes.mean));
    this.logVars = content.codes.log_var && rowsOf(arrays.get(content.codes.log_var));
    this.bound = content.bound && { ...content.bound, elbos: arrays.get(content.bound.elbos).data };
    this.recorded = content.per_image && {
      elbo: arrays.get(content.per_image.elbo).data,
      recon: arrays.get(content.per_image.recon).data,
      kl: arrays.get(content.per_image.kl).data,
    };
    this.facts = content.facts;
    this.precision = content.precision;
    this.ranges = this.priorMean.length ? Array.from(this.priorMean, (_, d) => this.rangeOf(d)) : [];
  }

  // Returns q(z|x) of a test image, as it was computed when the page was made: for a run whose
  // encoder the page does not know.
  posterior(index) {
    return new Gaussian(this.means[index], this.logVars[index]);
  }

  // Returns the lowest and the highest value of a dimension that the page shows: that of the codes,
  // and two standard deviations of the prior.
  range(dimension) {
    return this.ranges[dimension];
  }

  rangeOf(dimension) {
    const centre = this.priorMean[dimension];
    const reach = 2 * this.priorScale[dimension];
    let [low, high] = [centre - reach, centre + reach];
    for (const mean of this.means) {
      low = Math.min(low, mean[dimension]);
      high = Math.max(high, mean[dimension]);
    }
    return [low, high];
  }
}

// Returns the rows of an array (N, Z), each (Z,), without a copy.
function rowsOf({ data, shape }) {
  const [count, width] = shape;
  return Array.from({ length: count }, (_, row) => data.subarray(row * width, (row + 1) * width));
}

function makeLab(payload, buffer) {
  const arrays = new Arrays(buffer);
  const sets = payload.image_sets.map((set) => new ImageSet(set, arrays, payload.palette));
  const runs = payload.runs.map((run) => new Run(run, arrays, sets));
  return { payload, runs, sets, store: new Store(startOf(runs)) };
}
