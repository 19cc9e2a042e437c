// The class that a conditional model is given: the label of an image to encode, and the chosen class
// for all that is decoded. A label is the place of its class among the classes of a run.

// Whether any run is given a class.
function isConditional(runs) {
  return runs.some((run) => Boolean(run.classes));
}

// Returns the label that a run decodes with; null if it is given none. Runs may have fewer classes.
function labelOf(run, label) {
  return run.classes ? Math.min(label, run.classes.length - 1) : null;
}

// Returns the label that an image is encoded with in a run; null if the run is given none.
function labelOfImage(run, image) {
  return labelOf(run, (image.kind === "test" ? run.images.label(image.index) : image.label) ?? 0);
}

// Returns how the chosen class changes when an image is looked at: it becomes the image's own.
function labelChange(runs, image) {
  const run = runs.find((each) => each.classes);
  return run && image ? { label: labelOfImage(run, image) } : {};
}

// Says which class a run decodes with; empty if it is given none.
function classInWords(run, label) {
  return run.classes ? `class ${run.classes[labelOf(run, label)]}` : "";
}

// What stands behind x in p(z|x) of a run, and in words in log p(x).
function conditionOf(run) {
  return run.classes ? { behind: ", y", inWords: " given y" } : { behind: "", inWords: "" };
}
