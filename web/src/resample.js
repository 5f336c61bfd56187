// Pillow's antialiased resizing, number for number: bilinear for pictures, bicubic for maps.

const BITS = 22; // of a whole-number coefficient, as Pillow has them for 8 bits

const FILTERS = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: {
    support: 2,
    weight(x) {
      const [a, at] = [-0.5, Math.abs(x)];
      if (at < 1) return ((a + 2) * at - (a + 3)) * at * at + 1;
      return at < 2 ? (((at - 5) * at + 8) * at - 4) * a : 0;
    },
  },
};

/** For each place of the result, where its sources begin and what each of them weighs. */
function coefficients(from, to, { support, weight }) {
  const scale = from / to;
  const stretch = Math.max(1, scale);
  return Array.from({ length: to }, (_, place) => {
    const centre = (place + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - support * stretch + 0.5));
    const end = Math.min(from, Math.trunc(centre + support * stretch + 0.5));
    const weights = Array.from({ length: end - start }, (__, at) => weight((at + start - centre + 0.5) / stretch));
    const sum = weights.reduce((total, each) => total + each, 0);
    return { start, weights: weights.map((each) => each / sum) };
  });
}

/** Resize along one axis; `stride` leads from one place to the next, `lines` lists where the lines begin. */
function along(source, target, places, sourceStride, targetStride, lines, finish) {
  for (const [sourceStart, targetStart] of lines) {
    places.forEach(({ start, weights }, place) => {
      let sum = 0;
      for (let at = 0; at < weights.length; at += 1) {
        sum += source[sourceStart + (start + at) * sourceStride] * weights[at];
      }
      target[targetStart + place * targetStride] = finish(sum);
    });
  }
}

/**
 * Resize an image of `channels` values a pixel.
 *
 * Columns come first, as in the library. Eight bits are rounded after each axis; other values stay as they are.
 */
export function resize({ width, height, data, channels }, columns, rows, filter, { bytes }) {
  const whole = (places) => places.map(({ start, weights }) => (
    { start, weights: bytes ? weights.map((each) => Math.trunc(each * 2 ** BITS + (each < 0 ? -0.5 : 0.5))) : weights }));
  const finish = bytes ? (sum) => Math.min(255, Math.max(0, Math.floor((sum + 2 ** (BITS - 1)) / 2 ** BITS))) : (sum) => sum;
  const Values = bytes ? Uint8Array : Float32Array;
  const places = (from, to) => whole(coefficients(from, to, FILTERS[filter]));
  const narrow = (image) => {
    if (image.width === columns) return image;
    const values = new Values(columns * image.height * channels);
    const lines = [];
    for (let row = 0; row < image.height; row += 1) {
      for (let c = 0; c < channels; c += 1) lines.push([row * image.width * channels + c, row * columns * channels + c]);
    }
    along(image.data, values, places(image.width, columns), channels, channels, lines, finish);
    return { ...image, width: columns, data: values };
  };
  const shorten = (image) => {
    if (image.height === rows) return image;
    const stride = image.width * channels;
    const values = new Values(stride * rows);
    const lines = Array.from({ length: stride }, (_, at) => [at, at]);
    along(image.data, values, places(image.height, rows), stride, stride, lines, finish);
    return { ...image, height: rows, data: values };
  };
  const image = { width, height, data };
  return shorten(narrow(image)).data;
}
