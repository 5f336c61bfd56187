// One picture on the page: what is shown of it, its crops, its downloads.

import * as api from "./api.js";
import { BoxLayer } from "./boxes.js";
import { asPng, paintContours, paintHeat, paletteFor, percent } from "./paint.js";
import { prepare } from "./picture.js";
import { tag } from "./regions.js";
import { Saliency } from "./saliency.js";

const RATIOS = ["1:1", "4:5", "16:9", "3:1"];

/** Shows one picture. `page` holds what all pictures share: settings, boxes, view, opacity. */
export class Stage extends EventTarget {
  saliency = null;
  #abort = new AbortController();

  constructor(page) {
    super();
    this.page = page;
    this.element = document.querySelector("#picture-template").content.firstElementChild.cloneNode(true);
    [this.photo, this.heat] = this.#all("canvas");
    this.layer = new BoxLayer(this.#one(".boxes"), page.boxes, {
      shareOf: (box) => this.saliency?.share(box) ?? null,
      onRename: (box) => page.rename(box),
    });
    for (const button of this.#all("[data-save]")) {
      button.addEventListener("click", () => this.#save(button.dataset.save));
    }
    this.#one(".remove").addEventListener("click", () => this.dispatchEvent(new Event("remove")));
  }

  /** Read a file, show it, and ask the service where people look. Throws what went wrong. */
  async load(file) {
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.#busy(true);
    try {
      const picture = await prepare(file, this.page.settings.limits, signal);
      signal.throwIfAborted();
      this.dispatchEvent(new Event("prepared"));
      this.saliency = null;
      Object.assign(this, picture);
      this.#showPicture();
      const map = await api.saliencyMap(picture.blob, signal);
      this.saliency = new Saliency(map, this.page.settings.look);
      paintContours(this.#one(".lines"), this.saliency);
      this.show();
      this.layer.refresh();
    } finally {
      if (!signal.aborted) this.#busy(false);
    }
    await this.#showCrops(signal);
  }

  leave() {
    this.#abort.abort();
    this.element.remove();
  }

  /** Name it A, B, C..., or not at all if it is alone. */
  letter(letter, removable) {
    this.#one("figcaption").dataset.letter = letter;
    this.#one(".remove").hidden = !removable;
  }

  /** Paint the view that is chosen. */
  show() {
    const { view, opacity } = this.page;
    this.element.dataset.view = view;
    this.heat.style.opacity = view === "overlay" ? opacity : 1;
    this.heat.style.mixBlendMode = view === "overlay" ? this.palette?.blend : "normal";
    if (!this.saliency || this.painted === view) return;
    if (view !== "contours") paintHeat(this.heat, this.saliency, { opaque: view === "map", colours: this.palette.colours });
    this.painted = view;
  }

  #showPicture() {
    const { width, height } = this.bitmap;
    this.painted = null;
    this.#one("figcaption h2").textContent = this.name;
    this.#one(".size").textContent = `${width} × ${height}`;
    this.#one(".note").textContent = this.note;
    this.#one(".note").hidden = !this.note;
    this.#one(".crops").hidden = true;
    this.element.style.setProperty("--ratio", width / height);
    this.photo.setAttribute("aria-label", `Picture ${this.name}`);
    Object.assign(this.photo, { width, height });
    const context = this.photo.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
    context.drawImage(this.bitmap, 0, 0);
    this.palette = paletteFor(this.photo, this.page.settings.look.tones);
    this.dispatchEvent(new Event("palette"));
    Object.assign(this.heat, { width: 1, height: 1 });
    this.#one(".lines").replaceChildren();
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
      const { list } = this.page.boxes;
      if (kind === "csv" && !list.length) {
        this.page.alert("A table needs regions: draw a box first.");
        return;
      }
      const blob = await {
        png: () => asPng(this, { ...this.page, boxes: list }),
        npy: () => new Blob([this.saliency.file], { type: "application/x-npy" }),
        json: async () => textFile(await api.report(this.blob, list, "application/json"), "application/json"),
        csv: async () => textFile(await api.report(this.blob, list, "text/csv"), "text/csv"),
      }[kind]();
      download(blob, this.#fileName({ png: `${this.page.view}.png`, npy: "saliency.npy", json: "regions.json", csv: "regions.csv" }[kind]));
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
