// From a picture's pixels to its map, with the steps that the library takes. Runs in browsers and in Node.js.

import { resize } from "./resample.js";

/** The network's input for a picture, [rows, columns]: the shape nearest to its own, or the usual or the small one. */
export function shapeFor({ width, height }, record) {
  const ratio = width / height;
  const [low, high] = record.squash ?? [Infinity, -Infinity];
  const far = ([rows, columns]) => Math.abs(Math.log(columns / rows) - Math.log(ratio));
  let [rows, columns] = [record.height, record.width];
  if (record.shapes && !(low <= ratio && ratio <= high))
    [rows, columns] = record.shapes.reduce((best, shape) => (far(shape) < far(best) ? shape : best));
  const usual = rows === record.height && columns === record.width;
  return record.small && usual && width * height < rows * columns ? record.small : [rows, columns];
}

/** What the network sees of RGBA pixels: float32 RGB in 0..255, (1, 3, rows, columns). */
export function networkInput({ width, height, data }, record) {
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < data.length; from += 4, to += 3) {
    rgb[to] = data[from];
    rgb[to + 1] = data[from + 1];
    rgb[to + 2] = data[from + 2];
  }
  const [rows, columns] = shapeFor({ width, height }, record);
  const small = resize({ width, height, data: rgb, channels: 3 }, columns, rows, record.filter, { bytes: true });
  const area = rows * columns;
  const values = new Float32Array(3 * area);
  for (let at = 0; at < area; at += 1) {
    for (let c = 0; c < 3; c += 1) values[c * area + at] = small[3 * at + c];
  }
  return { dims: [1, 3, rows, columns], values };
}

/** A network's map at its picture's size: float32 in 0..1. */
export function atPictureSize({ width, height, values }, columns, rows) {
  const large = resize({ width, height, data: values, channels: 1 }, columns, rows, "bicubic", { bytes: false });
  return large.map((value) => Math.min(1, Math.max(0, value)));
}

/**
 * The map of a picture: {width, height, values}.
 *
 * `ort` is onnxruntime-web or onnxruntime-node, `session` one of its sessions, `pixels` {width, height, data} with
 * RGBA data, as a canvas gives them.
 */
export async function predict(ort, session, record, pixels) {
  const { dims, values } = networkInput(pixels, record);
  const { saliency } = await session.run({ picture: new ort.Tensor("float32", values, dims) });
  const [, , height, width] = saliency.dims;
  return {
    width: pixels.width,
    height: pixels.height,
    values: atPictureSize({ width, height, values: saliency.data }, pixels.width, pixels.height),
  };
}
