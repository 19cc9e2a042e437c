// The head of the page: which runs, what was measured of them, whose numbers are shown.

function mountHead(header, lab) {
  const { runs, store } = lab;
  const facts = element("dl", { class: "facts" });
  header.append(facts);
  const show = (state) => {
    const run = runs[state.run];
    facts.replaceChildren(
      ...run.facts.map(([words, value]) => element("div", {}, element("dt", {}, words), element("dd", {}, value))),
    );
  };
  store.subscribe(["run"], show);
  if (runs.length > 1) header.append(chooser(lab));
}

function chooser({ runs, store }) {
  const group = element("fieldset", { class: "runs" }, element("legend", {}, "Sliders and numbers of"));
  runs.forEach((run, index) => {
    const input = element("input", {
      type: "radio", name: "run", value: index, onchange: () => store.set({ run: index }),
    });
    store.subscribe(["run"], (state) => { input.checked = state.run === index; });
    group.append(element("label", {}, input, run.name));
  });
  return group;
}
