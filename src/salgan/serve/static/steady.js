// What is noise and what a difference: the intervals of shares among views of a picture, and the verdicts from them.

import * as api from "./api.js";

const PAUSE = 600; // milliseconds without a change after which it is worth measuring

/**
 * Measures how steady the shares on each picture are, in the background; tells its listeners when something is known.
 *
 * `wanted()` gives the pictures {key, blob, saliency} and their boxes as [picture, boxes] pairs. Whatever was measured
 * is kept as long as its picture is there.
 */
export class Steadiness extends EventTarget {
  state = "off"; // or "measuring", "known", "failed"
  trouble = "";
  #found = new Map(); // by picture: {noise, intervals by place}
  #asked = "";
  #timer;
  #abort = null;

  constructor(wanted) {
    super();
    this.wanted = wanted;
  }

  /** Measure what is new once nothing changes any more; what failed is tried again if that is asked for. */
  plan(again = false) {
    if (!api.measured) return;
    const asked = JSON.stringify(this.wanted().map(([{ key }, boxes]) => [key, boxes.map(named)]));
    if (asked === this.#asked && !again) return;
    this.#asked = asked;
    clearTimeout(this.#timer);
    this.#abort?.abort();
    const missing = this.#missing().length > 0;
    if (missing) this.#timer = setTimeout(() => this.#measure(), PAUSE);
    this.#tell(missing ? "measuring" : "known");
  }

  /** The lowest and the highest share of a place on a picture, or null if they are not known. */
  interval(picture, place) {
    return this.#found.get(picture)?.intervals.get(named(place)) ?? null;
  }

  /** How much of the attention moves among the views of a picture, or null. */
  noise(picture) {
    return this.#found.get(picture)?.noise ?? null;
  }

  forget(picture) {
    this.#found.delete(picture);
  }

  #missing() {
    return this.wanted().flatMap(([picture, boxes]) => {
      const unknown = boxes.filter((box) => !this.interval(picture, box));
      return this.noise(picture) === null || unknown.length ? [[picture, unknown]] : [];
    });
  }

  async #measure() {
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    try {
      for (const [picture, boxes] of this.#missing()) {
        const { noise, intervals } = await api.measured(picture.blob, boxes, signal);
        const found = this.#found.get(picture) ?? { intervals: new Map() };
        for (const box of boxes) found.intervals.set(named(box), intervals.get(box.id));
        this.#found.set(picture, Object.assign(found, { noise }));
        this.dispatchEvent(new Event("known"));
      }
      if (!signal.aborted) this.#tell("known");
    } catch (error) {
      if (signal.aborted) return;
      this.trouble = error.message;
      this.#tell("failed");
    }
  }

  #tell(state) {
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}

/** Whether two intervals lie apart, so that a change is more than noise; null if one of them is not known. */
export function differ(one, other) {
  return one && other ? one[1] < other[0] || other[1] < one[0] : null;
}

/** Which of several intervals surely lies highest: its place in the list, or null. */
export function highest(intervals) {
  const known = intervals.filter(Boolean);
  if (known.length < 2) return null;
  const best = known.reduce((most, each) => (each[0] > most[0] ? each : most));
  return known.every((each) => each === best || each[1] < best[0]) ? intervals.indexOf(best) : null;
}

function named({ x, y, width, height }) {
  return [x, y, width, height].join(" ");
}
