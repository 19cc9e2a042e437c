// How probable each class is for an image, p(y|x) by Bayes' rule: in proportion to p(y) times the bound
// of p(x|y), from a few draws for each class. All classes have the same noise.

const CLASS_VALUES = 16; // of the bound for each class
const FEWEST_CLASS_VALUES = 4; // of an importance-weighted bound, which takes several draws each

class ClassBounds {
  // x: the image, (C * H * W,). changed(probabilities) is called after each value for all classes.
  constructor(run, x, changed) {
    Object.assign(this, { run, x, changed, at: 0 });
    const groupSize = run.bound.kind === "elbo" ? 1 : run.bound.num_samples;
    const values = groupSize === 1 ? CLASS_VALUES : FEWEST_CLASS_VALUES;
    this.rounds = values * groupSize;
    this.groupSize = groupSize;
    this.random = new Random(DRAW_SEED);
    this.estimates = run.classes.map(() => new BoundEstimate(groupSize));
    this.posteriors = [];
    this.isNew = false;
  }

  // Adds a draw of one class. Returns whether there is more to do.
  step() {
    const { run, x, posteriors } = this;
    const count = run.classes.length;
    const label = this.at % count;
    if (label === 0) this.noise = this.random.normals(run.latentDim);
    posteriors[label] ??= run.model.encode(x, label);
    this.estimates[label].add(run.model.terms(x, posteriors[label], [this.noise], label));
    this.at += 1;
    if (label === count - 1 && this.estimates[label].group.length === 0) this.isNew = true;
    return this.at < count * this.rounds;
  }

  shown() {
    if (!this.isNew) return;
    this.isNew = false;
    this.changed(this.probabilities());
  }

  // Returns p(y|x) of each class. Classes of the round that is not whole yet have one draw more.
  probabilities() {
    const logs = this.estimates.map(({ values }, label) => values.elbo.mean + this.run.logShares[label]);
    const sum = logSumExp(logs);
    return logs.map((value) => Math.exp(value - sum));
  }
}

// Computes the probabilities of the classes for the image that is looked at, in the frames between, and
// keeps them in the state: {pixels, probabilities}. `shownRun(state)` is the run that is asked.
function mountClassBounds({ store }, shownRun) {
  const slices = new TimeSlices({
    limit: 8,
    now: () => performance.now(),
    nextFrame: (action) => requestAnimationFrame(action),
    mayWork: () => !document.hidden,
  });
  let key = null;
  store.subscribe(["image", "run"], (state) => {
    const run = shownRun(state);
    const pixels = state.image && run.model.knowsBound ? pixelsOf(run, state.image) : null;
    // A drawing that is given another class is still the same drawing.
    const next = { run, index: state.image?.index, pixels: state.image?.kind === "drawn" ? pixels : null };
    if (key && Object.keys(next).every((name) => key[name] === next[name])) return;
    key = next;
    const changed = (probabilities) => store.set({ classes: { run, probabilities } });
    slices.tasks = [];
    // While a drawing changes, its last numbers stay until there are new ones.
    if (state.image?.kind !== "drawn") store.set({ classes: null });
    if (pixels) slices.add(new ClassBounds(run, pixels, changed));
  });
}

// Returns the most probable class.
function mostProbable(probabilities) {
  return probabilities.indexOf(Math.max(...probabilities));
}

function percentInWords(probability) {
  if (probability > 0.995) return "> 99 %";
  if (probability < 0.005) return "< 1 %";
  return `${Math.round(100 * probability)} %`;
}
