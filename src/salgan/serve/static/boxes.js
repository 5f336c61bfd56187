// Boxes over pictures: one list of them, shown and edited on every stage.

import { percent } from "./paint.js";

const LEAST = 0.005; // of a side
const STEP = 0.01;
const MOST = 50; // as the service takes
const PAUSE = 1000; // milliseconds after which a further change of the same box is a step of its own
const MOST_STEPS = 200;

/** The list of boxes {id, name, x, y, width, height} in fractions; tells its listeners of every change. */
export class Boxes extends EventTarget {
  list = [];
  selected = null;
  #last = 0;
  #past = [];
  #future = [];
  #doing = { what: null, when: 0 };

  add(shape = this.#freePlace()) {
    if (this.list.length >= MOST) return null;
    this.#step(null);
    this.#last += 1;
    const box = { id: this.#last, name: this.#freeName(), ...kept(shape) };
    this.list.push(box);
    this.#doing = { what: `place ${box.id}`, when: performance.now() }; // drawing it is part of the same step
    this.select(box);
    return box;
  }

  /** Change a box; it never leaves the picture. */
  change(box, changes) {
    this.#step(`place ${box.id}`);
    Object.assign(box, kept({ ...box, ...changes }));
    this.#tell("change", box);
  }

  /** Name a box; names must not be empty or used twice. Returns whether the box now has the name. */
  rename(box, name) {
    const text = name.trim().slice(0, 60);
    const fine = text !== "" && !this.list.some((other) => other !== box && other.name === text);
    if (fine && text !== box.name) {
      this.#step(null);
      box.name = text;
    }
    this.#tell("change", box);
    return fine;
  }

  /** Take over shapes with names, in one step; a box of the same name moves. Returns how many there was no room for. */
  take(shapes) {
    this.#step(null);
    let left = 0;
    for (const { name, ...shape } of shapes) {
      const box = this.list.find((other) => other.name === name);
      if (box) Object.assign(box, kept(shape));
      else if (this.list.length >= MOST) left += 1;
      else this.list.push({ id: this.#last += 1, name, ...kept(shape) });
    }
    this.select(null);
    return left;
  }

  /** Take back the last step; returns whether there was one. */
  undo() {
    return this.#swap(this.#past, this.#future);
  }

  /** Do again what was taken back. */
  redo() {
    return this.#swap(this.#future, this.#past);
  }

  get steps() {
    return this.#past.length;
  }

  remove(box) {
    this.#step(null);
    this.list = this.list.filter((other) => other !== box);
    this.select(this.selected === box ? null : this.selected);
  }

  select(box) {
    this.selected = box;
    this.#tell("list", box);
  }

  /** Remember how the boxes are before a change; a series of changes of one kind is one step. */
  #step(what) {
    const when = performance.now();
    if (what === null || what !== this.#doing.what || when - this.#doing.when > PAUSE) {
      this.#past.push(this.list.map((box) => ({ ...box })));
      this.#past.splice(0, this.#past.length - MOST_STEPS);
      this.#future = [];
    }
    this.#doing = { what, when };
  }

  #swap(from, to) {
    const before = from.pop();
    if (!before) return false;
    to.push(this.list.map((box) => ({ ...box })));
    const present = new Map(this.list.map((box) => [box.id, box]));
    this.list = before.map((box) => Object.assign(present.get(box.id) ?? {}, box)); // the same objects live on
    this.#doing = { what: null, when: 0 };
    this.select(this.list.includes(this.selected) ? this.selected : null);
    return true;
  }

  #tell(kind, box) {
    this.dispatchEvent(new CustomEvent(kind, { detail: box }));
  }

  #freeName() {
    for (let number = 1; ; number += 1) {
      const name = `Box ${number}`;
      if (!this.list.some((box) => box.name === name)) return name;
    }
  }

  #freePlace() {
    const shift = 0.04 * (this.list.length % 8);
    return { x: 0.3 + shift, y: 0.35 + shift, width: 0.3, height: 0.2 };
  }
}

/** A shape moved and cut so that it lies in the picture and can be seen. */
function kept({ x, y, width, height }) {
  const [w, h] = [width, height].map((side) => Math.min(1, Math.max(LEAST, side)));
  return { x: Math.min(1 - w, Math.max(0, x)), y: Math.min(1 - h, Math.max(0, y)), width: w, height: h };
}

/** Shows the boxes on one stage and lets the mouse, a finger and the keyboard change them. */
export class BoxLayer {
  #elements = new Map();

