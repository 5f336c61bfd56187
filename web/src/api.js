// What the page asks for, answered in the browser: this module stands in the place of the service's api.js.

import { bestCrops } from "./crops.js";
import { predict } from "./predict.js";
import { Saliency } from "./saliency.js";

/** A failure, in words for a person. */
export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** Nothing here asks for a token. */
export function onToken() {}

let about = null;
let runtime = null;
const maps = new WeakMap();

/** What the page needs to draw as the library does; also loads the model. */
export async function settings() {
  about = await (await fetch("model.json")).json();
  await loaded();
  return { look: about.look, limits: { bytes: 25_000_000, pixels: 25_000_000 }, model: `${about.name} (${runtime.device})` };
}

async function loaded() {
  runtime ??= await opened();
  return runtime;
}

async function opened() {
  const ort = await import("./ort/ort.wasm.min.mjs");
  ort.env.wasm.wasmPaths = new URL("./ort/", import.meta.url).href;
  ort.env.wasm.numThreads = globalThis.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency || 1) : 1;
  const session = await ort.InferenceSession.create("model.onnx", { executionProviders: ["wasm"] });
  return { ort, session, device: "in this browser" };
}

/** The map of a picture: {width, height, values} with float32 values in 0..1, and a NumPy file of it. */
export async function saliencyMap(blob, signal) {
  const { ort, session } = await loaded();
  const map = await predict(ort, session, about.preprocessing, await pixelsOf(blob));
  signal?.throwIfAborted();
  maps.set(blob, map);
  return { ...map, file: npy(map) };
}

/** The pixels as RGBA, above white where a picture is transparent. */
export async function pixelsOf(blob) {
  const bitmap = await createImageBitmap(blob);
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

/** A picture that the browser cannot show cannot be read here either. */
export async function shown() {
  throw new Problem(415, "this browser cannot read the file; choose a JPEG, PNG, WebP or GIF file.");
}

/** The shares of regions, as JSON or as CSV text. */
export async function report(blob, boxes, mediaType) {
  const map = new Saliency(maps.get(blob), about.look);
  const regions = boxes.map((box) => {
    const { name, x, y, width, height } = box;
    const [share, area] = [map.share(box), map.area(box)];
    return { name, x, y, width, height, unit: "fraction", share, area, lift: area ? share / area : null };
  });
  if (mediaType !== "text/csv") {
    return JSON.stringify({ schema: "salgan.web/1", model: about.name, picture: { width: map.width, height: map.height }, regions });
  }
  const columns = ["name", "x", "y", "width", "height", "unit", "share", "area", "lift"];
  return [columns, ...regions.map((region) => columns.map((column) => cell(region[column])))]
    .map((row) => `${row.join(",")}\n`).join("");
}

/** The windows that keep the most attention, one per ratio. */
export async function crops(blob, ratios) {
  return { crops: bestCrops(maps.get(blob), ratios) };
}

function cell(value) {
  const text = String(value ?? "");
  // A spreadsheet would calculate what begins like this.
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function npy({ width, height, values }) {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${height}, ${width}), }`;
  const padded = `${text.padEnd(64 * Math.ceil((text.length + 11) / 64) - 11)}\n`;
  const start = new Uint8Array([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, padded.length & 255, padded.length >> 8]);
  const file = new Uint8Array(start.length + padded.length + 4 * values.length);
  file.set(start);
  file.set(new TextEncoder().encode(padded), start.length);
  file.set(new Uint8Array(values.buffer, values.byteOffset, 4 * values.length), start.length + padded.length);
  return file.buffer;
}
