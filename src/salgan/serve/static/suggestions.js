// Boxes that the service suggests: dashed, until a person takes them or sends them away.

import * as api from "./api.js";
import { keepFocus, setAvailable, whenAvailable } from "./focus.js";
import { say, showAlert } from "./notices.js";
import { tag } from "./regions.js";

const one = (selector) => document.querySelector(selector);
const FULL = "There are 50 boxes, as many as the service takes; the rest is left out.";

/** The suggestions on one picture, and the buttons that ask for them. */
export class Suggestions {
  #buttons = new Map();
  #stage = null;

  constructor(boxes) {
    this.boxes = boxes;
  }

  /** Offer them where they can be had, for the picture that `stage()` gives; never unasked. */
  listen(stage) {
    one("#suggest").hidden = !api.suggested;
    whenAvailable(one("#suggest"), () => this.#ask(stage()));
    one("#take-all").addEventListener("click", () => this.#takeAll());
    one("#dismiss").addEventListener("click", () => this.clear());
  }

  clear() {
    for (const button of this.#buttons.keys()) button.remove();
    this.#buttons.clear();
    this.#count();
  }

  /** A picture is gone, and with it what was suggested there. */
  leave(stage) {
    if (this.#stage === stage) this.clear();
  }

  async #ask(stage) {
    setAvailable(one("#suggest"), false);
    say("Looking for faces, text and buttons");
    try {
      const regions = await api.suggested(stage.blob);
      if (!stage.element.isConnected) return;
      this.#show(stage, regions);
      if (!regions.length) showAlert("Neither faces nor lines of text nor buttons were found.");
    } catch (error) {
      showAlert(error.message);
    } finally {
      setAvailable(one("#suggest"), true);
    }
  }

  /** Show what was suggested, [{name, box: [x, y, width, height]}] in fractions, on a stage; takes the place of others. */
  #show(stage, regions) {
    this.clear();
    this.#stage = stage;
    for (const { name, box: [x, y, width, height] } of regions) {
      const button = tag("button", { type: "button", className: "suggestion", title: name });
      button.setAttribute("aria-label", `Take ${name} as a box`);
      Object.assign(button.style, { left: `${100 * x}%`, top: `${100 * y}%`, width: `${100 * width}%`, height: `${100 * height}%` });
      button.addEventListener("click", () => this.#take(button));
      this.#buttons.set(button, { name, x, y, width, height });
      stage.layer.layer.append(button);
    }
    this.#count();
  }

  #takeAll() {
    const left = this.boxes.take([...this.#buttons.values()].map((shape) => ({ ...shape, name: this.#free(shape.name) })));
    this.clear();
    if (left) showAlert(FULL);
  }

  #take(button) {
    const shape = this.#buttons.get(button);
    const next = button.nextElementSibling ?? button.previousElementSibling;
    if (this.boxes.take([{ ...shape, name: this.#free(shape.name) }])) {
      showAlert(FULL);
      return;
    }
    this.#buttons.delete(button);
    keepFocus(() => button.remove(), next, this.#stage.frame);
    this.#count();
  }

  #count() {
    const count = this.#buttons.size;
    const words = `${count} suggested: click a dashed box to take it.`;
    one("#suggested span").textContent = words;
    keepFocus(() => { one("#suggested").hidden = count === 0; }, one("#suggest"));
    if (count) say(words);
  }

  /** A name that no box has: a box of that name would move. */
  #free(name) {
    const used = new Set(this.boxes.list.map((box) => box.name));
    for (let number = 1, free = name; ; number += 1, free = `${name} (${number})`) if (!used.has(free)) return free;
  }
}
