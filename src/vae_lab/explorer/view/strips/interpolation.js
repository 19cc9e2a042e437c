// "Interpolation": a path between two points of the latent space, as a slider and as a strip.

function mountInterpolation(panel, lab) {
  const { runs, store } = lab;
  const decoding = new Decoding();
  const rows = runs.map((run, index) => new PathRow(lab, index));
  const random = new Random(FIRST_ENDS);
  store.state.ends ??= { ...randomEnds(runs, store.state.points, random), isFirst: true };
  const names = element("p", { class: "path-ends" });
  panel.append(pathControls(lab), names, element("div", { class: "path-rows" }, ...rows.map((row) => row.element)));

  store.subscribe(["ends"], ({ ends }) => {
    for (const row of rows) row.showEnds(ends);
  });
  store.subscribe(["ends", "run", "label"], ({ ends, run, label }) => {
    const given = classInWords(runs[run], label);
    names.textContent = `${endsInWords(runs[run], ends)}${given && ` All of it is decoded as ${given}.`}`;
  });
  store.subscribe(["ends", "path", "label"], (state) => {
    const jobs = rows.map((row) => row.jobs(state));
    // The rows take turns.
    decoding.start(sharesOfStrip().flatMap((_, k) => jobs.flatMap((ofRow) => ofRow.slice(k, k + 1))));
  });
  store.subscribe(["ends", "path", "share", "label"], (state) => rows.forEach((row) => row.showShare(state)));
}

const FIRST_ENDS = 1; // the seed of the first two images: the same when the page is opened again

function pathControls(lab) {
  const { runs, store } = lab;
  const { onPlane, onPlaneLabel } = planeCheck(lab);
  const setEnds = (change) => store.set({ ends: { ...store.state.ends, isFirst: false, ...change } });
  const cursor = () => endAtCursor(runs, store.state);
  const draw = () => randomEnds(runs, store.state.points, new Random(Math.floor(Math.random() * 2 ** 31)));
  const slider = element("input", { type: "range", min: 0, max: 1, step: 0.01, "aria-label": "Share of the end" });
  const output = element("output", {}, "");
  slider.addEventListener("input", () => setShare(lab, Number(slider.value), onPlane.checked));
  store.subscribe(["share"], ({ share }) => {
    slider.value = share;
    output.textContent = formatted(share);
  });
  return element("div", { class: "path-controls" },
    element("div", { class: "row" },
      button("Start: the cursor", () => setEnds({ start: cursor() })),
      button("End: the cursor", () => setEnds({ end: cursor() })),
      button("Two random test images", () => setEnds(draw())), pathChoice(store)),
    element("div", { class: "row share" }, element("span", { class: "quiet" }, "Start"), slider,
      element("span", { class: "quiet" }, "End"), element("span", {}, "Share ", output), onPlaneLabel));
}

function planeCheck(lab) {
  const { store } = lab;
  const onPlane = element("input", {
    type: "checkbox", onchange: () => onPlane.checked && setShare(lab, store.state.share, true),
  });
  return { onPlane, onPlaneLabel: element("label", { class: "check" }, onPlane, "Show on the plane") };
}

// Sets the share, and the cursor with it if the path is followed on the plane.
function setShare(lab, share, movesCursor) {
  const { ends, path } = lab.store.state;
  const points = () => lab.runs.map((run, k) => pointOfRun(run, k, { ends, path, share }));
  lab.store.set(movesCursor ? { share, points: points(), image: null } : { share });
}

function pointOfRun(run, index, { ends, path, share }) {
  return pointOnPath(path, ends.start.points[index], ends.end.points[index], share, run.priorMean);
}

function pathChoice(store) {
  const choices = [["straight", "Straight line"], ["sphere", "Along the sphere"]].map(([path, text]) => {
    const input = element("input", { type: "radio", name: "path", value: path, onchange: () => store.set({ path }) });
    store.subscribe(["path"], (state) => { input.checked = state.path === path; });
    return element("label", { class: "check" }, input, text);
  });
  return element("fieldset", { class: "row" }, element("legend", { class: "unseen" }, "Path"), ...choices);
}

function endsInWords(run, { start, end }) {
  const [from, to] = [start, end].map((each) => endInWords(run, each));
  return `From ${from} to ${to}.`;
}

function endInWords({ images }, { image }) {
  if (!image) return "a point";
  if (image.kind === "drawn") return "your drawing";
  if (image.index >= images.count) return "a point";
  const label = images.label(image.index);
  return `test image ${image.index}${label === null ? "" : ` (${images.name(label)})`}`;
}

// The path of one run: a large image at the share, and the strip between the two ends.
class PathRow {
  constructor(lab, index) {
    Object.assign(this, { lab, index, run: lab.runs[index] });
    const { run } = this;
    const several = lab.runs.length > 1;
    this.element = element("article", { class: "path-row" }, ...(several ? [element("h3", {}, run.name)] : []));
    this.large = picture(`The image at the share, ${run.name}`);
    this.large.style.aspectRatio = `${run.images.shape[2]} / ${run.images.shape[1]}`;
    this.caption = element("figcaption");
    this.originals = ["Start", "End"].map((name) => this.original(name));
    const move = (share) => lab.store.set({ share });
    this.tiles = sharesOfStrip().map((share) =>
      madeTile(run, `Share ${formatted(share, 1)}, ${run.name}`, () => move(share), formatted(share, 1)));
    const strip = element("div", { class: "strip" },
      this.originals[0].figure, ...this.tiles.map((each) => each.element), this.originals[1].figure);
    this.canShow = decodesAll(run);
    this.element.append(...(this.canShow
      ? [element("div", { class: "path-body" }, element("figure", { class: "large" }, this.large, this.caption), strip)]
      : [limitOfDecoder(run)]));
  }

  original(name) {
    const canvas = picture(`${name}: the image itself, ${this.run.name}`);
    canvas.style.aspectRatio = this.large.style.aspectRatio;
    return { canvas, figure: element("figure", { class: "original" }, canvas, element("figcaption", {}, name)) };
  }

  // Shows the images themselves at the ends that are codes of images.
  showEnds({ start, end }) {
    [start, end].forEach(({ image }, k) => {
      const { canvas, figure } = this.originals[k];
      const pixels = image && pixelsOf(this.run, image);
      figure.classList.toggle("absent", !pixels);
      if (pixels) drawPixels(canvas, pixels, this.run.images.shape);
    });
  }

  // Returns the jobs that draw the strip.
  jobs(state) {
    if (!this.canShow) return [];
    return sharesOfStrip().map((share, k) => () => this.draw(this.tiles[k].canvas, { ...state, share }));
  }

  showShare(state) {
    if (!this.canShow) return;
    this.draw(this.large, state);
    this.caption.textContent = `Share ${formatted(state.share)}`;
    const nearest = Math.round(state.share * (this.tiles.length - 1));
    this.tiles.forEach((each, k) => each.element.setAttribute("aria-pressed", k === nearest));
  }

  draw(canvas, state) {
    drawPixels(canvas, this.run.model.decode(pointOfRun(this.run, this.index, state), labelOf(this.run, state.label)), this.run.images.shape);
  }
}

// Returns the pixels of an image in the size of a run, null if it has none.
function pixelsOf(run, image) {
  if (image.kind === "test") return image.index < run.images.count ? run.images.pixels(image.index) : null;
  return image.pixels.length === run.images.size ? image.pixels : null;
}
