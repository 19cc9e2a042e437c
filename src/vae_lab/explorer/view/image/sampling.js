// Draws of the bound while the page is idle: the first at once, the others in slices of time.

const DRAWS = 64;
const FEWEST_VALUES = 8; // of an importance-weighted bound, which takes several draws each
const DRAW_SEED = 1; // the same draws for every image: the bound follows the stroke, not the noise
const SLICE = 12; // milliseconds
const UNSEEN_PAUSE = 300; // milliseconds

class BoundSampling {
  // `tasks`: {run, pixels, posterior, label, changed(estimate)} of the runs that know their bound.
  // `isVisible()`: whether more draws are worth their time.
  constructor(tasks, isVisible) {
    this.isVisible = isVisible;
    this.tasks = tasks.map((task) => {
      const groupSize = task.run.bound.kind === "elbo" ? 1 : task.run.bound.num_samples;
      const values = Math.max(FEWEST_VALUES, Math.floor(DRAWS / groupSize));
      const estimate = new BoundEstimate(groupSize);
      return { ...task, estimate, draws: values * groupSize, time: 0, random: new Random(DRAW_SEED) };
    });
    this.tasks.forEach(drawOnce);
    this.tell();
    this.wait();
  }

  stop() {
    this.tasks = [];
  }

  wait() {
    if (window.requestIdleCallback) requestIdleCallback(() => this.slice(), { timeout: 200 });
    else setTimeout(() => this.slice(), 30);
  }

  slice() {
    if (!this.isVisible()) {
      if (this.tasks.length) setTimeout(() => this.slice(), UNSEEN_PAUSE);
      return;
    }
    const end = performance.now() + SLICE;
    let task = this.next();
    if (!task) return;
    while (task && performance.now() < end) {
      drawOnce(task);
      task = this.next();
    }
    this.tell();
    if (task) this.wait();
  }

  // Returns the run that had the least time and needs more draws: a fast one waits for no slow one.
  next() {
    const open = this.tasks.filter(({ estimate, draws }) => estimate.draws < draws);
    return open.sort((a, b) => a.time - b.time)[0];
  }

  tell() {
    for (const { estimate, changed } of this.tasks) changed(estimate);
  }
}

function drawOnce(task) {
  const { run, pixels, posterior, label, estimate, random } = task;
  const start = performance.now();
  estimate.add(run.model.terms(pixels, posterior, [random.normals(run.latentDim)], label));
  task.time += performance.now() - start;
}
