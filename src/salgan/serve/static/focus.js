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
