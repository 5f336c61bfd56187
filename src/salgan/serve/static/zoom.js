// How large pictures are shown: as a whole, as wide as there is room, or at any scale of their pixels.

const STEP = 1.25;
const [LEAST, MOST] = [0.05, 8];

/** The zoom of all pictures: "fit", "width", or CSS pixels per pixel. Tells its listeners when it changes. */
export class Zoom extends EventTarget {
  value = "fit";
  #frames = new Map(); // each with a function that gives the width of its picture in pixels
  #expected = new Map(); // where frames were scrolled to by the page itself

  /** Take part: `frame` holds a `stage` that shows a picture `widthOf()` pixels wide. */
  add(frame, stage, widthOf) {
    this.#frames.set(frame, { stage, widthOf });
    frame.addEventListener("wheel", (event) => {
      if (!event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      this.by(Math.exp(-Math.max(-60, Math.min(60, event.deltaY)) / 150), frame, event);
    }, { passive: false });
    frame.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const act = { "+": () => this.by(STEP, frame), "=": () => this.by(STEP, frame), "-": () => this.by(1 / STEP, frame),
        0: () => this.set("fit"), 1: () => this.set(1, frame), w: () => this.set("width", frame) }[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    });
    frame.addEventListener("scroll", () => this.#follow(frame));
    this.#apply(frame);
  }

  leave(frame) {
    this.#frames.delete(frame);
    this.#expected.delete(frame);
  }

  /** The scale at which a frame shows its picture now, the first one's if none is named; null without a picture. */
  scale(frame = [...this.#frames.keys()][0]) {
    const { stage, widthOf } = this.#frames.get(frame) ?? {};
    return stage && widthOf() ? stage.clientWidth / widthOf() : null;
  }

  larger() { this.by(STEP); }

  smaller() { this.by(1 / STEP); }

  /** Zoom from what is seen now, around a place of the page if there is one. */
  by(factor, frame = [...this.#frames.keys()][0], place = null) {
    const now = this.scale(frame);
    if (now) this.set(Math.min(MOST, Math.max(LEAST, now * factor)), frame, place);
  }

  /** Zoom; what lies in the middle of a frame, or at a place {clientX, clientY}, stays there. */
  set(value, frame = [...this.#frames.keys()][0], place = null) {
    const held = frame && this.#frames.has(frame) ? this.#hold(frame, place) : () => {};
    this.value = value;
    for (const each of this.#frames.keys()) this.#apply(each);
    held();
    this.dispatchEvent(new Event("zoom"));
  }

  #apply(frame) {
    const { stage, widthOf } = this.#frames.get(frame);
    frame.dataset.zoom = typeof this.value === "number" ? "scale" : this.value;
    stage.style.setProperty("--wide", typeof this.value === "number" ? `${this.value * widthOf()}px` : "100%");
  }

  /** Fit a frame to a picture that is new in it. */
  refresh(frame) {
    this.#apply(frame);
    this.dispatchEvent(new Event("zoom"));
  }

  #hold(frame, place) {
    const { stage } = this.#frames.get(frame);
    const [outer, before] = [frame.getBoundingClientRect(), stage.getBoundingClientRect()];
    const x = place ? place.clientX : outer.left + outer.width / 2;
    const y = place ? place.clientY : outer.top + outer.height / 2;
    const [across, down] = [(x - before.left) / before.width, (y - before.top) / before.height];
    return () => {
      const after = stage.getBoundingClientRect();
      frame.scrollBy(after.left + across * after.width - x, after.top + down * after.height - y);
    };
  }

  /** Show the same part of every picture, in fractions of what there is to scroll. */
  #follow(frame) {
    const [x, y] = [frame.scrollLeft, frame.scrollTop];
    const expected = this.#expected.get(frame);
    this.#expected.delete(frame);
    if (expected && Math.abs(expected[0] - x) < 2 && Math.abs(expected[1] - y) < 2) return;
    const part = (at, room) => (room > 0 ? at / room : 0);
    const across = part(x, frame.scrollWidth - frame.clientWidth);
    const down = part(y, frame.scrollHeight - frame.clientHeight);
    for (const other of this.#frames.keys()) {
      if (other === frame) continue;
      const to = [across * (other.scrollWidth - other.clientWidth), down * (other.scrollHeight - other.clientHeight)];
      if (Math.abs(to[0] - other.scrollLeft) < 1 && Math.abs(to[1] - other.scrollTop) < 1) continue;
      this.#expected.set(other, to);
      other.scrollTo(...to);
    }
  }
}
