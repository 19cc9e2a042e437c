// "Save as PNG": what a part of the page shows, as a file.

// Returns a button that saves a picture. `compose()` returns its canvas.
function saveButton(name, compose) {
  return button("Save as PNG", () => compose().toBlob((blob) => download(blob, `${name}.png`)), { class: "save" });
}

function download(blob, name) {
  const address = URL.createObjectURL(blob);
  element("a", { href: address, download: name }).click();
  // The browser reads the file after the click.
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

// Returns the button of a part of the page, which saves all that the part shows.
function saveButtonOf(section, { runs, store }) {
  const title = section.querySelector("h2").textContent;
  const names = runs.map((run) => run.name).join(", ");
  const compose = () => pictureOf(section.querySelector(".panel"), title, `${names}. ${LINES[section.id](store.state)}${classOfPicture(section, runs, store.state)}`);
  return saveButton(fileName(`${names} ${section.id}`), compose);
}

// What the picture of a part shows, with units.
const LINES = {
  plane: () => "Codes of test images (posterior means) over mean images of the decoder. Density of the prior in nats.",
  image: () => "Pixels from 0 to 1. Terms of the bound in nats per image.",
  interpolation: ({ path }) =>
    `Mean images of the decoder ${path === "sphere" ? "along the sphere around the prior mean" : "on a straight line"}.`,
  samples: ({ samples }) => `Mean images of draws from the prior, seed ${samples}.`,
};

// Says which class a part of the page is decoded with; a part about an image says it by itself.
function classOfPicture({ id }, runs, { label }) {
  const run = runs.find((each) => each.classes);
  return run && id !== "image" ? ` Decoded as ${classInWords(run, label)}.` : "";
}

// Returns a name that every file system takes.
function fileName(text) {
  return text.replace(/[^\p{L}\p{N}.-]+/gu, "-").replace(/^[-.]+|-+$/g, "").slice(0, 80) || "explorer";
}
