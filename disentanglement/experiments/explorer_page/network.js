"use strict";

/*
 * Runs the networks that disentanglement/networks/portable.py writes: dense layers, convolutions,
 * transposed convolutions, batch norm and activations, for one example at a time.
 *
 * Values are Float32Arrays; an image [height, width, channels] lies row by row, its channels
 * together. A kernel is a matrix with a row for each output channel. Every layer with a kernel
 * multiplies it with a vector: all inputs (dense), or the patch of the image that an output pixel
 * depends on (convolutions).
 */

// ---- weights ------------------------------------------------------------------------------------

/** Return the bytes that a base-64 text stands for. */
function bytesOf(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** Return the float32 values of a base-64 text; they are little-endian, as all browsers are. */
function floatsOf(text) {
  return new Float32Array(bytesOf(text).buffer);
}

/** Return the value of a float16, given its 16 bits: sign, 5 bits of exponent, 10 of fraction. */
function halfToFloat(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * 2 ** -24 * fraction; // zero and the subnormal numbers
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * 2 ** (exponent - 25) * (1024 + fraction);
}

/** Return a kernel as floats: float32, float16, or int8 with a scale for each output. */
function unpackKernel(packed) {
  if (packed.type === "float32") return floatsOf(packed.data);
  if (packed.type === "float16") return fromHalves(new Uint16Array(bytesOf(packed.data).buffer));
  if (packed.type === "int8") {
    const whole = new Int8Array(bytesOf(packed.data).buffer);
    const scales = floatsOf(packed.scales);
    const inputs = whole.length / packed.outputs;
    const floats = new Float32Array(whole.length);
    for (let i = 0; i < floats.length; i++) floats[i] = whole[i] * scales[Math.floor(i / inputs)];
    return floats;
  }
  throw new Error(`unknown type of weights: ${packed.type}`);
}

let halves; // the value of every float16, by its bits; made when it is first needed

function fromHalves(bits) {
  halves ??= Float32Array.from({ length: 2 ** 16 }, (_, i) => halfToFloat(i));
  const floats = new Float32Array(bits.length);
  for (let i = 0; i < floats.length; i++) floats[i] = halves[bits[i]];
  return floats;
}

// ---- layers -------------------------------------------------------------------------------------

/**
 * Set out[at + o] to bias[o] + sum_i kernel[o, i] x[i] for every output o.
 *
 * Nearly all time is spent here. Four rows at once, so that each x[i] is loaded once for four sums.
 */
function multiply(kernel, bias, x, out, at) {
  const inputs = x.length;
  const outputs = bias.length;
  let o = 0;
  for (; o + 4 <= outputs; o += 4) {
    const row0 = o * inputs;
    const row1 = row0 + inputs;
    const row2 = row1 + inputs;
    const row3 = row2 + inputs;
    let sum0 = bias[o];
    let sum1 = bias[o + 1];
    let sum2 = bias[o + 2];
    let sum3 = bias[o + 3];
    for (let i = 0; i < inputs; i++) {
      const value = x[i];
      sum0 += kernel[row0 + i] * value;
      sum1 += kernel[row1 + i] * value;
      sum2 += kernel[row2 + i] * value;
      sum3 += kernel[row3 + i] * value;
    }
    out[at + o] = sum0;
    out[at + o + 1] = sum1;
    out[at + o + 2] = sum2;
    out[at + o + 3] = sum3;
  }
  for (; o < outputs; o++) {
    const row = o * inputs;
    let sum = bias[o];
    for (let i = 0; i < inputs; i++) sum += kernel[row + i] * x[i];
    out[at + o] = sum;
  }
}

/** Every output is a weighted sum of all inputs. */
function dense(layer) {
  const kernel = unpackKernel(layer.kernel);
  const bias = floatsOf(layer.bias);
  const out = new Float32Array(bias.length);
  return (x) => {
    multiply(kernel, bias, x, out, 0);
    return out;
  };
}

/**
 * Copy pixels of the image x [height, width, channels] into patch: those in `rows` x `columns`.
 * Pixels outside the image are zero.
 */
function copyPatch(x, [height, width, channels], rows, columns, patch) {
  let to = 0;
  for (const row of rows) {
    for (const column of columns) {
      if (row < 0 || row >= height || column < 0 || column >= width) {
        patch.fill(0, to, to + channels);
        to += channels;
      } else {
        let from = (row * width + column) * channels;
        for (const end = to + channels; to < end; to++, from++) patch[to] = x[from];
      }
    }
  }
}

/**
 * A convolution: the output pixel y depends on the input pixels y * stride - before + 0 ... size - 1
 * (the same for columns).
 */
function conv(layer) {
  const { size, stride, before } = layer;
  const [height, width, channels] = layer.output;
  const kernel = unpackKernel(layer.kernel); // [outputs, size, size, inputs]
  const bias = floatsOf(layer.bias);
  const patch = new Float32Array(size * size * layer.input[2]);
  const out = new Float32Array(height * width * channels);
  const taps = (pixel, first) => Array.from({ length: size }, (_, k) => pixel * stride - first + k);
  const rows = Array.from({ length: height }, (_, y) => taps(y, before[0]));
  const columns = Array.from({ length: width }, (_, x) => taps(x, before[1]));
  return (x) => {
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++) {
        copyPatch(x, layer.input, rows[i], columns[j], patch);
        multiply(kernel, bias, patch, out, (i * width + j) * channels);
      }
    }
    return out;
  };
}

