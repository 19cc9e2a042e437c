// The model of a run: its networks, likelihood and prior, and the bound of an image.
//
// Shapes: K draws of the posterior, Z latent dimensions. Images are (C * H * W,). Values in nats of
// one image. A conditional model is given the label of an image, the place of its class, and its bound
// is one on log p(x|y); of any other model the label is null.

class Model {
  // run: the content of the page for this run.
  constructor(run, arrays) {
    this.latentDim = run.latent_dim;
    this.imageShape = run.image_shape;
    this.numPixels = sizeOf(run.image_shape);
    this.isImportanceWeighted = run.bound?.kind === "importance-weighted";
    this.likelihood = makeLikelihood(run.likelihood);
    this.prior = makePrior(run.prior, run.latent_dim, arrays);
    this.knowsEncoder = run.encoder !== null;
    this.knowsDecoder = "layers" in run.decoder;
    if (this.knowsEncoder) {
      this.posteriorOf = POSTERIORS[run.posterior.kind];
      this.encoder = makeNetwork(run.encoder.layers, arrays, run.image_shape);
    }
    this.decoder = this.knowsDecoder
      ? makeNetwork(run.decoder.layers, arrays, [run.latent_dim])
      : makeLattice(run.decoder.lattice, arrays);
  }

  // Whether the bound of any image can be computed here.
  get knowsBound() {
    const knowsNetworks = this.knowsEncoder && this.knowsDecoder;
    return knowsNetworks && this.likelihood.isKnown && this.prior.isKnown;
  }

  // Returns the posterior q(z|x) of an image, a Gaussian.
  encode(x, label = null) {
    return this.posteriorOf(this.encoder.run(x, label), this.latentDim);
  }

  // Returns the mean image E[x|z] of a latent point, not cut to [0, 1].
  decode(z, label = null) {
    const outputs = this.decoder.run(z, label ?? undefined);
    // The images of a lattice are mean images.
    return this.knowsDecoder ? this.likelihood.mean(outputs) : outputs.slice();
  }

  // Returns the terms of an image's bound: recon, -log p(x|z); kl; and elbo, the bound.
  //
  // noises: K arrays (Z,) of standard normal numbers, which the posterior makes z of.
  terms(x, posterior, noises, label = null) {
    const draws = noises.map((noise) => this.draw(x, posterior, noise, label));
    return this.isImportanceWeighted
      ? importanceWeightedTerms(draws)
      : elboTerms(draws, this.klPerDimension(posterior));
  }

  // Returns of the draw that noise gives: log p(x|z), log p(z) and log q(z|x).
  draw(x, posterior, noise, label) {
    const z = posterior.sample(noise);
    const logLikelihood = this.likelihood.logProb(this.decoder.run(z, label), x);
    return { logLikelihood, logPrior: this.prior.logProb(z), logQ: posterior.logProbOfDraw(noise) };
  }

  // Returns KL(q(z|x) || p(z)) per latent dimension, (Z,); null if the prior has no formula for it.
  klPerDimension(posterior) {
    return this.prior.kind === "standard" ? posterior.klToStandardNormal() : null;
  }
}

// Source: Kingma and Welling, arXiv:1312.6114, eq. 3 and 10.
function elboTerms(draws, klPerDimension) {
  const recon = -average(draws.map((draw) => draw.logLikelihood));
  const kl = klPerDimension
    ? klPerDimension.reduce((sum, value) => sum + value, 0)
    : average(draws.map((draw) => draw.logQ - draw.logPrior));
  return { recon, kl, elbo: -recon - kl };
}

// The bound log (1 / K) sum_k w_k with w_k = p(x, z_k) / q(z_k|x), and the terms that it makes of
// log p(x|z) averaged by the weights, and the rest.
//
// Source: Burda et al., arXiv:1509.00519, eq. 8; Cremer et al., arXiv:1704.02916.
function importanceWeightedTerms(draws) {
  const logWeights = draws.map((draw) => draw.logLikelihood + draw.logPrior - draw.logQ);
  const logSum = logSumExp(logWeights);
  const expected = draws.reduce(
    (sum, draw, k) => sum + Math.exp(logWeights[k] - logSum) * draw.logLikelihood,
    0,
  );
  const elbo = logSum - Math.log(draws.length);
  return { recon: -expected, kl: expected - elbo, elbo };
}

function average(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
