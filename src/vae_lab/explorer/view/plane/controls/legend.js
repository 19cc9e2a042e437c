// What is drawn on the planes: check boxes, and a legend of the labels.

// Returns check boxes that switch the layers, {map, codes, prior}.
function layerChecks(layers, names, changed) {
  return Object.entries(names).map(([key, text]) => {
    const input = element("input", {
      type: "checkbox", checked: layers[key], "data-layer": key,
      onchange: () => { layers[key] = input.checked; changed(); },
    });
    return element("label", { class: "check" }, input, text);
  });
}

// Returns the legend of a set. Pressing a label shows only its codes, pressing it again all of them.
function legendOf(images, choose) {
  let chosen = null;
  const buttons = images.labels.map((label) => {
    const swatch = element("span", { class: "swatch" });
    swatch.style.background = images.colour(label);
    const made = button("", () => {
      chosen = chosen === label ? null : label;
      buttons.forEach((each, k) => each.setAttribute("aria-pressed", images.labels[k] === chosen));
      choose(chosen);
    }, { "aria-pressed": false });
    made.append(swatch, images.name(label));
    return made;
  });
  return element("div", { class: "legend", role: "group", "aria-label": "Labels: show the codes of one" }, ...buttons);
}
