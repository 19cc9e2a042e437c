// An image, its reconstruction and the error, side by side.

class Pictures {
  constructor(run) {
    this.shape = run.images.shape;
    const [, height, width] = this.shape;
    this.element = element("div", { class: "pictures", style: `--ratio: ${width} / ${height}` });
    const make = (name, title) => {
      const canvas = picture(`${title} (${run.name})`, { class: `pixels ${name}` });
      const caption = element("figcaption", {}, title);
      const figure = element("figure", {}, canvas, caption);
      this.element.append(figure);
      return { canvas, caption, figure };
    };
    this.image = make("image", "Image");
    this.reconstruction = make("reconstruction", "Reconstruction");
    this.error = make("error", "Error");
    this.glance = picture(`Reconstruction, small (${run.name})`);
  }

  // Shows an image and the decoder's image at the posterior mean, both (C * H * W,). The second is
  // null if the page cannot decode. `given` names the class that both networks were given, if any.
  show(pixels, reconstruction, given) {
    this.reconstruction.caption.textContent = given ? `Reconstruction as ${given}` : "Reconstruction";
    drawPixels(this.image.canvas, pixels, this.shape);
    for (const { figure } of [this.reconstruction, this.error]) figure.hidden = !reconstruction;
    if (reconstruction) this.showReconstruction(pixels, reconstruction);
  }

  showReconstruction(pixels, reconstruction) {
    const difference = reconstruction.map((value, place) => value - pixels[place]);
    const mean = difference.reduce((sum, value) => sum + Math.abs(value), 0) / difference.length;
    for (const canvas of [this.reconstruction.canvas, this.glance]) drawPixels(canvas, reconstruction, this.shape);
    drawError(this.error.canvas, difference, this.shape);
    this.error.caption.textContent = `Error, mean ${formatted(mean, 3)}`;
  }
}
