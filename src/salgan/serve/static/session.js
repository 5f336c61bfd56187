// Keeps the pictures and boxes in this browser, so that a reload does not lose them. Nothing of this is sent anywhere.

const NAME = "salgan-page";
const STORE = "session";
const STATE = "state";
const FORM = 1; // of what is kept; what has another is left out
const PAUSE = 250; // milliseconds without a change before it is written down
const ANSWERS = 8000; // milliseconds in which the store opens
const PATIENCE = 1500; // for the tab that a reload replaces to let go

/** The session of this browser. `onTrouble` gets one line if it cannot be kept. */
export class Session {
  #database = null;
  #timer;
  #state = null;
  #kept = new Set();
  #troubled = false;

  constructor(onTrouble) {
    this.onTrouble = onTrouble;
  }

  /** Open the store and return what was kept, as {state, pictures}, or null. */
  async open() {
    try {
      if (!(await onlyTab())) {
        this.onTrouble("Another tab keeps its session in this browser; this one is lost when it is reloaded.");
        return null;
      }
      this.#database = await opened();
      const state = await this.#ask("readonly", (store) => store.get(STATE));
      if (state?.form !== FORM) return null;
      const pictures = [];
      for (const key of state.order) {
        const picture = await this.#ask("readonly", (store) => store.get(`picture ${key}`));
        if (!picture) continue;
        this.#kept.add(key);
        pictures.push({ ...picture, key });
      }
      return { state, pictures };
    } catch (error) {
      this.#refused(error);
      return null;
    }
  }

  /** Keep a picture {key, name, blob, note, size}. */
  async keep({ key, name, blob, note, size }) {
    if (!this.#database) return;
    try {
      // What lies in memory is kept; a file on a disk may be gone when it is needed.
      const copy = new Blob([await blob.arrayBuffer()], { type: blob.type });
      await this.#ask("readwrite", (store) => store.put({ name, blob: copy, note, size }, `picture ${key}`));
      this.#kept.add(key);
    } catch (error) {
      this.#refused(error);
    }
  }

  /** Keep everything else, {order, boxes, settings}, a little later. */
  note(state) {
    this.#state = { form: FORM, ...state };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.write(), PAUSE);
  }

  /** Write down what was noted, and throw away pictures that are no longer there. */
  async write() {
    clearTimeout(this.#timer);
    const state = this.#state;
    if (!this.#database || !state) return;
    this.#state = null;
    try {
      await this.#ask("readwrite", (store) => {
        for (const key of this.#kept) {
          if (state.order.includes(key)) continue;
          store.delete(`picture ${key}`);
          this.#kept.delete(key);
        }
        return store.put(state, STATE);
      });
    } catch (error) {
      this.#refused(error);
    }
  }

  /** Throw away everything that is kept. */
  async clear() {
    clearTimeout(this.#timer);
    this.#state = null;
    this.#kept.clear();
    if (this.#database) await this.#ask("readwrite", (store) => store.clear()).catch((error) => this.#refused(error));
  }

  #ask(mode, act) {
    return new Promise((resolve, reject) => {
      const transaction = this.#database.transaction(STORE, mode);
      const request = act(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error ?? request.error);
      transaction.onerror = () => reject(transaction.error ?? request.error);
    });
  }

  /** Say what is wrong, the first time: what follows from it would hide the reason. */
  #refused(error) {
    if (this.#troubled) return;
    this.#troubled = true;
    const why = error?.name === "QuotaExceededError" ? "its space is full" : error?.message || error?.name || "unknown";
    this.onTrouble(`This browser does not keep the session (${why.replace(/\.$/, "")}); a reload loses it.`);
  }
}

function opened() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("another tab holds it"));
    setTimeout(() => reject(new Error("its store does not answer")), ANSWERS); // pictures must not wait for it for ever
  });
}

/** Whether no other tab has the session; this one has it from now on. */
async function onlyTab() {
  if (!navigator.locks) return true; // browsers have them on safe origins only
  // Asked without a clock first: a browser that is slow to answer does not have another tab for that.
  return await locked({ ifAvailable: true }) || locked({ signal: AbortSignal.timeout(PATIENCE) });
}

function locked(options) {
  return new Promise((resolve) => {
    navigator.locks.request(NAME, options, (lock) => {
      resolve(Boolean(lock));
      return lock && new Promise(() => {}); // until the tab is closed
    }).catch(() => resolve(false));
  });
}
