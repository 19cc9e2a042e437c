// The classes of a conditional model: the style at the cursor in every class. Pressing one chooses the class
// that the whole page is decoded with.

// Beyond this number the classes are a row that scrolls; with longer names they are on a phone.
const CLASSES_IN_A_ROW = 12;
const SHORT_NAME = 3; // letters

function mountClasses(lab) {
  const { runs, store } = lab;
  if (!isConditional(runs)) return;
  const shownRun = ({ run }) => (runs[run].classes ? runs[run] : runs.find((each) => each.classes));
  const rows = new Map();
  const rowOf = (run) => {
    if (!rows.has(run)) rows.set(run, new ClassRow(lab, run, slices));
    return rows.get(run);
  };
  const slices = new TimeSlices({
    limit: 8,
    now: () => performance.now(),
    nextFrame: (action) => requestAnimationFrame(action),
    mayWork: () => true,
  });
  const sentence = document.querySelector("#classes .style-of");
  const place = document.querySelector("main > .class-row");
  mountClassBounds(lab, shownRun);
  store.subscribe(["run"], (state) => place.replaceChildren(rowOf(shownRun(state)).element));
  store.subscribe(["run", "points", "image", "label", "classes"], (state) => {
    const run = shownRun(state);
    rowOf(run).show(state);
    sentence.textContent = styleInWords(lab, run, state);
  });
}

// Says whose style it is, and what the numbers are.
function styleInWords({ runs }, run, state) {
  const isAtShown = isAtImage(runs, state.points, state.image);
  const name = !isAtShown ? "the cursor" : state.image.kind === "drawn" ? "your drawing" : imageName(run.images, state.image.index);
  const of = runs.length > 1 ? ` in ${run.name}` : "";
  const numbers = isAtShown && state.classes?.run === run ? " Per cent: p(y|x), how probable each class is for this image, by Bayes’ rule from the bounds." : "";
  return `The code z of ${name}${of}, decoded as each class: the style stays. Press a class: all images below are decoded as it.${numbers}`;
}

class ClassRow {
  constructor(lab, run, slices) {
    Object.assign(this, { lab, run, slices, index: lab.runs.indexOf(run), at: 0, left: 0, chosen: null });
    this.image = picture(`The image whose style it is, ${run.name}`);
    const [, height, width] = run.images.shape;
    this.image.style.aspectRatio = `${width} / ${height}`;
    this.original = element("figure", { class: "style-image" }, this.image, element("figcaption", {}, "Image"));
    this.tiles = run.classes.map((name, label) => this.tile(name, label));
    const group = element("div", {
      class: "class-tiles", role: "group", "aria-label": "Class", onkeydown: (event) => this.key(event),
      style: `--classes: ${run.classes.length}`,
    }, ...this.tiles.map((tile) => tile.element));
    const isMany = run.classes.length > CLASSES_IN_A_ROW;
    const isLong = run.classes.some((name) => name.length > SHORT_NAME);
    const kind = isMany ? " many scroll" : isLong ? " long scroll" : "";
    this.element = element("div", { class: `class-strip${kind}` }, this.original, group);
  }

  tile(name, label) {
    const made = madeTile(this.run, `Class ${name}`, () => this.choose(label), name);
    made.element.title = name;
    made.percent = element("span", { class: "percent" });
    made.element.append(made.percent);
    return made;
  }

  choose(label) {
    this.lab.store.set({ label });
  }

  show(state) {
    this.showImage(state);
    const label = labelOf(this.run, state.label);
    this.tiles.forEach(({ element: tile, percent }, k) => {
      tile.setAttribute("aria-pressed", k === label);
      tile.tabIndex = k === label ? 0 : -1;
    });
    if (label !== this.chosen) this.tiles[label].element.scrollIntoView?.({ block: "nearest", inline: "nearest" });
    this.chosen = label;
    this.showProbabilities(state);
    this.decodeAll(state.points[this.index]);
  }

  showImage({ image, points }) {
    const { runs } = this.lab;
    const pixels = isAtImage(runs, points, image) ? pixelsOf(this.run, image) : null;
    this.original.classList.toggle("absent", !pixels);
    if (pixels) drawPixels(this.image, pixels, this.run.images.shape);
  }

  // Of the image that is looked at, not of the cursor.
  showProbabilities({ classes, image, points }) {
    const isShown = classes?.run === this.run && isAtImage(this.lab.runs, points, image);
    this.tiles.forEach(({ element: tile, percent }, k) => {
      const text = isShown ? percentInWords(classes.probabilities[k]) : "";
      percent.textContent = text;
      percent.style.setProperty("--share", isShown ? classes.probabilities[k] : 0);
      percent.classList.toggle("least", isShown && classes.probabilities[k] < 0.005);
      tile.setAttribute("aria-label", `Class ${this.run.classes[k]}${text ? `, p(y|x) ${text}` : ""}`);
    });
  }

  // The tiles take turns, so that all of them follow a cursor that keeps moving.
  decodeAll(z) {
    if (this.z === z) return;
    this.z = z;
    this.left = this.tiles.length;
    this.slices.add(this);
  }

  step() {
    this.at = (this.at + 1) % this.tiles.length;
    if (decodesAll(this.run)) {
      drawPixels(this.tiles[this.at].canvas, this.run.model.decode(this.z, this.at), this.run.images.shape);
    }
    this.left -= 1;
    return this.left > 0;
  }

  shown() {}

  // One class is reached by the Tab key, the others by the arrow keys.
  key(event) {
    const last = this.tiles.length - 1;
    const steps = { ArrowLeft: this.chosen - 1, ArrowRight: this.chosen + 1, Home: 0, End: last };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const label = Math.max(0, Math.min(last, steps[event.key]));
    this.choose(label);
    this.tiles[label].element.focus();
  }
}
