// "An image": choose one or draw one, and see what each run makes of it.

function mountImage(panel, lab) {
  const { runs, store } = lab;
  const used = [...new Set(runs.map((run) => run.set))];
  const axes = boundAxes(lab);
  const cards = runs.map((run, k) => new RunCard(run, axes[k], lab));
  let shown = { kind: "test", index: 0 };
  const sources = used.map((setIndex) => new ImageSource(lab, setIndex, cards, () => shown));
  const title = element("p", { class: "shown-image" });
  const live = element("p", { class: "unseen", "aria-live": "polite" });
  const announce = afterPause(() => { live.textContent = cards.map((card) => card.summary()).join(" "); }, 1200);
  panel.append(...sources.map((source) => source.element), title,
    element("div", { class: "run-cards" }, ...cards.map((card) => card.element)), explanations(runs), live);

  const isVisible = () => {
    const { top, bottom } = panel.getBoundingClientRect();
    return !document.hidden && top < innerHeight && bottom > 0;
  };
  let sampling = null;
  const show = (image) => {
    shown = image;
    sampling?.stop();
    const { images: set, set: setIndex } = runs[store.state.run];
    title.textContent = image.kind === "drawn" ? "Your drawing" : capitalised(imageName(set, image.index));
    for (const source of sources) source.show(image);
    const tasks = cards.map((card) => card.show(image, setIndex)).filter((task) => task !== null);
    sampling = new BoundSampling(tasks, isVisible);
    announce();
  };
  show(shown);
  // Nothing is looked at when the page opens or points are reset: the last image stays.
  store.subscribe(["image"], ({ image }) => image && image !== shown && show(image));
  store.subscribe(["grids"], ({ grids, image }) => cards.forEach((card, k) => card.showGrid(grids[k], image)));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    show(shown);
    for (const card of cards) card.anatomy?.closeUp.draw();
  });
  store.subscribe(["run"], ({ run }) => {
    for (const source of sources) source.element.hidden = source.setIndex !== runs[run].set;
  });
}

// Returns for each run the axis of its bar and histogram. Runs whose bounds are comparable, of the same
// images and kind of likelihood, have the same axis.
function boundAxes({ runs, payload }) {
  const kinds = runs.map(({ set }, k) => `${set} ${payload.runs[k].likelihood.kind}`);
  return kinds.map((kind) => boundAxis(runs.filter((_, k) => kinds[k] === kind).map((run) => run.bound.elbos)));
}

// Where images of a set come from: the choice of a test image, and the pad.
class ImageSource {
  constructor(lab, setIndex, cards, shown) {
    this.setIndex = setIndex;
    const [choice, drawing] = ["choice", "drawing"].map((name) => element("div", { class: name }));
    this.choice = new Choice(choice, lab, setIndex);
    this.element = element("div", { class: "sources" }, choice, drawing);
    const set = lab.sets[setIndex];
    const pixels = () => set.pixels(Math.min(shown().index, set.count - 1));
    const glances = cards.filter(({ run }) => run.set === setIndex).map(({ glance }) => glance);
    this.drawing = null;
    if (lab.runs.some((run) => run.set === setIndex && run.model.knowsEncoder)) {
      this.drawing = new Drawing(drawing, lab, setIndex, pixels, glances);
    } else {
      drawing.append(element("p", { class: "quiet" }, "No drawing here: the page does not have the encoder that it needs."));
    }
  }

  show(image) {
    this.choice.show(image.kind === "test" ? image.index : null);
    this.drawing?.follow(image.kind === "test");
  }
}

// One sentence per thing that is shown.
function explanations(runs) {
  const given = isConditional(runs) ? " given y, the class of the image" : "";
  const all = [
    ["Recon", "Minus log p(x|z), averaged over draws z of the posterior: small if the decoder draws this image well."],
    ["KL", "How far the posterior is from the prior: how much information z has about this image, in nats."],
    ["Bound", `Minus the sum of both, a lower bound on log p(x${given}), with the standard error of its draws. Higher is better. The histogram shows recon + KL of the whole test set, on the axis of the bar.`],
    ["Error", "Red if the reconstruction is brighter than the image, blue if it is darker; the stronger the colour, the larger the error."],
  ];
  return element("dl", { class: "explanations quiet" },
    ...all.map(([name, text]) => element("div", {}, element("dt", {}, name), element("dd", {}, text))));
}

// Returns a function that calls `action` once, when it was not called for some milliseconds.
function afterPause(action, milliseconds) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(action, milliseconds);
  };
}

function capitalised(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
