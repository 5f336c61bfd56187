// The list of boxes: what they are called, where they lie, and how changes of them are undone.

const LEAST = 0.0001; // of a side: about a pixel of the longest page
const MOST = 50; // as the service takes
const PAUSE = 1000; // milliseconds after which a further change of the same box is a step of its own
const MOST_STEPS = 200;

/**
 * The list of boxes {id, name, x, y, width, height, own}, in fractions; tells its listeners of every change.
 *
 * `own` has the places that a box has in some pictures only, by the picture's key; null says that it is not there.
 */
export class Boxes extends EventTarget {
  list = [];
  selected = null;
  where = null; // the key of the picture in which the selected box was touched
  apart = false; // whether a change counts for the touched picture only
  #last = 0;
  #past = [];
  #future = [];
  #doing = { what: null, when: 0 };

  /** Where a box lies in a picture: {x, y, width, height}, or null if it is not there. */
  at(box, key) {
    return Object.hasOwn(box.own, key) ? box.own[key] : box;
  }

  /** The boxes of a picture, as {name, x, y, width, height}. */
  in(key) {
    return this.list.flatMap((box) => {
      const place = this.at(box, key);
      return place ? [{ ...shapeOf(place), name: box.name, id: box.id }] : [];
    });
  }

  add(shape = this.#freePlace()) {
    if (this.list.length >= MOST) return null;
    this.#step(null);
    this.#last += 1;
    const box = { id: this.#last, name: this.#freeName(), ...kept(shape), own: {} };
    this.list.push(box);
    this.#doing = { what: placing(box), when: performance.now() }; // drawing it is part of the same step
    this.select(box);
    return box;
  }

  /** Change a box's place, in the picture of that key only if the box lies apart there; it never leaves the picture. */
  change(box, changes, key = null) {
    const alone = key !== null && (this.apart || Object.hasOwn(box.own, key));
    this.#step(placing(box, alone ? key : ""));
    const shape = { ...shapeOf(alone ? this.at(box, key) ?? box : box), ...changes };
    // A side that is moved ends at the picture's edge; the others stay where they are.
    if (!("x" in changes)) shape.width = Math.min(shape.width, 1 - shape.x);
    if (!("y" in changes)) shape.height = Math.min(shape.height, 1 - shape.y);
    if (alone) box.own[key] = kept(shape);
    else Object.assign(box, kept(shape));
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
    for (const { name, own, ...shape } of shapes) {
      const places = Object.entries(own ?? {}).map(([key, place]) => [key, place && kept(place)]);
      const found = { ...kept(shape), own: Object.fromEntries(places) };
      const box = this.list.find((other) => other.name === name);
      if (box) Object.assign(box, found);
      else if (this.list.length >= MOST) left += 1;
      else this.list.push({ id: this.#last += 1, name, ...found });
    }
    this.select(null);
    return left;
  }

  /** Delete a box, in one picture only if boxes are changed apart. */
  remove(box, key = null) {
    this.#step(null);
    if (key !== null && this.apart) {
      box.own[key] = null;
      this.select(this.selected);
      return;
    }
    this.list = this.list.filter((other) => other !== box);
    this.select(this.selected === box ? null : this.selected);
  }

  /** Give a box one place in all pictures again. */
  rejoin(box) {
    this.#step(null);
    box.own = {};
    this.select(box);
  }

  /** Forget the places in a picture that is gone; this is not undone, as the picture is not. */
  forget(key) {
    const without = (list) => list.map((box) => {
      const { [key]: _, ...own } = box.own;
      return { ...box, own };
    });
    for (const box of this.list) delete box.own[key];
    this.#past = this.#past.map(without);
    this.#future = this.#future.map(without);
    if (this.where === key) this.where = null;
  }

  /** Take a list that was kept, or none, without a past. */
  reset(list = []) {
    this.list = list;
    this.#last = Math.max(0, ...list.map((box) => box.id));
    this.#past = [];
    this.#future = [];
    this.select(null);
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

  select(box, key = this.where) {
    this.selected = box;
    this.where = key;
    this.#tell("list", box);
  }

  /** Remember how the boxes are before a change; a series of changes of one kind is one step. */
  #step(what) {
    const when = performance.now();
    if (what === null || what !== this.#doing.what || when - this.#doing.when > PAUSE) {
      this.#past.push(this.list.map(copied));
      this.#past.splice(0, this.#past.length - MOST_STEPS);
      this.#future = [];
    }
    this.#doing = { what, when };
  }

  #swap(from, to) {
    const before = from.pop();
    if (!before) return false;
    to.push(this.list.map(copied));
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

/** The name of the step that changes a box's place. */
function placing(box, key = "") {
  return `place ${box.id} ${key}`;
}

function copied(box) {
  return { ...box, own: { ...box.own } };
}

function shapeOf({ x, y, width, height }) {
  return { x, y, width, height };
}

/** A shape moved, and cut if it is larger than the picture, so that it lies in the picture. */
function kept({ x, y, width, height }) {
  const [w, h] = [width, height].map((side) => Math.min(1, Math.max(LEAST, side)));
  return { x: Math.min(1 - w, Math.max(0, x)), y: Math.min(1 - h, Math.max(0, y)), width: w, height: h };
}
