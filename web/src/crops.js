// The window of a ratio that keeps the most attention, as `salgan crop` finds it.

const STEPS = 2 ** 30; // whole numbers, so that sums are exact

/** The largest window of a ratio such as "16:9" in a picture. */
export function largest(width, height, ratio) {
  const [wide, high] = ratio.split(":").map(Number);
  if (width * high >= height * wide) return [Math.max(1, nearest(height * wide, high)), height];
  return [width, Math.max(1, nearest(width * high, wide))];
}

/** The nearest whole number of a fraction; of two as near the even one, as Python rounds. */
function nearest(above, below) {
  const whole = Math.floor(above / below);
  const rest = 2 * (above - whole * below);
  return rest > below || (rest === below && whole % 2) ? whole + 1 : whole;
}

/** For each ratio the window that keeps the most; of several the one nearest to the centre. */
export function bestCrops({ width, height, values }, ratios) {
  const across = width + 1;
  const table = new Float64Array(across * (height + 1));
  const highest = values.reduce((most, value) => Math.max(most, value), 0);
  for (let row = 0; row < height; row += 1) {
    let sum = 0;
    for (let column = 0; column < width; column += 1) {
      sum += highest ? Math.round((values[row * width + column] / highest) * STEPS) : 1;
      table[(row + 1) * across + column + 1] = table[row * across + column + 1] + sum;
    }
  }
  const total = table.at(-1);
  return ratios.map((ratio) => {
    const [wide, high] = largest(width, height, ratio);
    const held = (left, top) => table[(top + high) * across + left + wide] - table[top * across + left + wide]
      - table[(top + high) * across + left] + table[top * across + left];
    let best = { sum: -1 };
    for (let top = 0; top + high <= height; top += 1) {
      for (let left = 0; left + wide <= width; left += 1) {
        const sum = held(left, top);
        const far = (2 * left + wide - width) ** 2 + (2 * top + high - height) ** 2;
        if (sum > best.sum || (sum === best.sum && far < best.far)) best = { sum, far, left, top };
      }
    }
    const centre = held(Math.floor((width - wide) / 2), Math.floor((height - high) / 2));
    return {
      for: ratio,
      box: { left: best.left, top: best.top, width: wide, height: high },
      kept: best.sum / total,
      centre_kept: centre / total,
    };
  });
}