  constructor(layer, boxes, { shareOf, onRename }) {
    Object.assign(this, { layer, boxes, shareOf, onRename });
    boxes.addEventListener("list", () => this.refresh());
    boxes.addEventListener("change", (event) => this.#place(event.detail));
    layer.addEventListener("pointerdown", (event) => this.#draw(event));
  }

  refresh() {
    for (const [box, element] of this.#elements) {
      if (!this.boxes.list.includes(box)) {
        element.remove();
        this.#elements.delete(box);
      }
    }
    for (const box of this.boxes.list) {
      if (!this.#elements.has(box)) this.#elements.set(box, this.#create(box));
      this.#place(box);
    }
  }

  focus(box) {
    this.#elements.get(box)?.focus();
  }

  #create(box) {
    const element = document.createElement("div");
    element.className = "box";
    element.tabIndex = 0;
    element.setAttribute("role", "group");
    element.setAttribute("aria-roledescription", "box");
    element.setAttribute("aria-describedby", "box-help");
    element.append(Object.assign(document.createElement("span"), { className: "tag" }));
    for (const corner of ["nw", "ne", "sw", "se"]) {
      const grip = Object.assign(document.createElement("i"), { className: `grip ${corner}` });
      grip.addEventListener("pointerdown", (event) => this.#drag(event, box, corner));
      element.append(grip);
    }
    element.addEventListener("pointerdown", (event) => this.#drag(event, box, "move"));
    element.addEventListener("keydown", (event) => this.#key(event, box));
    element.addEventListener("focus", () => { if (this.boxes.selected !== box) this.boxes.select(box); });
    element.addEventListener("dblclick", () => this.onRename(box));
    this.layer.append(element);
    return element;
  }

  #place(box) {
    const element = this.#elements.get(box);
    if (!element) return;
    for (const [side, value] of [["left", box.x], ["top", box.y], ["width", box.width], ["height", box.height]]) {
      element.style[side] = `${100 * value}%`;
    }
    const share = this.shareOf(box);
    const words = share === null ? "" : percent(share);
    element.querySelector(".tag").textContent = `${box.name}  ${words}`.trim();
    element.classList.toggle("selected", this.boxes.selected === box);
    element.classList.toggle("low", box.y < 0.08);
    element.setAttribute("aria-label", `${box.name}, ${words} of the attention`);
  }

  /** A new box by dragging over the picture. A finger scrolls there, so it uses the button instead. */
  #draw(event) {
    if (event.target !== this.layer || event.button !== 0 || event.pointerType === "touch") return;
    event.preventDefault();
    this.boxes.select(null);
    const start = this.#at(event);
    let box = null;
    this.#follow(event, (to) => {
      const shape = spanned(start, to);
      if (!box && Math.hypot(shape.width * this.layer.clientWidth, shape.height * this.layer.clientHeight) > 6) {
        box = this.boxes.add(shape);
      } else if (box) this.boxes.change(box, shape);
    }, () => { if (box) this.focus(box); });
  }

  #drag(event, box, handle) {
    if (event.button !== 0) return;
    event.preventDefault();
    event.stopPropagation();
    this.focus(box);
    const [start, before] = [this.#at(event), { ...box }];
    this.#follow(event, (to) => {
      const [dx, dy] = [to.x - start.x, to.y - start.y];
      if (handle === "move") this.boxes.change(box, { x: before.x + dx, y: before.y + dy });
      else {
        const [west, north] = [handle.includes("w"), handle.includes("n")];
        const fixed = { x: before.x + (west ? before.width : 0), y: before.y + (north ? before.height : 0) };
        const moved = { x: before.x + (west ? 0 : before.width) + dx, y: before.y + (north ? 0 : before.height) + dy };
        this.boxes.change(box, spanned(fixed, { x: clipped(moved.x), y: clipped(moved.y) }));
      }
    });
  }

  #follow(event, onMove, onEnd = () => {}) {
    const { target, pointerId } = event;
    target.setPointerCapture(pointerId);
    const move = (next) => { if (next.pointerId === pointerId) onMove(this.#at(next)); };
    const end = () => {
      target.removeEventListener("pointermove", move);
      onEnd();
    };
    target.addEventListener("pointermove", move);
    target.addEventListener("lostpointercapture", end, { once: true });
  }

  #key(event, box) {
    if (event.target !== event.currentTarget) return;
    const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (direction) {
      const [dx, dy] = direction.map((sign) => sign * STEP * (event.altKey ? 0.1 : 1));
      if (event.shiftKey) {
        const [width, height] = [Math.min(1 - box.x, box.width + dx), Math.min(1 - box.y, box.height + dy)];
        this.boxes.change(box, { width, height });
      } else this.boxes.change(box, { x: box.x + dx, y: box.y + dy });
    } else if (event.key === "Delete" || event.key === "Backspace") this.boxes.remove(box);
    else if (event.key === "Enter" || event.key === "F2") this.onRename(box);
    else if (event.key === "Escape") event.currentTarget.blur();
    else return;
    event.preventDefault();
  }

  #at(event) {
    const place = this.layer.getBoundingClientRect();
    return { x: clipped((event.clientX - place.left) / place.width), y: clipped((event.clientY - place.top) / place.height) };
  }
}

function spanned(from, to) {
  return {
    x: Math.min(from.x, to.x), y: Math.min(from.y, to.y),
    width: Math.abs(to.x - from.x), height: Math.abs(to.y - from.y),
  };
}

function clipped(value) {
  return Math.min(1, Math.max(0, value));
}
