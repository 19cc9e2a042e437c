// The plane of one run: its picture, and the image at the cursor.

class PlaneFigure {
  // `layers` says what is drawn: {map, codes, prior}, the same for all runs.
  constructor(lab, index, slices, layers) {
    Object.assign(this, { lab, index, layers, run: lab.runs[index], only: null, result: null, truth: null });
    const { run } = this;
    this.canvas = element("canvas", { class: "plane", tabindex: 0, role: "application", "data-run": index });
    this.image = picture(`The image at the cursor, ${run.name}`, { class: "pixels cursor-image" });
    this.image.style.aspectRatio = `${run.images.shape[2]} / ${run.images.shape[1]}`;
    this.values = element("dl", { class: "at-cursor" });
    this.scene = new Scene(this.canvas);
    this.closeUp = knowsTruePosterior(run) ? new CloseUp(run) : null;
    this.map = new DecodedMap(run.model, slices);
    this.map.shown = () => this.redraw({ still: true });
    this.element = element("figure", { class: "plane-figure" },
      ...(lab.runs.length > 1 ? [element("h3", {}, run.name)] : []),
      element("div", { class: "plane-box" }, this.canvas),
      element("div", { class: "readout" }, this.image, this.values, ...(this.closeUp ? [this.closeUp.canvas] : [])));
    followPointer(this);
    followKeys(this);
    new ResizeObserver(() => this.resize()).observe(this.canvas);
  }

  // Sets the plane; `plane` is the window of it.
  setPlane(axes, plane) {
    Object.assign(this, { axes, plane });
    this.isLine = axes.directions.length === 1;
    this.canvas.classList.toggle("line", this.isLine);
    this.names = namesOfAxes(this.run, this.lab.store.state.plane, axes);
    this.places = placesOfCodes(this.run.means, axes);
    if (this.isLine) spreadInRows(this.places, this.run.images);
    this.drawPrior = priorOnPlane(this.run, axes, plane);
    this.canvas.setAttribute("aria-label", this.description());
    this.values.replaceChildren(...this.rowsOfValues());
    this.resize();
  }

  description() {
    const { names, run } = this;
    const keys = this.isLine ? "Left and right arrow keys move" : "Arrow keys move";
    return `The latent plane of ${run.name}: ${names.join(" across, ")}${this.isLine ? "" : " up"}, with the codes of`
      + ` ${run.means.length} test images. ${keys} the cursor, with Shift further; Home goes to the prior mean.`;
  }

  rowsOfValues() {
    const names = [...this.names, ...(this.run.prior.isKnown ? ["log p(z)"] : [])];
    this.cells = names.map(() => element("dd", {}));
    const row = (name, cell) => element("div", {}, element("dt", {}, name), cell);
    this.classCell = element("dd", {});
    return [...(this.run.classes ? [row("class", this.classCell)] : []), ...names.map((name, k) => row(name, this.cells[k]))];
  }

  resize() {
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    if (!width || !this.axes) return;
    const [left, top, w, h] = this.scene.resize(width, height);
    this.map.resize(w, this.isLine, this.run.priorMean);
    this.band = this.isLine && this.layers.map ? Math.min(h / 2, (w / this.map.columns) * this.imageRatio()) : 0;
    this.plane.fit(left, top, w, h - this.band);
    this.refresh();
  }

  imageRatio() {
    const [, height, width] = this.run.images.shape;
    return height / width;
  }

  // Draws everything again: the layers, the labels or the colours of the page have changed.
  refresh() {
    if (!this.axes) return;
    this.canvas.classList.toggle("on-map", this.layers.map && !this.isLine);
    this.canvas.classList.toggle("light-images", this.run.images.background > 0.5);
    this.scene.readColours();
    this.truth = null; // its colour is that of the page
    this.closeUp?.draw();
    this.scene.drawCodes(this.places, this.plane, this.run.images, (n) => this.isShown(n));
    this.updateMap();
    this.redraw({ still: true });
  }

  isShown(n) {
    return this.only === null || this.run.images.label(n) === this.only;
  }

  updateMap() {
    if (this.layers.map) this.map.show(this.z, this.axes, this.plane, this.label);
  }

  get z() {
    return this.lab.store.state.points[this.index];
  }

  // The class that a conditional model decodes with.
  get label() {
    return labelOf(this.run, this.lab.store.state.label);
  }

  // Shows the cursor of the state, and the image at it.
  showPoint() {
    const { run, z, axes } = this;
    if (!axes) return;
    this.redraw({ still: false });
    drawPixels(this.image, run.model.decode(z, this.label), run.images.shape);
    if (run.classes) this.classCell.textContent = run.classes[this.label];
    axes.directions.forEach((direction, k) => {
      this.cells[k].textContent = formatted(along(z, axes.origin, direction));
    });
    if (run.prior.isKnown) this.cells.at(-1).textContent = `${formatted(run.prior.logProb(z))} nats`;
    this.updateMap();
  }

  showImage(image) {
    this.posterior = posteriorOf(this.run, image);
    this.redraw({ still: false });
  }

  // Shows a PosteriorGrid of the image; null takes it away.
  showGrid(grid) {
    if (this.result === (grid?.result ?? null)) return;
    this.result = grid?.result ?? null;
    this.truth = null;
    this.closeUp?.show(this.result, this.posterior);
    this.redraw({ still: false });
  }

  redraw({ still }) {
    const { plane, layers, band, names, axes } = this;
    if (!axes) return;
    if (still) {
      const map = layers.map && this.map;
      this.scene.drawStill({ plane, map, band, drawPrior: layers.prior && this.drawPrior, hasCodes: layers.codes, names });
    }
    if (this.result) this.truth ??= truthOf(this.result, axes.directions[0][0] === 0, this.scene.colours.density);
    this.scene.drawFrame(plane, band, this.placeOf(this.z), this.posterior && this.posteriorOnPlane(), this.truth);
  }

  placeOf(z) {
    const { origin, directions } = this.axes;
    return [along(z, origin, directions[0]), directions[1] ? along(z, origin, directions[1]) : 0];
  }

  posteriorOnPlane() {
    const covariance = covarianceOnPlane(this.posterior, this.axes.directions);
    return { place: this.placeOf(this.posterior.mean), covariance, isLine: this.isLine };
  }

  // Returns the place and the bound of the point in words, for readers of the screen.
  inWords() {
    const place = this.placeOf(this.z).slice(0, this.names.length);
    const names = place.map((value, k) => `${this.names[k]} ${formatted(value)}`).join(", ");
    const density = this.run.prior.isKnown ? `, log p(z) ${formatted(this.run.prior.logProb(this.z), 1)} nats` : "";
    const given = this.run.classes ? `, ${classInWords(this.run, this.label)}` : "";
    return `${this.lab.runs.length > 1 ? `${this.run.name}: ` : ""}${names}${density}${given}.`;
  }
}

// Returns the names of the axes: "z[3]", or which principal direction.
function namesOfAxes(run, plane, { directions }) {
  if (plane.kind === "principal" && run.principal) return ["1st principal direction", "2nd principal direction"];
  return directions.map((direction) => `z[${direction.indexOf(1)}]`);
}
