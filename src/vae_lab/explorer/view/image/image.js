// "An image": choose one or draw one, and see what each run makes of it.

function mountImage(panel, lab) {
  const { runs, store } = lab;
  const used = [...new Set(runs.map((run) => run.set))];
  const axis = boundAxis(runs.map((run) => run.bound.elbos));
  const cards = runs.map((run) => new RunCard(run, axis));
  let shown = { kind: "test", index: 0 };
  const sources = used.map((setIndex) => new ImageSource(lab, setIndex, () => shown));
  const title = element("p", { class: "shown-image" });
  const live = element("p", { class: "unseen", "aria-live": "polite" });
  const announce = afterPause(() => { live.textContent = cards.map((card) => card.summary()).join(" "); }, 1200);
  panel.append(...sources.map((source) => source.element), title,
    element("div", { class: "run-cards" }, ...cards.map((card) => card.element)), explanations(), live);

  let sampling = null;
  const show = (image) => {
    shown = image;
    sampling?.stop();
    const set = runs[store.state.run].images;
    title.textContent = image.kind === "drawn" ? "Your drawing" : capitalised(imageName(set, image.index));
    for (const source of sources) source.show(image);
    const tasks = cards.map((card) => card.show(image)).filter((task) => task !== null);
    sampling = new BoundSampling(tasks);
    announce();
  };
  show(shown);
  // Nothing is looked at when the page opens or points are reset: the last image stays.
  store.subscribe(["image"], ({ image }) => image && image !== shown && show(image));
  store.subscribe(["run"], ({ run }) => {
    for (const source of sources) source.element.hidden = source.setIndex !== runs[run].set;
  });
}

// Where images of a set come from: the choice of a test image, and the pad.
class ImageSource {
  constructor(lab, setIndex, shown) {
    this.setIndex = setIndex;
    const [choice, drawing] = ["choice", "drawing"].map((name) => element("div", { class: name }));
    this.choice = new Choice(choice, lab, setIndex);
    this.element = element("div", { class: "sources" }, choice, drawing);
    const set = lab.sets[setIndex];
    const pixels = () => {
      const image = shown();
      return image.kind === "test" ? set.pixels(Math.min(image.index, set.count - 1)) : image.pixels;
    };
    if (lab.runs.some((run) => run.set === setIndex && run.model.knowsEncoder)) {
      mountDrawing(drawing, lab, setIndex, pixels);
    } else {
      drawing.append(element("p", { class: "quiet" }, "Drawing needs an encoder that this page knows."));
    }
  }

  show(image) {
    this.choice.show(image.kind === "test" ? image.index : null);
  }
}

// One sentence per thing that is shown.
function explanations() {
  const all = [
    ["Recon", "minus log p(x|z), averaged over draws z of the posterior: small if the decoder draws this image well."],
    ["KL", "how far the posterior is from the prior: how much the code says about this image."],
    ["Bound", "minus the sum of both, a lower bound on log p(x), with the standard error of its draws. Higher is better. The histogram shows recon + KL of the whole test set, on the axis of the bar."],
    ["Error", "red if the reconstruction is brighter than the image, blue if it is darker."],
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
