// A saliency map in the browser: shares of boxes, heat and contours, each computed as the library does it.

/** A map of {width, height, values}; `look` is the service's description of how maps are drawn. */
export class Saliency {
  constructor({ width, height, values, file }, look) {
    Object.assign(this, { width, height, values, file, look });
    this.integral = summed(values, width, height);
  }

  /**
   * The share of the attention in a box of fractions {x, y, width, height}.
   *
   * Pixels that the box covers in part count in that part: between its pixels the summed map is interpolated,
   * which is exact. A map that is 0 everywhere counts as uniform.
   */
  share({ x, y, width, height }) {
    const total = this.integral.at(-1);
    if (total === 0) return this.area({ x, y, width, height });
    const [left, right] = [x * this.width, (x + width) * this.width];
    const [top, bottom] = [y * this.height, (y + height) * this.height];
    const inside = this.#upTo(right, bottom) - this.#upTo(left, bottom) - this.#upTo(right, top) + this.#upTo(left, top);
    return Math.min(1, Math.max(0, inside / total));
  }

  /** The share of the picture in a box that lies inside it. */
  area({ width, height }) {
    return width * height;
  }

  /** The map scaled for viewing: 0..255 per pixel. */
  heat() {
    const { percentiles, gamma } = this.look;
    const sample = this.#sample();
    let [low, high] = percentiles.map((percent) => percentile(sample, percent));
    if (high <= low) [low, high] = [sample[0], sample.at(-1)];
    const heat = new Uint8ClampedArray(this.values.length);
    if (high <= low) return heat;
    for (let i = 0; i < heat.length; i += 1) {
      const scaled = Math.min(1, Math.max(0, (this.values[i] - low) / (high - low)));
      heat[i] = Math.floor(scaled ** gamma * 255 + 0.5);
    }
    return heat;
  }

  /** The values above which lie the smallest areas that hold the look's shares of the attention. */
  levels() {
    const sample = this.#sample();
    const total = sample.reduce((sum, value) => sum + value, 0);
    if (total === 0) return [];
    let held = 0;
    let at = sample.length;
    return this.look.contour_shares.map((share) => {
      while (at > 0 && held < share * total) held += sample[at -= 1];
      return sample[at];
    });
  }

  #upTo(x, y) {
    const [column, row] = [Math.min(Math.floor(x), this.width - 1), Math.min(Math.floor(y), this.height - 1)];
    const [right, down] = [x - column, y - row];
    const wide = this.width + 1;
    const at = row * wide + column;
    const upper = this.integral[at] * (1 - right) + this.integral[at + 1] * right;
    const lower = this.integral[at + wide] * (1 - right) + this.integral[at + wide + 1] * right;
    return upper * (1 - down) + lower * down;
  }

  #sample() {
    if (this.sorted) return this.sorted;
    const step = Math.max(1, Math.floor(Math.sqrt(this.values.length / this.look.sample)));
    if (step === 1) return this.sorted = this.values.slice().sort();
    const kept = [];
    for (let row = 0; row < this.height; row += step) {
      for (let column = 0; column < this.width; column += step) kept.push(this.values[row * this.width + column]);
    }
    return this.sorted = Float32Array.from(kept).sort();
  }
}

/** The lines at a level, by marching squares on a coarse grid: [x, y, x, y] per piece, in pixels. */
export function contour(saliency, level) {
  const { width, height, values } = saliency;
  const step = Math.max(1, Math.round(Math.max(width, height) / 320));
  const columns = stops(width, step);
  const rows = stops(height, step);
  const pieces = [];
  for (let j = 0; j + 1 < rows.length; j += 1) {
    for (let i = 0; i + 1 < columns.length; i += 1) {
      const [x0, x1, y0, y1] = [columns[i], columns[i + 1], rows[j], rows[j + 1]];
      const [a, b, c, d] = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]].map(([x, y]) => values[y * width + x] - level);
      const kind = (a > 0) | ((b > 0) << 1) | ((c > 0) << 2) | ((d > 0) << 3);
      if (kind === 0 || kind === 15) continue;
      const between = (p, q, from, to) => from + (p / (p - q)) * (to - from) + 0.5;
      const top = () => [between(a, b, x0, x1), y0 + 0.5];
      const right = () => [x1 + 0.5, between(b, c, y0, y1)];
      const bottom = () => [between(d, c, x0, x1), y1 + 0.5];
      const left = () => [x0 + 0.5, between(a, d, y0, y1)];
      const join = (from, to) => pieces.push([...from(), ...to()]);
      const mirrored = kind > 7 ? 15 - kind : kind;
      if (mirrored === 1) join(left, top);
      else if (mirrored === 2) join(top, right);
      else if (mirrored === 3) join(left, right);
      else if (mirrored === 4) join(right, bottom);
      else if (mirrored === 6) join(top, bottom);
      else if (mirrored === 7) join(left, bottom);
      else {
        // Two opposite corners are inside: the middle says whether they are one area.
        const joined = a + b + c + d > 0 === a > 0;
        join(left, joined ? bottom : top);
        join(right, joined ? top : bottom);
      }
    }
  }
  return pieces;
}

function stops(side, step) {
  const stops = [];
  for (let at = 0; at < side - 1; at += step) stops.push(at);
  return [...stops, side - 1];
}

function summed(values, width, height) {
  const wide = width + 1;
  const integral = new Float64Array(wide * (height + 1));
  for (let row = 0; row < height; row += 1) {
    let sum = 0;
    for (let column = 0; column < width; column += 1) {
      sum += values[row * width + column];
      integral[(row + 1) * wide + column + 1] = integral[row * wide + column + 1] + sum;
    }
  }
  return integral;
}

function percentile(sorted, percent) {
  const at = (percent / 100) * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (at - below);
}
