// The table of regions: names, shares on each picture, how steady they are, and places as numbers.

import { percent, points, range } from "./paint.js";
import { differ, highest } from "./steady.js";

const PLACES = [["x", "Left"], ["y", "Top"], ["width", "Width"], ["height", "Height"]];

export const LETTERS = "ABCDEFGHIJKL";

/** Shows the boxes as a table. `pictures()` gives those that are shown: {key, saliency, interval(box)}. */
export class RegionTable {
  #rows = new Map();
  #from = null; // the box on a picture that is being named
  #columns = [];
  #head = tag("tr");
  #body = tag("tbody");

  constructor(holder, boxes, pictures) {
    Object.assign(this, { holder, boxes, pictures });
    holder.append(tag("table", {}, tag("thead", {}, this.#head), this.#body));
    boxes.addEventListener("list", () => this.refresh());
    boxes.addEventListener("change", (event) => this.#fill(event.detail));
  }

  /** Bring the table in line with the present boxes and pictures; a field that is being edited stays. */
  refresh() {
    const pictures = this.pictures().length;
    const letters = [...LETTERS].slice(0, pictures);
    const columns = pictures > 2 ? letters : pictures === 2 ? ["A", "B", "Change"] : ["Attention", "Area", "Lift"];
    if (String(columns) !== String(this.#columns)) this.#rename(columns);
    for (const [box, parts] of this.#rows) {
      if (this.boxes.list.includes(box)) continue;
      parts.parts.forEach((part) => part.remove());
      this.#rows.delete(box);
    }
    for (const box of this.boxes.list) {
      if (!this.#rows.has(box)) this.#add(box);
      const { row, steady, details } = this.#rows.get(box);
      for (const part of [row, steady]) part.classList.toggle("selected", this.boxes.selected === box);
      details.hidden = this.boxes.selected !== box;
      this.#fill(box);
    }
    this.holder.hidden = this.boxes.list.length === 0;
  }

  rename(box) {
    const from = document.activeElement;
    if (this.boxes.selected !== box) this.boxes.select(box);
    const { name } = this.#rows.get(box);
    name.focus();
    name.select();
    this.#from = from.closest(".box");
  }

  /** Take the name that was typed; returns whether it could be taken. */
  #named(box, field) {
    const fine = this.boxes.rename(box, field.value);
    field.value = box.name;
    field.setCustomValidity(fine ? "" : "Each box needs a name of its own.");
    if (!fine) field.reportValidity();
    return fine;
  }

  /** Give the table other columns; its rows stay, with whatever is being typed into them. */
  #rename(columns) {
    this.#columns = columns;
    this.#head.replaceChildren(
      tag("th", { scope: "col", textContent: "Name" }),
      ...columns.map((textContent) => tag("th", { scope: "col", className: "number", textContent })),
      tag("td"),
    );
    for (const parts of this.#rows.values()) this.#renumber(parts);
  }

  #renumber(parts) {
    parts.numbers.forEach((cell) => cell.remove());
    parts.numbers = this.#columns.map(() => tag("td", { className: "number" }));
    parts.row.firstElementChild.after(...parts.numbers);
    for (const part of [parts.steady, parts.details]) part.firstElementChild.colSpan = this.#columns.length + 2;
  }

  #add(box) {
    const name = tag("input", { type: "text", maxLength: 60, spellcheck: false, autocomplete: "off" });
    name.addEventListener("focus", () => { if (this.boxes.selected !== box) this.boxes.select(box); });
    name.addEventListener("change", () => this.#named(box, name));
    name.addEventListener("input", () => name.setCustomValidity(""));
    name.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !this.#named(box, name)) return;
      // Back to the box on the picture, if the name was asked for there.
      if (this.#from?.isConnected) this.#from.focus();
      else name.select();
    });
    name.addEventListener("blur", () => { this.#from = null; });
    const remove = tag("button", { type: "button", className: "quiet icon", textContent: "×", title: "Delete" });
    remove.addEventListener("click", () => this.#remove(box));
    const row = tag("tr", {}, tag("th", { scope: "row" }, name), tag("td", {}, remove));
    const steady = tag("tr", { className: "steady", hidden: true }, tag("td"));
    const places = PLACES.map(([field, label]) => this.#place(box, field, label));
    const where = tag("p", { className: "fine" });
    const rejoin = tag("button", { type: "button", className: "quiet", textContent: "Same place in all pictures" });
    rejoin.addEventListener("click", () => { this.boxes.rejoin(box); places[0].input.focus(); });
    const holders = tag("div", { className: "places" }, ...places.map(({ holder }) => holder));
    const details = tag("tr", { className: "selected details" }, tag("td", {}, where, holders, rejoin));
    const parts = { row, steady, details, name, remove, numbers: [], places, where, rejoin, parts: [row, steady, details] };
    this.#renumber(parts);
    this.#body.append(...parts.parts);
    this.#rows.set(box, parts);
  }

  /** Delete a box everywhere; the keyboard goes on with the next one. */
  #remove(box) {
    const { row } = this.#rows.get(box);
    const buttons = [...this.holder.querySelectorAll("button.icon")];
    const at = buttons.indexOf(row.querySelector("button.icon"));
    this.boxes.remove(box);
    (buttons[at + 1] ?? buttons[at - 1] ?? document.querySelector("#add")).focus();
  }

  #place(box, field, label) {
    const input = tag("input", { type: "number", min: 0, max: 100, step: 0.1 });
    input.addEventListener("input", () => {
      if (input.value !== "" && Number.isFinite(input.valueAsNumber)) {
        this.boxes.change(box, { [field]: input.valueAsNumber / 100 }, this.#where(box)?.key ?? null);
      }
    });
    input.addEventListener("blur", () => this.#fill(box));
    return { field, input, holder: tag("label", {}, tag("span", { textContent: `${label} %` }), input) };
  }

  /** The picture whose place of a box the numbers show: where it was touched last, or the first that has it. */
  #where(box) {
    const pictures = this.pictures().filter(({ key }) => this.boxes.at(box, key));
    return pictures.find(({ key }) => key === this.boxes.where) ?? pictures[0];
  }

  #fill(box) {
    const parts = this.#rows.get(box);
    if (!parts) return;
    const { row, name, remove, numbers, places } = parts;
    name.setAttribute("aria-label", `Name of ${box.name}`);
    remove.setAttribute("aria-label", `Delete ${box.name}`);
    if (document.activeElement !== name) name.value = box.name;
    const pictures = this.pictures();
    const place = this.boxes.at(box, this.#where(box)?.key) ?? box;
    for (const { field, input } of places) {
      if (document.activeElement !== input) input.value = String(Number((100 * place[field]).toFixed(2)));
    }
    const shares = pictures.map(({ key, saliency }) => {
      const here = this.boxes.at(box, key);
      return here && saliency ? saliency.share(here) : null;
    });
    row.dataset.shares = JSON.stringify(shares);
    row.style.setProperty("--share", shares[0] ?? 0);
    const shown = shares.map((share, at) => {
      if (share !== null) return percent(share);
      return this.boxes.at(box, pictures[at].key) ? "…" : "–";
    });
    const intervals = pictures.map((picture) => picture.interval(box));
    const differs = pictures.length === 2 ? differ(...intervals) : null;
    let texts = shown;
    if (pictures.length === 2) texts = [...shown, shares.includes(null) ? "" : points(shares[1] - shares[0])];
    if (pictures.length < 2) {
      const area = pictures[0]?.saliency?.area(place) ?? place.width * place.height;
      texts = [shown[0] ?? "…", percent(area), shares[0] == null ? "" : `× ${(shares[0] / area).toFixed(2)}`];
    }
    const best = highest(intervals);
    numbers.forEach((cell, at) => {
      cell.textContent = texts[at];
      cell.classList.toggle("noise", pictures.length === 2 && at === 2 && differs === false);
      cell.classList.toggle("most", at === (pictures.length > 1 ? best : 0));
    });
    this.#say(box, parts, intervals, differs, best);
  }

  /** Say below the figures how steady they are, and where the box lies apart. */
  #say(box, { steady, where, rejoin }, intervals, differs, best) {
    const pictures = this.pictures();
    const letters = [...LETTERS];
    const several = pictures.length > 1;
    const own = several ? letters.filter((_, at) => pictures[at] && Object.hasOwn(box.own, pictures[at].key)) : [];
    const words = [];
    if (!several && intervals[0]) words.push(`${range(intervals[0])} in the views`);
    if (pictures.length === 2 && differs !== null) {
      const both = intervals.map((interval, at) => `${letters[at]} ${range(interval)}`).join(", ");
      words.push(`${differs ? "More than noise" : "No difference"}: ${both}`);
    }
    if (pictures.length > 2 && intervals.filter(Boolean).length > 1) {
      words.push(best === null ? "No picture surely has the most" : `Most in ${letters[best]}`);
    }
    if (own.length) words.push(`own place in ${own.join(", ")}`);
    const text = words.join("; ");
    steady.firstElementChild.textContent = text && `${text[0].toUpperCase()}${text.slice(1)}.`.replaceAll(" %", "\u00a0%");
    steady.firstElementChild.title = intervals.map((interval, at) => interval && `${letters[at]} ${range(interval)}`).filter(Boolean).join(", ");
    steady.hidden = !text;
    const here = this.#where(box);
    const at = pictures.indexOf(here);
    const alone = several && here && (this.boxes.apart || Object.hasOwn(box.own, here.key));
    where.textContent = alone ? `Place in ${letters[at]} only` : "Place in all pictures";
    where.hidden = !several;
    rejoin.hidden = own.length === 0;
  }
}

/** An element with properties and children. */
export function tag(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}
