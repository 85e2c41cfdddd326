"use strict";

/* One model: its picture, its sliders, and the strip of one of them. */

const STRIP = 7; // pictures in a strip
const STEPS = 100; // from one end of a slider to the other
const MANY = 16; // noise sliders; so many are folded away at first
const PERIOD = 4000; // milliseconds in which a sweep goes there and back
const SLOW_STEP = 800; // milliseconds for each picture of a sweep where less motion is wanted

const lessMotion = matchMedia("(prefers-reduced-motion: reduce)");

class Panel {
  /**
   * @param model What experiments/explore.py wrote of the model.
   * @param changed Called after the latents have changed.
   */
  constructor(model, changed) {
    this.model = model;
    this.changed = changed;
    this.generate = buildNetwork(model.generator);
    this.latents = model.latents.map(({ low, high }) => (low + high) / 2);
    this.shown = null; // the latent that the strip is of
    this.stripColumn = 0; // the next picture of the strip to draw,
    this.stripLeft = 0; // and how many are left to be drawn
    this.sweeping = null; // the latent that a sweep moves
    const fragment = document.getElementById("panel-template").content.cloneNode(true);
    this.element = fragment.firstElementChild;
    this.parts = partsOf(this.element);
    this.describe();
    this.rows = model.latents.map((latent, index) => this.addSlider(latent, index));
    this.connect();
    if (model.encoder) addEncoder(this.parts, model, (codes) => this.set(codes));
    this.refresh();
    this.showStrip(0);
  }

  /** Fill in what does not change. */
  describe() {
    const { model, parts } = this;
    const [height, width] = model.generator.output;
    const noise = model.latents.length - model.codes;
    const { pixel, mean_pixel: meanPixel, code } = model.differences;
    parts.title.textContent = model.title;
    parts.name.textContent = model.name;
    parts.notes.hidden = !model.notes.length;
    for (const note of model.notes) {
      parts.notes.appendChild(document.createElement("li")).textContent = note;
    }
    parts.exactness.textContent =
      `Weights as ${model.precision}: on 64 random latents, a pixel is at most ` +
      `${percent(pixel)} of the range from black to white away from the original model's, on ` +
      `average ${percent(meanPixel)}` +
      `${code === undefined ? "" : `; a code of these pictures at most ${code.toPrecision(2)}`}.`;
    parts.picture.width = width;
    parts.picture.height = height;
    parts.picture.setAttribute("aria-label", `The picture of these codes: ${model.title}`);
    parts.strip.width = STRIP * (width + 1) - 1;
    parts.strip.height = height;
    parts.noiseGroup.hidden = noise === 0;
    parts.noiseGroup.open = noise < MANY;
    parts.noiseSummary.textContent = `Noise (${noise})`;
  }

  /** Add the slider of a latent and return its elements. */
  addSlider(latent, index) {
    const fragment = document.getElementById("slider-template").content.cloneNode(true);
    const row = fragment.firstElementChild;
    const parts = partsOf(row);
    const { range } = parts;
    range.id = `slider-${Panel.count++}`;
    parts.label.htmlFor = range.id;
    range.min = latent.low;
    range.max = latent.high;
    range.step = (latent.high - latent.low) / STEPS;
    parts.latent.textContent = latent.name;
    parts.meaning.textContent = meaningOf(latent);
    parts.sweep.setAttribute("aria-label", `Sweep ${latent.name}`);
    range.addEventListener("input", () => {
      this.stopSweep();
      this.set({ [index]: Number(range.value) });
    });
    parts.sweep.addEventListener("click", () => this.toggleSweep(index));
    row.addEventListener("pointerenter", () => this.showStrip(index));
    row.addEventListener("focusin", () => this.showStrip(index));
    this.parts[index < this.model.codes ? "codes" : "noise"].append(row);
    return { row, ...parts };
  }

