// The table of regions: names, shares on one or two pictures, and places as numbers.

import { percent } from "./paint.js";

const PLACES = [["x", "Left"], ["y", "Top"], ["width", "Width"], ["height", "Height"]];

/** Shows the boxes as a table. `maps()` gives the maps of the pictures that are shown. */
export class RegionTable {
  #rows = new Map();

  constructor(holder, boxes, maps) {
    Object.assign(this, { holder, boxes, maps });
    boxes.addEventListener("list", () => this.refresh());
    boxes.addEventListener("change", (event) => this.#fill(event.detail));
  }

  /** Build the table anew: after a box came or went, another is selected, or a picture came or went. */
  refresh() {
    const focus = document.activeElement;
    const kept = focus && this.holder.contains(focus) ? [focus.dataset.box, focus.dataset.field] : null;
    this.#rows.clear();
    this.holder.replaceChildren();
    if (!this.boxes.list.length) return;
    const table = tag("table");
    const two = this.maps().length > 1;
    const heads = two ? ["A", "B", "Change"] : ["Attention", "Area", "Lift"];
    const head = tag("tr", {}, tag("th", { scope: "col", textContent: "Name" }));
    for (const text of heads) head.append(tag("th", { scope: "col", className: "number", textContent: text }));
    head.append(tag("td"));
    table.append(tag("thead", {}, head), tag("tbody", {}, ...this.boxes.list.flatMap((box) => this.#row(box))));
    this.holder.append(table);
    this.boxes.list.forEach((box) => this.#fill(box));
    if (kept) this.#input(...kept)?.focus();
  }

  rename(box) {
    if (this.boxes.selected !== box) this.boxes.select(box);
    const input = this.#input(String(box.id), "name");
    input?.focus();
    input?.select();
  }

  #input(id, field) {
    return this.holder.querySelector(`[data-box="${id}"][data-field="${field}"]`);
  }

  #row(box) {
    const name = tag("input", { type: "text", maxLength: 60, spellcheck: false, autocomplete: "off" });
    name.setAttribute("aria-label", `Name of ${box.name}`);
    Object.assign(name.dataset, { box: box.id, field: "name" });
    name.addEventListener("focus", () => { if (this.boxes.selected !== box) this.boxes.select(box); });
    name.addEventListener("change", () => {
      const fine = this.boxes.rename(box, name.value);
      name.value = box.name;
      name.setAttribute("aria-label", `Name of ${box.name}`);
      name.setCustomValidity(fine ? "" : "Each box needs a name of its own.");
      if (!fine) name.reportValidity();
    });
    name.addEventListener("input", () => name.setCustomValidity(""));
    name.addEventListener("keydown", (event) => { if (event.key === "Enter") name.blur(); });
    const remove = tag("button", { type: "button", className: "quiet icon", textContent: "×", title: "Delete" });
    remove.setAttribute("aria-label", `Delete ${box.name}`);
    remove.addEventListener("click", () => {
      this.boxes.remove(box);
      (this.holder.querySelector("button.icon") ?? document.querySelector("#add")).focus();
    });
    const numbers = [0, 1, 2].map(() => tag("td", { className: "number" }));
    const row = tag("tr", { className: this.boxes.selected === box ? "selected" : "" },
      tag("th", { scope: "row" }, name), ...numbers, tag("td", {}, remove));
    const parts = { row, name, numbers, remove, places: [] };
    this.#rows.set(box, parts);
    if (this.boxes.selected !== box) return [row];
    parts.places = PLACES.map(([field, label]) => this.#place(box, field, label));
    const cell = tag("td", { colSpan: 5 }, tag("div", { className: "places" }, ...parts.places.map(({ holder }) => holder)));
    return [row, tag("tr", { className: "selected details" }, cell)];
  }

  #place(box, field, label) {
    const input = tag("input", { type: "number", min: 0, max: 100, step: 0.1 });
    Object.assign(input.dataset, { box: box.id, field });
    input.addEventListener("input", () => {
      if (input.value !== "" && Number.isFinite(input.valueAsNumber)) {
        this.boxes.change(box, { [field]: input.valueAsNumber / 100 });
      }
    });
    input.addEventListener("blur", () => this.#fill(box));
    return { field, input, holder: tag("label", {}, tag("span", { textContent: `${label} %` }), input) };
  }

  #fill(box) {
    const parts = this.#rows.get(box);
    if (!parts) return;
    const { row, name, numbers, places } = parts;
    if (document.activeElement !== name) name.value = box.name;
    for (const { field, input } of places) {
      if (document.activeElement !== input) input.value = String(Number((100 * box[field]).toFixed(2)));
    }
    const maps = this.maps();
    const shares = maps.map((saliency) => saliency?.share(box) ?? null);
    row.dataset.shares = JSON.stringify(shares);
    row.style.setProperty("--share", shares[0] ?? 0);
    const shown = shares.map((share) => (share === null ? "…" : percent(share)));
    if (maps.length > 1) {
      const change = shares.includes(null) ? "" : signed(shares[1] - shares[0]);
      numbers.forEach((cell, at) => { cell.textContent = [shown[0], shown[1], change][at]; });
      return;
    }
    const area = maps[0]?.area(box) ?? box.width * box.height;
    const lift = shares[0] == null ? "" : `× ${(shares[0] / area).toFixed(2)}`;
    numbers.forEach((cell, at) => { cell.textContent = [shown[0] ?? "…", percent(area), lift][at]; });
  }
}

function signed(change) {
  const points = (100 * Math.abs(change)).toFixed(1);
  return points === "0.0" ? "±0.0" : `${change < 0 ? "−" : "+"}${points}`;
}

/** An element with properties and children. */
export function tag(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}
