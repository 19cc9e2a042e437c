// A slider for every dimension of the run in focus, the one with the largest KL first.

const OPEN_SLIDERS = 12;
// Below this KL, in nats, a dimension does not change with the image.
const UNUSED = 0.01;

class Sliders {
  constructor(lab) {
    this.lab = lab;
    this.element = element("div", { class: "sliders" });
    this.ofRun = new Map();
  }

  // Shows those of a run; they are made once.
  showRun(index) {
    if (!this.ofRun.has(index)) this.ofRun.set(index, this.made(index));
    this.index = index;
    const { run, rows } = this.ofRun.get(index);
    const [open, folded] = [rows.slice(0, OPEN_SLIDERS), rows.slice(OPEN_SLIDERS)];
    const title = this.lab.runs.length > 1 ? `Dimensions of ${run.name}` : "Dimensions";
    this.element.replaceChildren(
      element("h3", {}, title), element("p", { class: "quiet" }, klInWords(run)),
      ...open.map((row) => row.element));
    if (folded.length) {
      this.element.append(element("details", {},
        element("summary", {}, `${folded.length} more`), ...folded.map((row) => row.element)));
    }
    this.showPoint(this.lab.store.state.points[index]);
  }

  made(index) {
    const run = this.lab.runs[index];
    const movable = run.lattice ? run.order.filter((d) => run.lattice.axes.includes(d)) : run.order;
    return { run, rows: movable.map((dimension) => new SliderRow(this.lab, index, dimension)) };
  }

  showPoint(z) {
    for (const row of this.ofRun.get(this.index).rows) row.show(z[row.dimension]);
  }
}

class SliderRow {
  constructor(lab, index, dimension) {
    this.dimension = dimension;
    const run = lab.runs[index];
    const [low, high] = run.range(dimension);
    const kl = run.kl[dimension];
    const name = `z[${dimension}]`;
    this.input = element("input", {
      type: "range", min: low, max: high, step: (high - low) / 400, "data-dimension": dimension,
      "aria-label": `${name}, KL ${formatted(kl)} nats`,
      oninput: () => setDimension(lab, index, dimension, Number(this.input.value)),
    });
    this.value = element("output", { class: "number" });
    const isUnused = kl < UNUSED;
    this.element = element("div", { class: isUnused ? "slider unused" : "slider" },
      element("span", { class: "name" }, name), this.input, this.value,
      element("span", { class: "kl" }, isUnused ? "unused" : formatted(kl)));
  }

  // A slider that is moved shows what its own value is, and is not set back.
  show(value) {
    if (this.shown === value) return;
    this.shown = value;
    this.value.textContent = formatted(value);
    if (Math.fround(Number(this.input.value)) !== value) this.input.value = value;
    this.input.setAttribute("aria-valuetext", formatted(value));
  }
}

function klInWords(run) {
  const reference = run.klReference === "prior" ? "" : ` to the ${run.klReference}`;
  return `On the right: the mean KL per image${reference}, in nats.`;
}
