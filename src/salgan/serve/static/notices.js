// What the page says: to everybody, to people who listen, and when the service asks for a token.

import { isThere } from "./focus.js";

const one = (selector) => document.querySelector(selector);

let speaking;
let asking = null;
let focused = null; // what had the keyboard before an alert or a question came

/** Announce something to people who listen rather than look; only the last words before a pause are said. */
export function say(text) {
  clearTimeout(speaking);
  speaking = setTimeout(() => { one("#say").textContent = text; }, 500);
}

export function showAlert(text) {
  if (one("#alert").hidden) focused = document.activeElement;
  one("#alert p").textContent = text;
  one("#alert").hidden = false;
}

export function hideAlert() {
  const mine = one("#alert").contains(document.activeElement);
  one("#alert").hidden = true;
  if (mine) (isThere(focused) ? focused : one("#main")).focus();
}

/** Show the form for the token, once for all who wait for it; the promise is kept when it is filled in. */
export function askForToken(again) {
  const form = one("#token");
  if (form.hidden) focused = document.activeElement;
  form.querySelector("p").hidden = !again;
  form.hidden = false;
  form.querySelector("input").focus();
  asking ??= new Promise((resolve) => {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      form.hidden = true;
      asking = null;
      (isThere(focused) ? focused : one("#main")).focus();
      resolve(form.querySelector("input").value.trim());
    }, { once: true });
  });
  return asking;
}

/** Ask whether to do what cannot be undone: a promise of true or false. Esc is a no. */
export function confirmed(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
