// A file from the user, prepared for showing and sending.

import { Problem, shown } from "./api.js";

// Networks see a few hundred pixels a side, so more than this only costs time.
const LONGEST = 1600;
// Pages this many times as tall as wide, and taller than a screen, are predicted in windows, so they stay that.
const LONG_PAGE = { ratio: 3, height: 2001, width: 800, pixels: 6_000_000 };
const SENDABLE = new Set(["image/jpeg", "image/png", "image/webp", "image/bmp", "image/gif"]);

/**
 * Decode a file, and scale it down if it is large.
 *
 * Returns {name, blob, bitmap, note, size}: what is sent and what is shown are the same picture. `note` says so if
 * it is not the file itself, and `size` is the file's own.
 */
export async function prepare(file, limits, signal) {
  let bitmap;
  let blob = file;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    // It is not a picture, or it is of a kind that the service reads and the browser does not (TIFF).
    bitmap = await createImageBitmap(await readByService(file, signal));
  }
  const scale = scaleOf(bitmap);
  const fits = file.size <= limits.bytes && bitmap.width * bitmap.height <= limits.pixels;
  if (scale === 1 && fits && (SENDABLE.has(file.type) || file.type === "image/tiff")) {
    return { name: file.name, blob, bitmap, note: "", size: [bitmap.width, bitmap.height] };
  }
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = drawn(bitmap, width, height);
  blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.95));
  const note = scale < 1
    ? `Scaled from ${bitmap.width} × ${bitmap.height} to ${width} × ${height} in your browser before it was sent; `
      + "all figures are those of the scaled picture."
    : "Sent as JPEG; all figures are those of that JPEG.";
  const size = [bitmap.width, bitmap.height];
  bitmap.close();
  return { name: file.name, blob, bitmap: await createImageBitmap(blob), note, size };
}

/** A picture that was prepared before and kept: {name, blob, note, size} and its bitmap. */
export async function reopened({ name, blob, note, size }, signal) {
  const bitmap = await createImageBitmap(blob).catch(async () => createImageBitmap(await readByService(blob, signal)));
  return { name, blob, bitmap, note, size };
}

/** How much smaller a picture is sent. */
function scaleOf({ width, height }) {
  const { ratio, height: screen, width: wide, pixels } = LONG_PAGE;
  if (height < screen || height <= ratio * width) return Math.min(1, LONGEST / Math.max(width, height));
  return Math.min(1, Math.max(wide / width, screen / height), Math.sqrt(pixels / (width * height)));
}

async function readByService(file, signal) {
  try {
    return await shown(file, signal);
  } catch (error) {
    if (error.status !== 415) throw error;
    throw new Problem(415, "this is not a picture; choose a JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP, GIF, SVG, PSD or PDF file.");
  }
}

function drawn(bitmap, width, height) {
  // Halving first keeps thin lines that one large step would skip.
  let source = bitmap;
  let [w, h] = [bitmap.width, bitmap.height];
  while (w / 2 > width && h / 2 > height) {
    [w, h] = [Math.ceil(w / 2), Math.ceil(h / 2)];
    source = painted(source, w, h);
  }
  return painted(source, width, height);
}

function painted(source, width, height) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  // The library lays transparent pictures over white, too.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(source, 0, 0, width, height);
  return canvas;
}
