// "The plane": a figure per run, and below them which plane it is and what is drawn.

function mountPlane(panel, lab) {
  const { runs, store } = lab;
  showPlaneOfLattice(lab);
  const layers = { map: true, codes: true, prior: true };
  const slices = slicesOf(lab);
  const figures = runs.map((_, index) => new PlaneFigure(lab, index, slices, layers));
  const sliders = new Sliders(lab);
  const live = element("p", { class: "unseen", "aria-live": "polite" });
  const controls = element("div", { class: "plane-controls" },
    ...legends(lab, figures), layersRow(lab, layers, figures), new PlaneChoice(lab).element,
    buttonsRow(lab), sliders.element, ...notes(lab));
  panel.append(element("div", { class: "planes", "data-runs": runs.length },
    ...figures.map((figure) => figure.element), controls), live);

  store.subscribe(["plane"], ({ plane }) => setPlanes(lab, figures, plane));
  store.subscribe(["plane", "points", "label"], () => figures.forEach((figure) => figure.showPoint()));
  store.subscribe(["image"], ({ image }) => figures.forEach((figure) => figure.showImage(image)));
  store.subscribe(["grids"], ({ grids }) => figures.forEach((figure, k) => figure.showGrid(grids[k])));
  store.subscribe(["run"], ({ run }) => sliders.showRun(run));
  store.subscribe(["points"], ({ points, run }) => sliders.showPoint(points[run]));
  const announce = afterPause(() => { live.textContent = figures.map((figure) => figure.inWords()).join(" "); }, 700);
  store.subscribe(["plane", "points", "label"], announce);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => figures.forEach((figure) => figure.refresh()));
}

function setPlanes({ runs }, figures, plane) {
  const axes = runs.map((run) => axesOf(run, plane));
  const windows = windowsOf(runs.map((run, k) => extentOf(run, axes[k])));
  figures.forEach((figure, k) => figure.setPlane(axes[k], windows[k]));
}

// Decoding for the maps takes 10 ms per frame. While something moves, a decoder that is slow waits.
function slicesOf({ store, runs }) {
  let moved = -Infinity;
  store.subscribe(["points"], () => { moved = performance.now(); });
  const slices = new TimeSlices({
    limit: 10,
    now: () => performance.now(),
    nextFrame: (action) => requestAnimationFrame(action),
    mayWork: () => !slices.isSlow() || performance.now() - moved > 150,
  });
  slices.isSlow = () => slices.tasks.some((map) => map.milliseconds * runs.length > 8);
  return slices;
}

// Images of a lattice exist on one plane only.
function showPlaneOfLattice({ runs, store }) {
  const lattice = runs.find((run) => run.lattice)?.lattice;
  if (lattice) store.state.plane = { kind: "dimensions", across: lattice.axes[0], up: lattice.axes[1] ?? null };
}

function legends({ runs }, figures) {
  const sets = [...new Set(runs.map((run) => run.images))].filter(hasLegend);
  return sets.map((images) => legendOf(images, (label) => {
    for (const figure of figures.filter((each) => each.run.images === images)) {
      figure.only = label;
      figure.refresh();
    }
  }));
}

function layersRow(lab, layers, figures) {
  const { runs } = lab;
  const names = { map: "Decoded images", codes: "Codes of test images" };
  if (runs.some((run) => run.prior.isKnown)) names.prior = "Prior";
  const row = layerChecks(layers, names, () => figures.forEach((figure) => figure.resize()));
  if (runs.some(knowsTruePosterior)) row.push(truePosteriorCheck(lab));
  return element("fieldset", { class: "row layers" }, element("legend", { class: "unseen" }, "Shown on the plane"), ...row);
}

function buttonsRow(lab) {
  return element("div", { class: "row" },
    button("Prior mean", () => resetPoints(lab)),
    button("Random draw from the prior", () => drawPoints(lab)));
}

function notes({ runs }) {
  const priors = runs.filter((run) => run.prior.isKnown).map((run) => priorInWords(run.prior, run.latentDim === 1));
  const texts = [...new Set(priors)];
  if (runs.some((run) => run.lattice)) {
    texts.push("This network is not known to the page: the images were decoded when the page was made.");
  }
  if (runs.some((run) => run.latentDim > 2)) {
    texts.push("The images behind lie on the plane through the cursor; codes and posteriors are projected onto it.");
  }
  if (isConditional(runs)) {
    texts.push("All images are decoded as the chosen class. Each code was encoded with the label of its own image.");
  }
  return texts.map((text) => element("p", { class: "quiet note" }, text));
}
