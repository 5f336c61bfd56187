// The table of regions: names, shares on one or two pictures, and places as numbers.

import { percent } from "./paint.js";

const PLACES = [["x", "Left"], ["y", "Top"], ["width", "Width"], ["height", "Height"]];

/** Shows the boxes as a table. `maps()` gives the maps of the pictures that are shown. */
export class RegionTable {
  #rows = new Map();
  #columns = "";
  #body;

  constructor(holder, boxes, maps) {
    Object.assign(this, { holder, boxes, maps });
    boxes.addEventListener("list", () => this.refresh());
    boxes.addEventListener("change", (event) => this.#fill(event.detail));
  }

  /** Bring the table in line with the present boxes and pictures; a field that is being edited stays. */
  refresh() {
    const pictures = this.maps().length;
    const letters = [..."ABCDEFGHIJKL"].slice(0, pictures);
    const columns = pictures > 2 ? letters : pictures === 2 ? ["A", "B", "Change"] : ["Attention", "Area", "Lift"];
    if (String(columns) !== this.#columns) this.#rebuild(columns);
    for (const [box, parts] of this.#rows) {
      if (this.boxes.list.includes(box)) continue;
      parts.row.remove();
      parts.details.remove();
      this.#rows.delete(box);
    }
    for (const box of this.boxes.list) {
      if (!this.#rows.has(box)) this.#add(box);
      const { row, details } = this.#rows.get(box);
      row.classList.toggle("selected", this.boxes.selected === box);
      details.hidden = this.boxes.selected !== box;
      this.#fill(box);
    }
    this.holder.hidden = this.boxes.list.length === 0;
  }

  rename(box) {
    if (this.boxes.selected !== box) this.boxes.select(box);
    const { name } = this.#rows.get(box);
    name.focus();
    name.select();
  }

  #rebuild(columns) {
    const head = tag("tr", {}, tag("th", { scope: "col", textContent: "Name" }));
    for (const text of columns) head.append(tag("th", { scope: "col", className: "number", textContent: text }));
    head.append(tag("td"));
    this.#body = tag("tbody");
    this.holder.replaceChildren(tag("table", {}, tag("thead", {}, head), this.#body));
    this.#rows.clear();
    this.#columns = String(columns);
  }

  #add(box) {
    const name = tag("input", { type: "text", maxLength: 60, spellcheck: false, autocomplete: "off" });
    name.addEventListener("focus", () => { if (this.boxes.selected !== box) this.boxes.select(box); });
    name.addEventListener("change", () => {
      const fine = this.boxes.rename(box, name.value);
      name.value = box.name;
      name.setCustomValidity(fine ? "" : "Each box needs a name of its own.");
      if (!fine) name.reportValidity();
    });
    name.addEventListener("input", () => name.setCustomValidity(""));
    name.addEventListener("keydown", (event) => { if (event.key === "Enter") name.blur(); });
    const remove = tag("button", { type: "button", className: "quiet icon", textContent: "×", title: "Delete" });
    remove.addEventListener("click", () => {
      this.boxes.remove(box);
      (this.holder.querySelector("button.icon") ?? document.querySelector("#add")).focus();
    });
    const numbers = this.#columns.split(",").map(() => tag("td", { className: "number" }));
    const row = tag("tr", {}, tag("th", { scope: "row" }, name), ...numbers, tag("td", {}, remove));
    const places = PLACES.map(([field, label]) => this.#place(box, field, label));
    const holders = tag("div", { className: "places" }, ...places.map(({ holder }) => holder));
    const details = tag("tr", { className: "selected details" }, tag("td", { colSpan: numbers.length + 2 }, holders));
    this.#body.append(row, details);
    this.#rows.set(box, { row, details, name, remove, numbers, places });
  }

  #place(box, field, label) {
    const input = tag("input", { type: "number", min: 0, max: 100, step: 0.1 });
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
    const { row, name, remove, numbers, places } = parts;
    name.setAttribute("aria-label", `Name of ${box.name}`);
    remove.setAttribute("aria-label", `Delete ${box.name}`);
    if (document.activeElement !== name) name.value = box.name;
    for (const { field, input } of places) {
      if (document.activeElement !== input) input.value = String(Number((100 * box[field]).toFixed(2)));
    }
    const maps = this.maps();
    const shares = maps.map((saliency) => saliency?.share(box) ?? null);
    row.dataset.shares = JSON.stringify(shares);
    row.style.setProperty("--share", shares[0] ?? 0);
    const shown = shares.map((share) => (share === null ? "…" : percent(share)));
    if (maps.length > 2) {
      numbers.forEach((cell, at) => { cell.textContent = shown[at]; });
      return;
    }
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
