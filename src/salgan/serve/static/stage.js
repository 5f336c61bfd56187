// One picture on the page: what is shown of it, its crops, its downloads.

import * as api from "./api.js";
import { compare, paintDifference } from "./difference.js";
import { BoxLayer } from "./layer.js";
import { asPng, paintContours, paintHeat, paletteFor, percent, points } from "./paint.js";
import { prepare, reopened } from "./picture.js";
import { tag } from "./regions.js";
import { Saliency } from "./saliency.js";
import { differ } from "./steady.js";

const RATIOS = ["1:1", "4:5", "16:9", "3:1"];

/**
 * Shows one picture, which has a `key` of its own.
 *
 * `page` holds what all pictures share: settings, boxes, view, opacity, zoom, how steady shares are, and the picture that
 * is `first`, with which the others are compared.
 */
export class Stage extends EventTarget {
  saliency = null;
  mark = ""; // its letter, if there are others
  #abort = new AbortController();
  #change = { of: null }; // the difference from the first picture, while the two maps are these

  constructor(page, key) {
    super();
    this.page = page;
    this.key = key;
    this.element = document.querySelector("#picture-template").content.firstElementChild.cloneNode(true);
    this.frame = this.#one(".frame");
    [this.photo, this.heat] = this.#all("canvas");
    this.layer = new BoxLayer(this.#one(".boxes"), page.boxes, {
      key,
      wordsOf: (box) => this.#words(box),
      onRename: (box) => page.rename(box),
    });
    for (const button of this.#all("[data-save]")) {
      button.addEventListener("click", () => this.#save(button.dataset.save));
    }
    this.#one(".remove").addEventListener("click", () => this.dispatchEvent(new Event("remove")));
    page.zoom.add(this.frame, this.#one(".stage"), () => this.bitmap?.width ?? 0);
  }

  /** Read a file, show it, and ask the service where people look. Throws what went wrong. */
  load(file) {
    return this.#load((signal) => prepare(file, this.page.settings.limits, signal));
  }

  /** The same with a picture {name, blob, note, size} that was prepared before. */
  restore(kept) {
    return this.#load((signal) => reopened(kept, signal));
  }

  async #load(prepared) {
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.#busy(true);
    try {
      const picture = await prepared(signal);
      signal.throwIfAborted();
      Object.assign(this, picture);
      this.dispatchEvent(new Event("prepared"));
      this.saliency = null;
      this.#showPicture();
      const map = await api.saliencyMap(picture.blob, signal);
      this.saliency = new Saliency(map, this.page.settings.look);
      paintContours(this.#one(".lines"), this.saliency);
      this.dispatchEvent(new Event("predicted"));
      this.layer.refresh();
    } finally {
      if (!signal.aborted) this.#busy(false);
    }
    await this.#showCrops(signal);
  }

  leave() {
    this.#abort.abort();
    this.layer.stop.abort();
    this.page.zoom.leave(this.frame);
    this.element.remove();
  }

  /** Name it A, B, C..., or not at all if it is alone. */
  letter(letter, removable) {
    this.mark = letter;
    this.#one("figcaption").dataset.letter = letter;
    this.#one(".remove").hidden = !removable;
  }

  /** The lowest and the highest share of a box in views of the picture, if they are known. */
  interval(box) {
    const place = this.page.boxes.at(box, this.key);
    return place && this.page.steady.interval(this, place);
  }

  /** The difference from the first picture, or null if this is the first or a map is missing. */
  change() {
    const { first } = this.page;
    if (!first || first === this || !first.saliency || !this.saliency) return null;
    const of = [first.saliency, this.saliency];
    if (this.#change.of?.some((map, at) => map !== of[at]) ?? true) this.#change = { of, ...compare(...of) };
    return this.#change;
  }

  /** Paint the view that is chosen. The difference of the first picture from itself is its overlay. */
  show() {
    const { view: chosen, opacity, settings } = this.page;
    const change = chosen === "difference" ? this.change() : null;
    const view = chosen === "difference" && !change ? "overlay" : chosen;
    this.view = view;
    this.element.dataset.view = view;
    this.heat.style.opacity = view === "overlay" ? opacity : 1;
    this.heat.style.mixBlendMode = view === "overlay" ? this.palette?.blend : "normal";
    this.#showMoved();
    const painted = change ?? view;
    if (!this.saliency || this.painted === painted) return;
    if (change) paintDifference(this.heat, this.photo, change, settings.look.difference);
    else if (view !== "contours") paintHeat(this.heat, this.saliency, { opaque: view === "map", colours: this.palette.colours });
    this.painted = painted;
  }

  /** Say how much of the attention moved from the first picture, and whether that is more than noise. */
  #showMoved() {
    const change = this.change();
    const line = this.#one(".moved");
    line.hidden = !change;
    if (!change) return;
    const { first, steady } = this.page;
    const known = [first, this].map((stage) => steady.noise(stage));
    const noise = known.includes(null) ? null : Math.max(...known);
    const moved = `${percent(change.moved)} of the attention is in another place than in A`;
    let words = `${moved}.`;
    if (noise !== null) {
      words = change.moved > noise
        ? `${moved}: more than the ${percent(noise)} that moves among views of one picture.`
        : `No difference: ${moved}, and ${percent(noise)} moves among views of one picture.`;
    }
    line.textContent = change.sameSize ? words : `${words} Places are compared in fractions of the sides.`;
  }

  /** What stands behind a box's name, and what is read aloud. */
  #words(box) {
    const { first, boxes } = this.page;
    const share = this.saliency ? this.saliency.share(boxes.at(box, this.key)) : null;
    if (share === null) return { label: "", spoken: "not known yet" };
    const apart = this.mark && Object.hasOwn(box.own, this.key);
    const [own, mark] = apart ? [`, at its own place in ${this.mark}`, "  own place"] : ["", ""];
    const before = this.page.view === "difference" && this.change() && boxes.at(box, first.key);
    if (!before) return { label: percent(share) + mark, spoken: `${percent(share)} of the attention${own}` };
    const noise = differ(first.interval(box), this.interval(box)) === false;
    const label = noise ? "no difference" : points(share - first.saliency.share(before));
    return { label: label + mark, spoken: `${label}${noise ? "" : " points"}, ${percent(share)} of the attention${own}` };
  }

