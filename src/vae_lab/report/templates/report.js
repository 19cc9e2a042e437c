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
  const large = box.querySelector("img");
  large.src = image.src;
  large.alt = image.alt;
  // The pixels of an image stay squares; the letters of a chart do not.
  large.style.imageRendering = getComputedStyle(image).imageRendering;
  box.querySelector("p").textContent = image.alt;
  box.showModal();
};
const images = document.querySelectorAll("main img");
if (images.length) {
  const hint = document.createElement("p");
  hint.className = "quiet";
  hint.textContent = "Click a picture to enlarge it.";
  document.querySelector("header").append(hint);
}
for (const image of images) {
  image.classList.add("zoom");
  image.tabIndex = 0;
  image.addEventListener("click", () => open(image));
  image.addEventListener("keydown", (event) => { if (event.key === "Enter") open(image); });
}
box.addEventListener("click", () => box.close());
