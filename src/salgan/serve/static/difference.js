// How far attention moved from one variant to another, and where: as `salgan ab` computes and draws it.

/**
 * The densities' difference, b less a: {width, height, values, moved, sameSize}.
 *
 * `moved` is the part of the attention that is in another place. Maps of different size are compared at the smaller
 * width and the smaller height.
 */
export function compare(a, b) {
  const [width, height] = [Math.min(a.width, b.width), Math.min(a.height, b.height)];
  const [first, second] = [a, b].map((map) => density(map, width, height));
  const values = second.map((value, at) => value - first[at]);
  const moved = Math.min(1, values.reduce((sum, value) => sum + Math.abs(value), 0) / 2);
  return { width, height, values, moved, sameSize: a.width === b.width && a.height === b.height };
}

/** Paint a difference over its picture, which fades to grey, into a canvas of the picture's size. */
export function paintDifference(canvas, photo, difference, look) {
  const { width, height } = photo;
  const source = photo.getContext("2d").getImageData(0, 0, width, height).data;
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const end = Math.max(percentile(difference, look.percentile), look.faint / difference.values.length);
  const read = sampler(difference, width, height);
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += 4) {
      const signed = Math.min(1, Math.max(-1, read(x, y) / end));
      // The luma of ITU-R 601, rounded as Pillow rounds it.
      const grey = (source[at] * 19595 + source[at + 1] * 38470 + source[at + 2] * 7471 + 32768) >> 16;
      const faded = 255 - (255 - grey) * look.fade;
      const ramp = Math.min(1, Math.abs(signed) / look.opaque_from);
      const weight = look.opacity * ramp * ramp * (3 - 2 * ramp);
      const colour = look.colours[Math.round(127 + 127 * signed)];
      for (let channel = 0; channel < 3; channel += 1) image.data[at + channel] = faded + (colour[channel] - faded) * weight;
      image.data[at + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
}

/** A map's density on fewer pixels, each with the mean of the pixels whose centres lie in it. */
function density(map, width, height) {
  let { values } = map;
  if (map.width !== width) values = reduced(values, map.width, map.height, width, 1, map.width);
  if (map.height !== height) values = reduced(values, map.height, width, height, width, 1);
  const total = values.reduce((sum, value) => sum + value, 0);
  const uniform = 1 / (width * height);
  return Float64Array.from(values, (value) => (total ? value / total : uniform));
}

/** Average lines of `from` values, `step` apart, to `to` values each; there are `lines` of them, `stride` apart. */
function reduced(values, from, lines, to, step, stride) {
  const found = new Float64Array(to * lines);
  const out = stride === 1 ? 1 : to; // lines stay rows if they were rows
  for (let at = 0; at < to; at += 1) {
    const [middle, half] = [((at + 0.5) * from) / to, from / to / 2];
    const first = Math.max(0, Math.floor(middle - half + 0.5));
    const last = Math.min(from, Math.max(first + 1, Math.floor(middle + half + 0.5)));
    for (let line = 0; line < lines; line += 1) {
      let sum = 0;
      for (let place = first; place < last; place += 1) sum += values[line * stride + place * step];
      found[line * out + at * step] = sum / (last - first);
    }
  }
  return found;
}

function sampler({ width, height, values }, wide, high) {
  if (width === wide && height === high) return (x, y) => values[y * width + x];
  const ends = (at, from, to) => {
    const place = Math.min(from - 1, Math.max(0, ((at + 0.5) * from) / to - 0.5));
    const low = Math.floor(place);
    return [low, Math.min(from - 1, low + 1), place - low];
  };
  return (x, y) => {
    const [left, right, across] = ends(x, width, wide);
    const [top, bottom, down] = ends(y, height, high);
    const row = (line) => values[line * width + left] * (1 - across) + values[line * width + right] * across;
    return row(top) * (1 - down) + row(bottom) * down;
  };
}

const SAMPLE = 500_000; // values are enough for a percentile

function percentile({ values }, percent) {
  const step = Math.max(1, Math.floor(values.length / SAMPLE));
  const sizes = Float64Array.from({ length: Math.ceil(values.length / step) }, (_, at) => Math.abs(values[at * step])).sort();
  const at = (percent / 100) * (sizes.length - 1);
  const below = Math.floor(at);
  return sizes[below] + (sizes[Math.min(below + 1, sizes.length - 1)] - sizes[below]) * (at - below);
}