  #showPicture() {
    const { width, height } = this.bitmap;
    this.painted = null;
    this.#one("figcaption h2").textContent = this.name;
    this.#one("figcaption h2").title = this.name;
    this.#one(".size").textContent = `${width} × ${height}`;
    this.#one(".note").textContent = this.note;
    this.#one(".note").hidden = !this.note;
    this.#one(".crops").hidden = true;
    this.element.style.setProperty("--ratio", width / height);
    this.photo.setAttribute("aria-label", `Picture ${this.name}`);
    this.frame.setAttribute("aria-label", `${this.name}, with its boxes`);
    Object.assign(this.photo, { width, height });
    const context = this.photo.getContext("2d", { willReadFrequently: true });
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
    context.drawImage(this.bitmap, 0, 0);
    this.palette = paletteFor(this.photo, this.page.settings.look.tones);
    this.dispatchEvent(new Event("palette"));
    Object.assign(this.heat, { width: 1, height: 1 });
    this.#one(".lines").replaceChildren();
    this.page.zoom.refresh(this.frame);
  }

  async #showCrops(signal) {
    const { crops } = await api.crops(this.blob, RATIOS, signal);
    this.#one(".crops ul").replaceChildren(...crops.map((crop) => this.#crop(crop)));
    this.#one(".crops").hidden = false;
  }

  #crop({ for: ratio, box: { left, top, width, height }, kept }) {
    const canvas = tag("canvas", { width, height });
    canvas.getContext("2d").drawImage(this.photo, left, top, width, height, 0, 0, width, height);
    canvas.style.aspectRatio = `${width} / ${height}`;
    const button = tag("button", { type: "button", title: "Download this crop" }, canvas);
    button.setAttribute("aria-label", `Download the ${ratio} crop, which keeps ${percent(kept)} of the attention`);
    button.addEventListener("click", () => {
      canvas.toBlob((blob) => download(blob, this.#fileName(`crop-${ratio.replace(":", "-")}.png`)), "image/png");
    });
    const words = tag("span", {}, tag("b", { textContent: ratio }), ` keeps ${Math.round(100 * kept)} %`);
    return tag("li", {}, button, words);
  }

  async #save(kind) {
    if (!this.saliency) return;
    try {
      const boxes = this.page.boxes.in(this.key);
      if (kind === "csv" && !boxes.length) {
        this.page.alert("A table needs regions: draw a box first.");
        return;
      }
      const labelled = () => this.page.boxes.list.filter((box) => this.page.boxes.at(box, this.key))
        .map((box, at) => ({ ...boxes[at], label: this.#words(box).label }));
      const blob = await {
        png: () => asPng(this, { opacity: this.page.opacity, view: this.view, boxes: labelled() }),
        npy: () => new Blob([this.saliency.file], { type: "application/x-npy" }),
        json: async () => textFile(await api.report(this.blob, boxes, "application/json"), "application/json"),
        csv: async () => textFile(await api.report(this.blob, boxes, "text/csv"), "text/csv"),
      }[kind]();
      download(blob, this.#fileName({ png: `${this.view}.png`, npy: "saliency.npy", json: "regions.json", csv: "regions.csv" }[kind]));
    } catch (error) {
      this.page.alert(error.message);
    }
  }

  #fileName(ending) {
    return `${this.name.replace(/\.[^.]*$/, "") || "picture"}.${ending}`;
  }

  #busy(busy) {
    this.element.classList.toggle("loading", busy);
    this.element.setAttribute("aria-busy", busy);
  }

  #one(selector) {
    return this.element.querySelector(selector);
  }

  #all(selector) {
    return this.element.querySelectorAll(selector);
  }
}

function textFile(text, type) {
  return new Blob([text], { type });
}

export function download(blob, name) {
  const link = tag("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
