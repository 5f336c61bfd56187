// The keyboard's focus stays where it was, or goes to what is nearest to that.

/** Do something; if it took the focused element away, focus the first of `others` that is there. */
export function keepFocus(run, ...others) {
  const before = document.activeElement;
  const result = run();
  if (before && before !== document.body && !isThere(before)) {
    others.map((other) => (typeof other === "function" ? other() : other)).find(isThere)?.focus();
  }
  return result;
}

/** Whether an element can have the focus now. */
export function isThere(element) {
  return Boolean(element?.isConnected && element.getClientRects().length && !element.disabled);
}

/** Switch a button off, or on, without taking the keyboard's focus from it. */
export function setAvailable(button, available) {
  button.setAttribute("aria-disabled", String(!available));
}

/** Do something when a button is pressed that may be switched off like this. */
export function whenAvailable(button, act) {
  button.addEventListener("click", () => { if (button.getAttribute("aria-disabled") !== "true") act(); });
}
