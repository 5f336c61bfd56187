// Regions as files: what the page writes, the commands read, and the other way round.

import { tag } from "./regions.js";

/** The boxes in the form of the files that `salgan regions --file` reads; pictures are {key, name}. */
export function asFile(boxes, pictures) {
  const own = {};
  for (const { key, name } of pictures) {
    const apart = boxes.filter((box) => Object.hasOwn(box.own, key));
    if (apart.length) own[name] = apart.map((box) => (box.own[key] ? region(box.name, box.own[key]) : { name: box.name, absent: true }));
  }
  const document = { regions: boxes.map((box) => region(box.name, box)), ...(Object.keys(own).length ? { pictures: own } : {}) };
  return new Blob([`${JSON.stringify(document, null, 2)}\n`], { type: "application/json" });
}

/** The name that two pictures with boxes of their own share, or null: a file of regions could not tell them apart. */
export function sharedName(boxes, pictures) {
  const names = pictures.filter(({ key }) => boxes.some((box) => Object.hasOwn(box.own, key))).map(({ name }) => name);
  return names.find((name) => pictures.filter((picture) => picture.name === name).length > 1) ?? null;
}

/**
 * Read such a file: {boxes, left, outside, unused}, where `left` counts the regions that are no boxes, which the page
 * cannot draw, `outside` the boxes of which nothing lies in the picture, and `unused` lists the pictures that the file
 * names and that are not among these. Of a box that reaches beyond the picture, the part inside is taken.
 *
 * Pictures are {key, name, size}, with the size [width, height] that a file which counts pixels means. Throws what is
 * wrong with the file.
 */
export function fromText(text, pictures) {
  let document;
  try {
    document = JSON.parse(text);
  } catch {
    throw new Error("this is not JSON; the file is one that “Export” or salgan regions --json wrote");
  }
  const named = Array.isArray(document) ? [] : perPicture(document?.pictures);
  const entries = Array.isArray(document) ? document : document?.regions ?? (named.length ? [] : null);
  if (!Array.isArray(entries)) throw new Error('it holds no list of regions, nor one under "regions"');
  const common = boxesOf(entries, pictures[0].size);
  const boxes = common.filter(({ place }) => place).map(({ name, place }) => ({ name, ...place, own: {} }));
  let outside = common.length - boxes.length;
  const read = [...entries];
  const unused = [];
  for (const [path, own] of named) {
    const name = path.split(/[\\/]/).at(-1);
    const here = pictures.filter((picture) => picture.name === name);
    if (!here.length) unused.push(path);
    read.push(...own.filter((entry) => !entry?.absent));
    for (const { key, size } of here) {
      const absent = own.filter((each) => each?.absent === true).map((each) => ({ name: each.name, place: null }));
      const lying = boxesOf(own.filter((each) => !each?.absent), size);
      outside += lying.filter(({ place }) => !place).length;
      for (const { name: called, place } of [...absent, ...lying]) {
        let box = boxes.find((each) => each.name === called);
        if (!box) {
          if (!place) continue;
          // A region of this picture alone is nowhere else.
          box = { name: called, ...place, own: Object.fromEntries(pictures.map((picture) => [picture.key, null])) };
          boxes.push(box);
        }
        box.own[key] = place;
      }
    }
  }
  return { boxes, left: read.filter((entry) => !(entry && "box" in entry)).length, outside, unused };
}

/** Ask for a file and give its text to `use`. */
export function chooseFile(use) {
  const input = tag("input", { type: "file", accept: ".json,application/json" });
  input.addEventListener("change", async () => { if (input.files[0]) use(await input.files[0].text()); });
  input.click();
}

function region(name, { x, y, width, height }) {
  return { name, box: [x, y, width, height], unit: "fraction" };
}

/** What a file says of single pictures: [path, entries] for each. */
function perPicture(pictures) {
  if (pictures === undefined) return [];
  const pairs = Array.isArray(pictures)
    ? pictures.map((report) => [report?.picture?.path, report?.regions])
    : Object.entries(pictures ?? {}).map(([path, own]) => [path, Array.isArray(own) ? own : own?.regions]);
  if (!pairs.every(([path, own]) => typeof path === "string" && Array.isArray(own))) {
    throw new Error('"pictures" is not a list of regions for each file name');
  }
  return pairs;
}

/** The boxes among entries: [{name, place}], where place is {x, y, width, height} in fractions, or null if it is outside. */
function boxesOf(entries, size) {
  return entries.filter((entry) => entry && "box" in entry).map(({ name, box, unit }) => {
    const fine = typeof name === "string" && name.trim() && Array.isArray(box) && box.length === 4
      && box.every((number) => Number.isFinite(number)) && box[2] > 0 && box[3] > 0;
    if (!fine) throw new Error("a region is a name and a box [x, y, width, height]");
    const pixels = unit === "pixel" || (unit !== "fraction" && box.some((number) => Math.abs(number) > 1));
    const [x, y, width, height] = pixels ? box.map((number, at) => number / size[at % 2]) : box;
    return { name: name.trim().slice(0, 60), place: cut({ x, y, width, height }) };
  });
}

/** The part of a box that lies in the picture, which is what the commands measure; null if there is none. */
function cut(box) {
  const [left, top] = [box.x, box.y].map((edge) => Math.max(0, edge));
  const [right, bottom] = [box.x + box.width, box.y + box.height].map((edge) => Math.min(1, edge));
  if (right <= left || bottom <= top) return null;
  const width = left > box.x || right < box.x + box.width ? right - left : box.width;
  const height = top > box.y || bottom < box.y + box.height ? bottom - top : box.height;
  return { x: left, y: top, width, height };
}