/**
 * A transposed convolution: the input pixel y adds kernel[k] times itself to the output pixel
 * y * stride - before + k, for k = 0 ... size - 1.
 *
 * Turned round, an output pixel t depends on the inputs (t + before - k) / stride for those k for
 * which this is a whole number: every stride-th k. Which ones they are depends on the remainder of
 * t + before alone, so each pair of remainders, of row and column, has a kernel of its own.
 */
function convTranspose(layer) {
  const { size, stride, before } = layer;
  const [height, width, channels] = layer.output;
  const inputs = layer.input[2];
  const kernel = unpackKernel(layer.kernel); // [outputs, size, size, inputs]
  const bias = floatsOf(layer.bias);
  const out = new Float32Array(height * width * channels);

  // The k of each remainder, and a kernel and room for a patch for each pair of remainders.
  const taps = [];
  for (let rest = 0; rest < stride; rest++) {
    taps.push([]);
    for (let k = rest; k < size; k += stride) taps[rest].push(k);
  }
  const phases = taps.map((rows) =>
    taps.map((columns) => {
      const part = new Float32Array(channels * rows.length * columns.length * inputs);
      let to = 0;
      for (let o = 0; o < channels; o++) {
        for (const row of rows) {
          for (const column of columns) {
            const from = ((o * size + row) * size + column) * inputs;
            part.set(kernel.subarray(from, from + inputs), to);
            to += inputs;
          }
        }
      }
      return { kernel: part, patch: new Float32Array(rows.length * columns.length * inputs) };
    }),
  );
  const sources = (pixel, first) =>
    taps[(pixel + first) % stride].map((k) => (pixel + first - k) / stride);
  const rows = Array.from({ length: height }, (_, y) => sources(y, before[0]));
  const columns = Array.from({ length: width }, (_, x) => sources(x, before[1]));

  return (x) => {
    for (let i = 0; i < height; i++) {
      const ofRow = phases[(i + before[0]) % stride];
      for (let j = 0; j < width; j++) {
        const phase = ofRow[(j + before[1]) % stride];
        copyPatch(x, layer.input, rows[i], columns[j], phase.patch);
        multiply(phase.kernel, bias, phase.patch, out, (i * width + j) * channels);
      }
    }
    return out;
  };
}

/** Batch norm in inference mode: a scale and a shift for each channel, the last axis. */
function scale(layer) {
  const factors = floatsOf(layer.scale);
  const shifts = floatsOf(layer.shift);
  const channels = factors.length;
  return (x) => {
    for (let i = 0; i < x.length; i += channels) {
      for (let c = 0; c < channels; c++) x[i + c] = x[i + c] * factors[c] + shifts[c];
    }
    return x;
  };
}

/** Return a layer that applies `f` to every value. */
function pointwise(f) {
  return (x) => {
    for (let i = 0; i < x.length; i++) x[i] = f(x[i]);
    return x;
  };
}

const LAYERS = {
  dense,
  conv,
  conv_transpose: convTranspose,
  scale,
  relu: ({ slope }) => pointwise((v) => (v < 0 ? slope * v : v)), // leaky, if the slope is not 0
  sigmoid: () => pointwise((v) => 1 / (1 + Math.exp(-v))),
  tanh: () => pointwise(Math.tanh),
};

// ---- networks -----------------------------------------------------------------------------------

/**
 * Return a function from an input to the network's output, both Float32Arrays.
 *
 * @param network What `portable` wrote: the shapes `input` and `output`, and `layers`.
 */
function buildNetwork(network) {
  const length = network.input.reduce((product, n) => product * n, 1);
  const layers = network.layers.map((layer) => LAYERS[layer.kind](layer));
  return (input) => {
    if (input.length !== length) throw new Error(`${input.length} inputs instead of ${length}`);
    let x = Float32Array.from(input); // layers may change their input
    for (const layer of layers) x = layer(x);
    return x.slice(); // and use their output again
  };
}

if (typeof module !== "undefined") module.exports = { buildNetwork, halfToFloat, unpackKernel };
