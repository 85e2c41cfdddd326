"use strict";

/* Draw, drop or open a picture, and find its codes. */

/**
 * Set up a panel's part for the encoder.
 *
 * @param parts The panel's elements by data-part.
 * @param model The model, which has an encoder.
 * @param apply Called with codes that the sliders should take.
 */
function addEncoder(parts, model, apply) {
  const shape = model.encoder.input;
  const [height, width] = shape;
  const encode = buildNetwork(model.encoder);
  const { paper } = parts;
  paper.width = width;
  paper.height = height;
  const pen = paper.getContext("2d", { willReadFrequently: true });
  let codes = null;
  let waiting = false;

  /** Encode what is on the paper, once per frame at most. */
  function changed() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      codes = encode(fromPixels(pen.getImageData(0, 0, width, height), shape, model));
      const texts = Array.from(codes, (code, i) => {
        const { name, low, high } = model.latents[i];
        const beyond = code < low || code > high ? " (beyond the slider)" : "";
        return `${name} ${numberText(code)}${beyond}`;
      });
      parts.found.textContent = `Codes: ${texts.join(", ")}`;
      parts.apply.disabled = false;
    });
  }

  function clear() {
    pen.fillStyle = "#000000";
    pen.fillRect(0, 0, width, height);
  }

  /** Draw a picture over the whole paper: a canvas, or what createImageBitmap made of a file. */
  function show(picture) {
    clear(); // below transparent parts
    pen.drawImage(picture, 0, 0, width, height);
    changed();
  }

  async function open(file) {
    try {
      const picture = await createImageBitmap(file);
      show(picture);
      picture.close();
    } catch {
      parts.found.textContent = `The browser cannot read ${file.name} as a picture.`;
    }
  }

  function draw(event) {
    const box = paper.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * width;
    const y = ((event.clientY - box.top) / box.height) * height;
    pen.fillStyle = parts.colour.value;
    pen.beginPath();
    pen.arc(x, y, Math.max(1, width / 20), 0, 2 * Math.PI);
    pen.fill();
    changed();
  }

  paper.addEventListener("pointerdown", (event) => {
    paper.setPointerCapture(event.pointerId);
    draw(event);
  });
  paper.addEventListener("pointermove", (event) => {
    if (event.buttons) draw(event);
  });
  paper.addEventListener("dragover", (event) => {
    event.preventDefault();
    paper.classList.add("dropping");
  });
  paper.addEventListener("dragleave", () => paper.classList.remove("dropping"));
  paper.addEventListener("drop", (event) => {
    event.preventDefault();
    paper.classList.remove("dropping");
    const [file] = event.dataTransfer.files;
    if (file) open(file);
  });
  parts.file.addEventListener("change", () => {
    const [file] = parts.file.files;
    if (file) open(file);
    parts.file.value = ""; // so that the same file can be opened again
  });
  parts.copy.addEventListener("click", () => show(parts.picture));
  parts.clear.addEventListener("click", () => {
    clear();
    changed();
  });
  parts.apply.addEventListener("click", () => apply(codes));
  clear();
  parts.means.hidden = !model.means;
  parts.encoder.hidden = false;
}