  connect() {
    const { parts, model } = this;
    parts.random.addEventListener("click", () => {
      this.stopSweep();
      this.set(model.latents.map(draw));
    });
    parts.reset.addEventListener("click", () => {
      this.stopSweep();
      this.set(model.latents.map(({ low, high }) => (low + high) / 2));
    });
    parts.strip.addEventListener("click", (event) => {
      const { left, width } = parts.strip.getBoundingClientRect();
      const column = clamp(Math.floor((STRIP * (event.clientX - left)) / width), 0, STRIP - 1);
      this.stopSweep();
      this.set({ [this.shown]: sweepValue(model.latents[this.shown], column / (STRIP - 1)) });
    });
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.stopSweep();
    });
  }

  // ---- latents and the picture ------------------------------------------------------------------

  /** Set some latents, by index; they are kept as the link will hold them: to four decimals. */
  set(values) {
    let other = false; // whether a latent has changed that the strip does not vary
    for (const [index, value] of Object.entries(values)) {
      const { low, high } = this.model.latents[index];
      const rounded = Math.round(1e4 * clamp(value, low, high)) / 1e4;
      other ||= rounded !== this.latents[index] && Number(index) !== this.shown;
      this.latents[index] = rounded;
    }
    this.refresh();
    if (other) this.drawStrip();
    this.changed();
  }

  /** Show the latents and their picture in the next frame. */
  refresh() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = null;
      this.rows.forEach(({ range, value }, index) => {
        const text = numberText(this.latents[index]);
        range.value = this.latents[index];
        range.setAttribute("aria-valuetext", text);
        value.textContent = text;
      });
      const start = performance.now();
      this.drawPicture(this.parts.picture, this.latents, 0);
      this.parts.time.textContent = `${(performance.now() - start).toFixed(1)} ms`;
      this.placeMarker();
    });
  }

  /** Draw the picture of latents on a canvas, `left` pixels from its left edge. */
  drawPicture(canvas, latents, left) {
    const { model } = this;
    const pixels = toPixels(this.generate(latents), model.generator.output, model);
    canvas.getContext("2d").putImageData(pixels, left, 0);
  }

  // ---- the strip --------------------------------------------------------------------------------

  /** Show the strip of a latent. */
  showStrip(index) {
    if (index === this.shown) return;
    const { model, parts, rows } = this;
    const { name, sweep } = model.latents[index];
    rows[this.shown]?.row.classList.remove("shown");
    rows[index].row.classList.add("shown");
    this.shown = index;
    const [first, last] = sweep.map(numberText);
    parts.caption.textContent = `${name} from ${first} to ${last}, all else as it is`;
    parts.strip.setAttribute("aria-label", `Pictures along ${name}, from ${first} to ${last}`);
    this.placeMarker();
    this.drawStrip();
  }

  /**
   * Draw all pictures of the strip again, in the background: one at a time, with pauses as long as
   * drawing takes, so that the live picture comes first. While latents keep changing, it goes on.
   */
  drawStrip() {
    const idle = this.stripLeft === 0;
    this.stripLeft = STRIP;
    if (idle) setTimeout(() => this.drawStripColumn());
  }

  drawStripColumn() {
    const start = performance.now();
    const column = this.stripColumn;
    const latents = [...this.latents];
    latents[this.shown] = sweepValue(this.model.latents[this.shown], column / (STRIP - 1));
    const [, width] = this.model.generator.output;
    this.drawPicture(this.parts.strip, latents, column * (width + 1));
    this.stripColumn = (column + 1) % STRIP;
    this.stripLeft -= 1;
    if (this.stripLeft) setTimeout(() => this.drawStripColumn(), performance.now() - start);
  }

  placeMarker() {
    const [first, last] = this.model.latents[this.shown].sweep;
    const share = (this.latents[this.shown] - first) / (last - first);
    const centre = (0.5 + share * (STRIP - 1)) / STRIP; // of the picture, not its edge
    this.parts.marker.style.left = `${100 * clamp(centre, 0, 1)}%`;
  }

  // ---- sweeps -----------------------------------------------------------------------------------

  toggleSweep(index) {
    const again = this.sweeping === index;
    this.stopSweep();
    if (again) return;
    this.sweeping = index;
    this.rows[index].sweep.setAttribute("aria-pressed", "true");
    this.showStrip(index);
    const latent = this.model.latents[index];
    const start = performance.now() - PERIOD * startOf(latent, this.latents[index]);
    const step = (now) => {
      if (this.sweeping !== index) return;
      this.set({ [index]: sweepValue(latent, shareAt(now - start)) });
      if (lessMotion.matches) setTimeout(() => step(performance.now()), SLOW_STEP);
      else requestAnimationFrame(step);
    };
    step(performance.now());
  }

  stopSweep() {
    if (this.sweeping === null) return;
    this.rows[this.sweeping].sweep.setAttribute("aria-pressed", "false");
    this.sweeping = null;
  }
}

Panel.count = 0; // sliders on the page, for their ids

/** Return what is known of a code's meaning, as text. */
function meaningOf({ meaning }) {
  if (!meaning) return "";
  if (meaning.share < 0.01) return "no factor";
  const text = `${meaning.factor} ${Math.round(100 * meaning.share)}%`;
  return meaning.clear ? text : `unclear (${text})`;
}

/** Return a small share as text: two digits, without an exponent. */
function percent(share) {
  return `${Number((100 * share).toPrecision(2)).toLocaleString("en", { maximumSignificantDigits: 2 })}%`;
}

/** Draw a value of a latent at random. */
function draw({ kind, low, high, mean, std }) {
  if (kind === "uniform") return low + (high - low) * Math.random();
  // Box and Muller's way to a normally distributed number; 1 - x, because x may be 0.
  const radius = Math.sqrt(-2 * Math.log(1 - Math.random()));
  return mean + std * radius * Math.cos(2 * Math.PI * Math.random());
}

/** Return the value of a latent at a share, 0 to 1, of the way along its traversal. */
function sweepValue({ sweep: [first, last] }, share) {
  return first + (last - first) * share;
}

/** Return how far along its traversal a sweep is after some time: there and back as a cosine. */
function shareAt(milliseconds) {
  if (lessMotion.matches) {
    const step = Math.floor(milliseconds / SLOW_STEP) % (2 * (STRIP - 1));
    return Math.min(step, 2 * (STRIP - 1) - step) / (STRIP - 1);
  }
  return (1 - Math.cos((2 * Math.PI * milliseconds) / PERIOD)) / 2;
}

/** Return the part of a period after which a sweep that begins at `value` is there. */
function startOf({ sweep: [first, last] }, value) {
  const share = clamp((value - first) / (last - first), 0, 1);
  return Math.acos(1 - 2 * share) / (2 * Math.PI);
}
