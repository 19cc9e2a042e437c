// What was done on the pad, in order, so that it can be undone: strokes {kind: "stroke", ...},
// a test image put on the pad {kind: "image", pixels}, and {kind: "clear"}.
class Steps {
  constructor() {
    this.all = [];
  }

  add(step) {
    this.all.push(step);
  }

  // Takes the last step back. Whether there was one.
  undo() {
    return this.all.pop() !== undefined;
  }

  // Returns the steps that can still be seen: an image or a clear covers all before it.
  visible() {
    const last = this.all.findLastIndex((step) => step.kind !== "stroke");
    if (last < 0) return this.all;
    return this.all.slice(this.all[last].kind === "clear" ? last + 1 : last);
  }

  get isEmpty() {
    return this.visible().length === 0;
  }
}
