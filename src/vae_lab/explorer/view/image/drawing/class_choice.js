// Which class a drawing is encoded with: one that is chosen, or the most probable one.

const MOST_PROBABLE = "";

// Returns the choice for drawings of a set; null if no run of the set is given a class.
function classChoiceOf(lab, setIndex) {
  const run = lab.runs.find((each) => each.set === setIndex && each.classes && each.model.knowsEncoder);
  return run ? new ClassOfDrawing(lab, run, setIndex) : null;
}

class ClassOfDrawing {
  constructor(lab, run, setIndex) {
    Object.assign(this, { lab, setIndex, guess: null });
    this.select = element("select", { id: `drawing-class-${setIndex}`, onchange: () => this.change() });
    if (run.model.knowsBound) {
      this.probable = element("option", { value: MOST_PROBABLE }, "the most probable");
      this.select.append(this.probable);
    }
    run.classes.forEach((name, label) => this.select.append(element("option", { value: label }, name)));
    this.classes = run.classes;
    this.element = element("label", { class: "row", for: this.select.id }, "Encoded as class", this.select);
    lab.store.subscribe(["classes"], (state) => this.follow(state));
  }

  // The class of the drawing now. Before anything was computed it is the chosen one of the page.
  get label() {
    if (this.select.value !== MOST_PROBABLE) return Number(this.select.value);
    return this.guess ?? this.lab.store.state.label;
  }

  change() {
    const { image } = this.lab.store.state;
    if (this.isMine(image)) showImage(this.lab, { ...image, label: this.label });
  }

  isMine(image) {
    return image?.kind === "drawn" && image.set === this.setIndex;
  }

  // Takes the most probable class of the drawing, when it has been computed.
  follow({ classes, image }) {
    if (!this.probable || !classes || !this.isMine(image)) return;
    this.guess = mostProbable(classes.probabilities);
    this.probable.textContent = `the most probable: ${this.classes[this.guess]}`;
    if (this.select.value === MOST_PROBABLE && image.label !== this.guess) this.change();
  }
}
