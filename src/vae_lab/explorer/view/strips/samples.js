function mountSamples(panel, lab) {
  panel.append(element("p", { class: "quiet" }, "in the making"));
}
