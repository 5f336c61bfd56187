// The boxes over one picture, and what the mouse, a finger and the keyboard do to them.

const STEP = 0.01;
const STARTS = 6; // pixels that the mouse moves before a box begins
const GAP = 10; // pixels between a box and its label: the handles reach so far

/**
 * Shows the boxes on one picture, whose key tells which places of its own a box has there.
 *
 * `wordsOf(box)` gives {label, spoken}: what stands behind a box's name, and what is read aloud.
 */
export class BoxLayer {
  #elements = new Map();
  #tags = new Map(); // where the labels lie, so that none lies on another

  constructor(layer, boxes, { key, wordsOf, onRename }) {
    Object.assign(this, { layer, boxes, key, wordsOf, onRename });
    this.stop = new AbortController();
    const { signal } = this.stop;
    boxes.addEventListener("list", () => this.refresh(), { signal });
    boxes.addEventListener("change", (event) => this.#place(event.detail), { signal });
    layer.addEventListener("pointerdown", (event) => this.#draw(event));
    const sizes = new ResizeObserver(() => this.refresh());
    sizes.observe(layer);
    signal.addEventListener("abort", () => sizes.disconnect());
  }

  refresh() {
    const there = new Set(this.boxes.list.filter((box) => this.boxes.at(box, this.key)));
    for (const [box, element] of this.#elements) {
      if (there.has(box)) continue;
      element.remove();
      this.#elements.delete(box);
      this.#tags.delete(box);
    }
    for (const box of there) {
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
    element.addEventListener("focus", () => {
      if (this.boxes.selected !== box || this.boxes.where !== this.key) this.boxes.select(box, this.key);
    });
    element.addEventListener("dblclick", () => this.onRename(box));
    this.layer.append(element);
    return element;
  }

  #place(box) {
    const element = this.#elements.get(box);
    const place = this.boxes.at(box, this.key);
    if (!element || !place) return;
    for (const side of ["x", "y", "width", "height"]) {
      element.style[{ x: "left", y: "top" }[side] ?? side] = `${100 * place[side]}%`;
    }
    const { label, spoken } = this.wordsOf(box);
    element.querySelector(".tag").textContent = `${box.name}  ${label}`.trim();
    element.classList.toggle("selected", this.boxes.selected === box);
    element.classList.toggle("own", Object.hasOwn(box.own, this.key));
    element.setAttribute("aria-label", `${box.name}, ${spoken}`);
    this.#placeTag(box, element, place);
  }

  #placeTag(box, element, { x, y, width, height }) {
    const [wide, high] = [this.layer.clientWidth, this.layer.clientHeight];
    if (!wide) return;
    const tag = element.querySelector(".tag");
    tag.style.maxWidth = `${wide}px`;
    const frame = { left: x * wide, top: y * high, width: width * wide, height: height * high };
    const taken = [...this.#tags].filter(([other]) => other !== box).map(([, rectangle]) => rectangle);
    const others = this.boxes.list.filter((other) => other !== box).map((other) => this.boxes.at(other, this.key)).filter(Boolean)
      .map((other) => ({ left: other.x * wide, top: other.y * high, width: other.width * wide, height: other.height * high }));
    const found = tagPlace(frame, { width: tag.offsetWidth, height: tag.offsetHeight }, { width: wide, height: high }, taken, others);
    this.#tags.set(box, found);
    tag.style.left = `${found.left - frame.left - element.clientLeft}px`;
    tag.style.top = `${found.top - frame.top - element.clientTop}px`;
  }

  /** A new box by dragging over the picture. A finger scrolls there, so it uses the button instead. */
  #draw(event) {
    const nested = event.shiftKey && event.target.closest?.(".box"); // Shift draws inside another box
    if ((event.target !== this.layer && !nested) || event.button !== 0 || event.pointerType === "touch") return;
    event.preventDefault();
    this.boxes.select(null, this.key);
    const start = this.#at(event);
    let box = null;
    this.#follow(event, (to) => {
      const shape = spanned(start, to);
      if (!box && Math.hypot(shape.width * this.layer.clientWidth, shape.height * this.layer.clientHeight) > STARTS) {
        box = this.boxes.add(shape);
      } else if (box) this.boxes.change(box, shape);
    }, () => { if (box) this.focus(box); });
  }

  #drag(event, box, handle) {
    if (event.button !== 0 || event.shiftKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.focus(box);
    const [start, before] = [this.#at(event), { ...this.boxes.at(box, this.key) }];
    this.#follow(event, (to) => {
      const [dx, dy] = [to.x - start.x, to.y - start.y];
      if (handle === "move") this.boxes.change(box, { x: before.x + dx, y: before.y + dy }, this.key);
      else {
        const [west, north] = [handle.includes("w"), handle.includes("n")];
        const fixed = { x: before.x + (west ? before.width : 0), y: before.y + (north ? before.height : 0) };
        const moved = { x: before.x + (west ? 0 : before.width) + dx, y: before.y + (north ? 0 : before.height) + dy };
        this.boxes.change(box, spanned(fixed, { x: clipped(moved.x), y: clipped(moved.y) }), this.key);
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
      this.boxes.select(this.boxes.selected); // the labels of other boxes make way
    };
    target.addEventListener("pointermove", move);
    target.addEventListener("lostpointercapture", end, { once: true });
  }

  #key(event, box) {
    if (event.target !== event.currentTarget) return;
    const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (direction) {
      const [dx, dy] = direction.map((sign) => sign * STEP * (event.altKey ? 0.1 : 1));
      const { x, y, width, height } = this.boxes.at(box, this.key);
      const changes = event.shiftKey ? { width: width + dx, height: height + dy } : { x: x + dx, y: y + dy };
      this.boxes.change(box, changes, this.key);
    } else if (event.key === "Delete" || event.key === "Backspace") this.#remove(box);
    else if (event.key === "Enter" || event.key === "F2") this.onRename(box);
    else if (event.key === "Escape") event.currentTarget.closest(".frame").focus();
    else return;
    event.preventDefault();
  }

  /** Delete a box; the keyboard goes on with the next one on this picture. */
  #remove(box) {
    const element = this.#elements.get(box);
    const next = element.nextElementSibling ?? element.previousElementSibling;
    this.boxes.remove(box, this.key);
    (next?.isConnected ? next : this.layer.closest(".frame")).focus();
  }

  #at(event) {
    const place = this.layer.getBoundingClientRect();
    return { x: clipped((event.clientX - place.left) / place.width), y: clipped((event.clientY - place.top) / place.height) };
  }
}

