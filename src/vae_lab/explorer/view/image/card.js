// What one run makes of an image: pictures, posterior, bound; or why it cannot say it.

class RunCard {
  constructor(run, axis, lab) {
    this.run = run;
    this.pictures = new Pictures(run);
    this.posterior = new PosteriorTable(run);
    this.bound = new BoundView(run, axis);
    this.anatomy = knowsTruePosterior(run) ? new Anatomy(run, lab) : null;
    this.glanceText = element("figcaption");
    this.glance = element("figure", { class: "glance", "aria-hidden": "true" }, this.pictures.glance, this.glanceText);
    this.note = element("p", { class: "quiet note" });
    this.content = element("div", { class: "card-body" },
      element("div", { class: "card-main" }, this.pictures.element, this.bound.element), this.posterior.element,
      ...(this.anatomy ? [this.anatomy.element] : []));
    this.element = element("article", { class: "run-card" },
      element("h3", {}, run.name), this.note, this.content);
  }

  // Shows an image. Returns the task of drawing its bound, null if the page cannot compute it.
  // `setIndex`: of the images that are chosen from.
  show(image, setIndex) {
    const { run } = this;
    const posterior = posteriorOf(run, image);
    this.content.hidden = posterior === null;
    const own = image.kind === "test" && run.set !== setIndex ? ownImage(run, image.index) : "";
    this.say(posterior ? `${own} ${limitOf(run)}`.trim() : obstacleOf(run, image));
    if (!posterior) return null;
    const index = image.kind === "test" ? image.index : null;
    const pixels = index === null ? image.pixels : run.images.pixels(index);
    const isDecoded = run.model.knowsDecoder || run.latentDim <= 2;
    const label = labelOfImage(run, image);
    this.pictures.show(pixels, isDecoded ? run.model.decode(posterior.mean, label) : null, classInWords(run, label));
    this.posterior.show(posterior, run.model.klPerDimension(posterior));
    if (!run.model.knowsBound) {
      this.bound.showRecordedOnly(index);
      return null;
    }
    this.bound.showRecorded(index);
    return { run, pixels, posterior, label, changed: (estimate) => this.showBound(estimate) };
  }

  // Shows the PosteriorGrid of the image; null if there is none.
  showGrid(grid, image) {
    this.anatomy?.show(grid, grid && posteriorOf(this.run, image));
  }

  showBound(estimate) {
    this.bound.show(estimate);
    this.glanceText.textContent = `${this.run.name} ${formatted(estimate.values.elbo.mean, 1)}`;
  }

  say(text) {
    this.note.textContent = text;
    this.note.hidden = text === "";
  }

  // What a screen reader hears.
  summary() {
    if (this.content.hidden) return `${this.run.name}: ${this.note.textContent}`;
    if (this.bound.element.hidden) return "";
    return `${this.run.name}: ${this.bound.value.textContent}, ${this.bound.place.textContent}.`;
  }
}

// Says why a run has no posterior of an image.
function obstacleOf(run, image) {
  if (image.kind === "test") return `This page holds ${run.images.count} test images of this run: this image is not one of them.`;
  if (image.pixels.length !== run.images.size) {
    return `The drawing has another size: the images of this run have ${sizeInWords(run.images)}.`;
  }
  return "The page does not have this run's encoder, so it cannot encode a drawing: choose a test image.";
}

// Says which image a run with other images shows.
function ownImage({ images }, index) {
  return `This run has other images: this is its own ${imageName(images, index)}.`;
}

// Says what is missing or approximate of a run; empty if nothing is.
function limitOf({ model, latentDim }) {
  const limits = [];
  if (!model.knowsDecoder) {
    limits.push(latentDim <= 2
      ? "The page does not have this run's decoder: the reconstruction lies between images that were decoded when the page was made."
      : "The page does not have this run's decoder, so there is no reconstruction.");
  }
  if (!model.knowsBound) limits.push("The page cannot compute this run's bound, as it does not have all of encoder, decoder, likelihood and prior: it shows what the run recorded.");
  return limits.join(" ");
}

function sizeInWords({ shape: [channels, height, width] }) {
  return `${width} × ${height} pixels${channels === 3 ? " in colour" : ""}`;
}
