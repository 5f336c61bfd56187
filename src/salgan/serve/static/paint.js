// Draws a map over its picture, on the screen and into files.

import { contour } from "./saliency.js";

/** The palette that suits a picture, by the median of its luminance: {colours, blend}. */
export function paletteFor(canvas, { light_from: light, dark_to: dark, palettes }) {
  const small = Object.assign(document.createElement("canvas"), { width: 256, height: 256 });
  const context = small.getContext("2d");
  context.imageSmoothingEnabled = false; // colours that are there, not their means
  context.drawImage(canvas, 0, 0, 256, 256);
  const { data } = context.getImageData(0, 0, 256, 256);
  const linear = Float64Array.from({ length: 256 }, (_, value) => (
    value <= 10 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  const found = Float64Array.from({ length: 65_536 }, (_, at) => (
    0.2126 * linear[data[4 * at]] + 0.7152 * linear[data[4 * at + 1]] + 0.0722 * linear[data[4 * at + 2]])).sort();
  const median = (found[32_767] + found[32_768]) / 2;
  return palettes[median >= light ? "light" : median <= dark ? "dark" : "middle"];
}

/** Paint a map's colours into a canvas: opaque, or clear where nobody looks, as the library's overlay. */
export function paintHeat(canvas, saliency, { opaque, colours }) {
  const { opaque_from: opaqueFrom } = saliency.look;
  const table = new Uint32Array(256);
  const bytes = new Uint8ClampedArray(table.buffer);
  colours.forEach((colour, heat) => {
    const ramp = Math.min(1, heat / 255 / opaqueFrom);
    bytes.set([...colour, opaque ? 255 : Math.round(255 * ramp * ramp * (3 - 2 * ramp))], heat * 4);
  });
  Object.assign(canvas, { width: saliency.width, height: saliency.height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(saliency.width, saliency.height);
  const pixels = new Uint32Array(image.data.buffer);
  saliency.heat().forEach((heat, at) => { pixels[at] = table[heat]; });
  context.putImageData(image, 0, 0);
}

/** The contours as the path of an SVG, or of a canvas: one text per level. */
export function contourPaths(saliency) {
  return saliency.levels().map((level) => contour(saliency, level)
    .map((piece) => piece.map((at) => at.toFixed(1)))
    .map(([x0, y0, x1, y1]) => `M${x0} ${y0}L${x1} ${y1}`)
    .join(""));
}

/** Fill an SVG with the contours: a dark line below a white one, so that they show on any picture. */
export function paintContours(svg, saliency) {
  svg.setAttribute("viewBox", `0 0 ${saliency.width} ${saliency.height}`);
  svg.replaceChildren(...contourPaths(saliency).flatMap((path) => ["halo", "line"].map((kind) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", "path");
    element.setAttribute("d", path);
    element.setAttribute("class", kind);
    return element;
  })));
}

/** The picture as it is shown, at its own size, as a PNG; `boxes` have a `label`. */
export async function asPng({ bitmap, saliency, heat, palette }, { view, opacity, boxes }) {
  const canvas = Object.assign(document.createElement("canvas"), { width: saliency.width, height: saliency.height });
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  if (view !== "contours") {
    context.globalAlpha = view === "overlay" ? opacity : 1;
    if (view === "overlay" && palette.blend !== "normal") context.globalCompositeOperation = palette.blend;
    context.drawImage(heat, 0, 0, canvas.width, canvas.height);
    context.globalAlpha = 1;
    context.globalCompositeOperation = "source-over";
  }
  const unit = Math.max(1, Math.min(canvas.width, canvas.height) / 400);
  if (view === "contours") {
    for (const path of contourPaths(saliency).map((text) => new Path2D(text))) stroke(context, path, unit);
  }
  for (const box of boxes) drawBox(context, box, unit);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

function stroke(context, path, unit) {
  context.lineCap = "round";
  for (const [style, width] of [["rgb(0 0 0 / 45%)", 3.2 * unit], ["#fff", 1.5 * unit]]) {
    Object.assign(context, { strokeStyle: style, lineWidth: width });
    context.stroke(path);
  }
}

function drawBox(context, box, unit) {
  const { width, height } = context.canvas;
  const path = new Path2D();
  path.rect(box.x * width, box.y * height, box.width * width, box.height * height);
  stroke(context, path, 1.4 * unit);
  const text = `${box.name}  ${box.label}`;
  const size = Math.max(11, 11 * unit);
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  const wide = context.measureText(text).width + size;
  const left = Math.max(0, Math.min(box.x * width, width - wide));
  const top = Math.max(0, box.y * height - size * 1.7);
  context.fillStyle = "rgb(18 16 20 / 85%)";
  context.fillRect(left, top, wide, size * 1.7);
  context.fillStyle = "#fff";
  context.fillText(text, left + size / 2, top + size * 0.88);
}

/** A part of one, for people: 0.0834 as "8.3 %". */
export function percent(part) {
  return `${(100 * part).toFixed(1)} %`;
}

/** An interval of parts: [0.052, 0.07] as "5.2 to 7.0 %". */
export function range([low, high]) {
  return `${(100 * low).toFixed(1)} to ${percent(high)}`;
}

/** A change of a part in points, with its sign. */
export function points(change) {
  const size = (100 * Math.abs(change)).toFixed(1);
  return size === "0.0" ? "±0.0" : `${change < 0 ? "−" : "+"}${size}`;
}
