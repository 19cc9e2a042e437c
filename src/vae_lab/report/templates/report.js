for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = (row) => row.cells[column].dataset.key ?? "";
      const rows = [...table.tBodies[0].rows].sort((a, b) => {
        const [x, y] = [key(a), key(b)];
        const numeric = x !== "" && y !== "" && !isNaN(x) && !isNaN(y);
        return (numeric ? x - y : x.localeCompare(y)) * (up ? 1 : -1);
      });
      table.tBodies[0].append(...rows);
    });
  });
}

const box = document.querySelector("dialog");
const open = (image) => {
  const layers = box.querySelector(".layers");
  layers.replaceChildren();
  const large = document.createElement("img");
  large.src = image.src;
  large.alt = image.alt;
  // The pixels of an image stay squares; the letters of a chart do not.
  large.style.imageRendering = image.closest(".strips") ? "pixelated" : "auto";
  const factor = Math.min(innerWidth * 0.96 / image.naturalWidth, innerHeight * 0.82 / image.naturalHeight);
  large.style.width = `${Math.floor(image.naturalWidth * factor)}px`;
  layers.append(large);
  const overlay = image.parentElement.querySelector(".overlay");
  if (overlay) layers.append(overlay.cloneNode(true));
  box.querySelector("p").textContent = image.alt;
  box.showModal();
};
const images = document.querySelectorAll("main img");
if (images.length) {
  const hint = document.createElement("p");
  hint.className = "quiet hint";
  hint.textContent = "Click a picture to enlarge it.";
  (document.querySelector(".overview") ?? document.querySelector("header")).append(hint);
}
for (const image of images) {
  image.classList.add("zoom");
  image.tabIndex = 0;
  image.setAttribute("role", "button");
  image.setAttribute("aria-haspopup", "dialog");
  image.addEventListener("click", () => open(image));
  image.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    open(image);
  });
}
box.addEventListener("click", () => box.close());

// What is wider than its box can be scrolled by keys too, and says so.
const fit = () => {
  for (const part of document.querySelectorAll(".scroll, pre")) {
    const wide = part.scrollWidth > part.clientWidth + 1;
    part.classList.toggle("wide", wide);
    if (wide) part.tabIndex = 0;
    else part.removeAttribute("tabindex");
  }
};
addEventListener("resize", fit);
document.addEventListener("toggle", fit, true);
fit();

// On paper everything is unfolded.
const folded = [];
addEventListener("beforeprint", () => {
  folded.push(...document.querySelectorAll("details:not([open])"));
  folded.forEach((part) => { part.open = true; });
});
addEventListener("afterprint", () => folded.splice(0).forEach((part) => { part.open = false; }));
