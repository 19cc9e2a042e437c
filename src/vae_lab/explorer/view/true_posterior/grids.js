// The true posterior of the image that is looked at, in every run whose latent space is a plane: computed
// a little in each frame, and kept in the state as `grids`.

// Milliseconds of decoding in a frame, and for an image after its first grid.
const GRID_SLICE = 25;
const GRID_BUDGET = 5000;

// Whether the page can compute the true posterior of images in a run.
function knowsTruePosterior(run) {
  return run.latentDim === 2 && run.model.knowsBound;
}

function mountTruePosterior({ runs, store }) {
  const tasks = runs.map((run) => (knowsTruePosterior(run) ? new GridTask(run, () => tell()) : null));
  const slices = new TimeSlices({
    limit: GRID_SLICE,
    now: () => performance.now(),
    nextFrame: (action) => requestAnimationFrame(action),
    mayWork: () => true,
  });
  const tell = () => store.set({ grids: tasks.map((task) => task?.grid ?? null) });
  store.subscribe(["image", "truePosterior"], ({ image, truePosterior }) => {
    const changed = tasks.filter((task) => task?.start(truePosterior ? image : null));
    if (!changed.length) return;
    slices.tasks = slices.tasks.filter((task) => !changed.includes(task));
    for (const task of changed.filter(({ grid }) => grid)) slices.add(task);
    tell();
  });
}

// The grid of one run, as a task of TimeSlices.
class GridTask {
  constructor(run, shown) {
    Object.assign(this, { run, shown, image: null, grid: null, points: null });
  }

  // Begins the grid of an image; null ends it. Returns whether anything changed.
  start(image) {
    if (image === this.image) return false;
    this.image = image;
    const posterior = posteriorOf(this.run, image);
    const label = image && labelOfImage(this.run, image);
    if (this.points?.label !== label) this.points = null; // the outputs of one class are kept
    this.points ??= posterior && this.decodedPoints(label);
    this.grid = posterior && new PosteriorGrid(this.points, pixelsOf(this.run, image), posterior, GRID_BUDGET);
    return true;
  }

  // The first grid reaches as far as the codes and the prior.
  decodedPoints(label) {
    const ranges = [0, 1].map((dimension) => this.run.range(dimension));
    const centre = ranges.map(([low, high]) => (low + high) / 2);
    const half = Math.max(...ranges.map(([low, high]) => (high - low) / 2));
    return new DecodedPoints(this.run.model, centre, (1.1 * half) / FIRST_REACH, () => performance.now(), label);
  }

  step() {
    return this.grid.step();
  }
}

// Returns a check box that switches the true posterior on.
function truePosteriorCheck(lab) {
  const { store } = lab;
  const input = element("input", {
    type: "checkbox", class: "true-posterior",
    onchange: () => {
      store.set({ truePosterior: input.checked });
      if (input.checked && !store.state.image) showImage(lab, { kind: "test", index: 0 });
    },
  });
  store.subscribe(["truePosterior"], ({ truePosterior }) => { input.checked = truePosterior; });
  return element("label", { class: "check" }, input, `True posterior p(z|x${lab.runs.some((run) => knowsTruePosterior(run) && run.classes) ? ", y" : ""})`);
}
