"use strict";

/* Between the values that networks make and take, and the pixels that a browser shows. */

/** Return an image's values [height, width, 1 or 3] as pixels; `model` has `range` and `invert`. */
function toPixels(values, [height, width, channels], model) {
  const [low, high] = model.range;
  const pixels = new ImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < 3; c++) {
      const value = values[i * channels + (channels === 3 ? c : 0)];
      const share = (value - low) / (high - low);
      pixels.data[4 * i + c] = Math.round(255 * (model.invert ? 1 - share : share)); // clamps
    }
    pixels.data[4 * i + 3] = 255;
  }
  return pixels;
}

/** Return pixels as the values that a network takes, the reverse of `toPixels`. */
function fromPixels({ data }, [height, width, channels], model) {
  const [low, high] = model.range;
  const values = new Float32Array(height * width * channels);
  for (let i = 0; i < height * width; i++) {
    const [red, green, blue] = data.subarray(4 * i, 4 * i + 3);
    const colours = channels === 3 ? [red, green, blue] : [0.299 * red + 0.587 * green + 0.114 * blue];
    for (let c = 0; c < channels; c++) {
      const share = model.invert ? 1 - colours[c] / 255 : colours[c] / 255;
      values[i * channels + c] = low + (high - low) * share;
    }
  }
  return values;
}

/** Return `value` within low and high. */
function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

/** Return the elements of a fragment by their data-part. */
function partsOf(root) {
  const found = {};
  for (const element of root.querySelectorAll("[data-part]")) found[element.dataset.part] = element;
  return found;
}

/** Return a number for people: two decimals, with a true minus sign. */
function numberText(value) {
  return value.toFixed(2).replace("-0.00", "0.00").replace("-", "\u2212");
}