/**
 * Where a label goes, in pixels: above its box, below it or inside, always in the picture and off the handles. Where there
 * is such a place it is on no other label, and on the edge of no other box.
 */
export function tagPlace(box, tag, picture, taken = [], others = []) {
  const left = Math.max(0, Math.min(box.left, picture.width - tag.width));
  const inside = Math.max(0, Math.min(box.left + GAP, picture.width - tag.width));
  const roomy = box.height >= tag.height + 2 * GAP && box.width >= tag.width + 2 * GAP;
  const places = [
    { left, top: box.top - GAP - tag.height },
    { left, top: box.top + box.height + GAP },
    ...(roomy ? [{ left: inside, top: box.top + GAP }] : []),
  ].filter(({ top }) => top >= 0 && top + tag.height <= picture.height)
    .map((place) => ({ ...place, width: tag.width, height: tag.height }));
  const last = { left: inside, top: Math.max(0, Math.min(box.top + GAP, picture.height - tag.height)), width: tag.width, height: tag.height };
  const free = places.filter((place) => !taken.some((other) => overlap(place, other)));
  return free.find((place) => !others.some((other) => crosses(place, other))) ?? free[0] ?? places[0] ?? last;
}

/** Whether a label lies on the edge or the handles of a box; inside the box it does not. */
function crosses(tag, box) {
  const grown = { left: box.left - GAP, top: box.top - GAP, width: box.width + 2 * GAP, height: box.height + 2 * GAP };
  const within = tag.left >= box.left + GAP && tag.left + tag.width <= box.left + box.width - GAP
    && tag.top >= box.top + GAP && tag.top + tag.height <= box.top + box.height - GAP;
  return overlap(tag, grown) && !within;
}

function overlap(one, other) {
  return one.left < other.left + other.width && other.left < one.left + one.width
    && one.top < other.top + other.height && other.top < one.top + one.height;
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
