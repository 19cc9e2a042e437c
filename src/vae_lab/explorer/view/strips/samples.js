// "Samples": points drawn from the prior of each run, decoded.

const SAMPLES = { desk: 24, phone: 12 };

function mountSamples(panel, lab) {
  const { runs, store } = lab;
  const decoding = new Decoding();
  const isPhone = matchMedia("(max-width: 40rem)");
  const grids = runs.map((_, index) => new SampleGrid(lab, index));
  const seed = element("span", { class: "quiet" });
  const show = ({ samples, run, label }) => {
    const given = classInWords(runs[run], label);
    seed.textContent = `Seed ${samples}${given && `, decoded as ${given}`}${runs.length > 1 ? ", the same random numbers for all runs" : ""}`;
    const count = isPhone.matches ? SAMPLES.phone : SAMPLES.desk;
    const jobs = grids.map((grid) => grid.jobs(samples, count, label));
    decoding.start(Array.from({ length: count }, (_, k) => jobs.flatMap((ofRun) => ofRun.slice(k, k + 1))).flat());
  };
  panel.append(
    element("div", { class: "row not-saved" },
      button("New samples", () => store.set({ samples: store.state.samples + 1 })), seed),
    ...grids.map((grid) => grid.element));
  store.subscribe(isConditional(runs) ? ["samples", "label", "run"] : ["samples"], show);
  isPhone.addEventListener("change", () => show(store.state));
}

// Returns draws of a run's prior, each (Z,). A draw has its own random numbers, so that those of
// other runs are the same whatever their dimension.
function priorDraws(prior, seed, count) {
  return Array.from({ length: count }, (_, k) => prior.sample(new Random(seed * 1000 + k)));
}

class SampleGrid {
  constructor(lab, index) {
    Object.assign(this, { lab, index, run: lab.runs[index], points: [] });
    const { run } = this;
    this.tiles = Array.from({ length: SAMPLES.desk }, (_, k) =>
      madeTile(run, `Sample ${k + 1} of ${run.name}: move the cursor there`, () => this.choose(k)));
    this.element = element("article", { class: "sample-run" },
      ...(lab.runs.length > 1 ? [element("h3", {}, run.name)] : []),
      decodesAll(run)
        ? element("div", { class: "samples" }, ...this.tiles.map((each) => each.element))
        : limitOfDecoder(run));
  }

  // Returns the jobs that draw `count` samples.
  jobs(seed, count, label) {
    if (!decodesAll(this.run)) return [];
    this.points = priorDraws(this.run.prior, seed, count);
    this.tiles.forEach((each, k) => { each.element.hidden = k >= count; });
    return this.points.map((z, k) => () => {
      drawPixels(this.tiles[k].canvas, this.run.model.decode(z, labelOf(this.run, label)), this.run.images.shape);
    });
  }

  // Moves the cursor of this run to a sample.
  choose(k) {
    const points = [...this.lab.store.state.points];
    points[this.index] = this.points[k];
    this.lab.store.set({ points, image: null });
  }
}
