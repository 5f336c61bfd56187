// Regions as files: what the page writes, the commands read, and the other way round.

import { tag } from "./regions.js";

/** The boxes in the form of the files that `salgan regions --file` reads. */
export function asFile(boxes) {
  const regions = boxes.map(({ name, x, y, width, height }) => ({ name, box: [x, y, width, height], unit: "fraction" }));
  return new Blob([`${JSON.stringify({ regions }, null, 2)}\n`], { type: "application/json" });
}

/**
 * Read such a file: {boxes, left}, where `left` counts the regions that are no boxes, which the page cannot draw.
 *
 * `size` is [width, height] of the picture whose pixels the file may count. Throws what is wrong with the file.
 */
export function fromText(text, size) {
  let document;
  try {
    document = JSON.parse(text);
  } catch {
    throw new Error("this is not JSON; the file is one that “Export” or salgan regions --json wrote");
  }
  const entries = Array.isArray(document) ? document : document?.regions;
  if (!Array.isArray(entries)) throw new Error('it holds no list of regions, nor one under "regions"');
  const boxes = entries.filter((entry) => entry && "box" in entry).map((entry) => {
    const { name, box, unit } = entry;
    const fine = typeof name === "string" && name.trim() && Array.isArray(box) && box.length === 4
      && box.every((number) => Number.isFinite(number) && number >= 0) && box[2] > 0 && box[3] > 0;
    if (!fine) throw new Error("a region is a name and a box [x, y, width, height]");
    const pixels = unit === "pixel" || (unit !== "fraction" && box.some((number) => number > 1));
    const [x, y, width, height] = pixels ? box.map((number, at) => number / size[at % 2]) : box;
    return { name: name.trim().slice(0, 60), x, y, width, height };
  });
  return { boxes, left: entries.length - boxes.length };
}

/** Ask for a file and give its text to `use`. */
export function chooseFile(use) {
  const input = tag("input", { type: "file", accept: ".json,application/json" });
  input.addEventListener("change", async () => { if (input.files[0]) use(await input.files[0].text()); });
  input.click();
}
