// The page: pictures in, boxes and views over them.

import * as api from "./api.js";
import { Boxes } from "./boxes.js";
import { percent } from "./paint.js";
import { RegionTable } from "./regions.js";
import { Stage } from "./stage.js";

const one = (selector) => document.querySelector(selector);

const page = {
  settings: null,
  boxes: new Boxes(),
  view: "overlay",
  opacity: 0.7, // the library's
  rename: (box) => table.rename(box),
  alert: showAlert,
};
const stages = [null, null];
let comparing = false;
let wanted = 0; // the place that the file chooser is open for
let speaking;
let starting = null;

const table = new RegionTable(one("#regions"), page.boxes, () => stages.filter(Boolean).map((stage) => stage.saliency));

/** Put a file into a place: 0 is the picture, and 1 is the one beside it. */
async function load(file, place) {
  hideAlert();
  const fresh = !stages[place];
  const stage = stages[place] ?? new Stage(page);
  if (fresh) {
    stage.addEventListener("remove", () => remove(stage));
    stage.addEventListener("prepared", () => { stages[place] = stage; arrange(); }, { once: true });
  }
  if (place === 0) document.body.classList.add("waiting");
  try {
    await ready();
    await stage.load(file);
    say(`${file.name}: the map is there. Draw or add boxes to read their share of the attention.`);
  } catch (error) {
    if (error.name !== "AbortError") showAlert(`${file.name}: ${error.message}`);
  } finally {
    document.body.classList.remove("waiting");
    table.refresh();
  }
}

function remove(stage) {
  stage.leave();
  if (stages[0] === stage) stages[0] = stages[1];
  stages[1] = null;
  comparing = false;
  arrange();
  page.boxes.select(page.boxes.selected);
  one("#compare").focus();
}

/** Lay the pictures out: one alone, two side by side, or one beside an empty place. */
function arrange() {
  const shown = stages.filter(Boolean);
  one("#welcome").hidden = shown.length > 0;
  one("#work").hidden = shown.length === 0;
  if (stages[1]) comparing = true;
  const elements = shown.map((stage, at) => {
    stage.letter(shown.length > 1 ? "AB"[at] : "", shown.length > 1);
    return stage.element;
  });
  const holder = one("#pictures");
  if (comparing && shown.length === 1) {
    elements.push(holder.querySelector(".empty") ?? one("#empty-template").content.firstElementChild.cloneNode(true));
  }
  holder.replaceChildren(...elements);
  holder.classList.toggle("two", elements.length > 1);
  one("#compare").hidden = comparing;
  table.refresh();
}

function take(files) {
  const [first, second] = files;
  if (!first) return;
  if (second) {
    load(first, 0).then(() => load(second, 1));
  } else load(first, comparing && !stages[1] && stages[0] ? 1 : 0);
}

function look() {
  page.view = one("input[name=view]:checked").value;
  page.opacity = one("#opacity").valueAsNumber / 100;
  one("#opacity-value").textContent = `${one("#opacity").value} %`;
  one("#opacity").disabled = page.view !== "overlay";
  one("#legend").hidden = page.view === "contours";
  one(".legend-lines").hidden = page.view !== "contours";
  for (const stage of stages) stage?.show();
}

function boxesChanged(event) {
  const box = event.detail;
  const { list } = page.boxes;
  one("#no-regions").hidden = list.length > 0;
  if (!box || !list.includes(box)) return;
  const words = stages.filter((stage) => stage?.saliency).map((stage) => percent(stage.saliency.share(box)));
  say(`${box.name}: ${words.join(" and ")} of the attention`);
}

/** Announce something to people who listen rather than look; only the last words before a pause are said. */
function say(text) {
  clearTimeout(speaking);
  speaking = setTimeout(() => { one("#say").textContent = text; }, 500);
}

function showAlert(text) {
  one("#alert p").textContent = text;
  one("#alert").hidden = false;
}

let asking = null;

/** Show the form for the token, once for all who wait for it; the promise is kept when it is filled in. */
function askForToken(again) {
  const form = one("#token");
  form.querySelector("p").hidden = !again;
  form.hidden = false;
  form.querySelector("input").focus();
  asking ??= new Promise((resolve) => {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      form.hidden = true;
      asking = null;
      resolve(form.querySelector("input").value.trim());
    }, { once: true });
  });
  return asking;
}

function hideAlert() {
  one("#alert").hidden = true;
}

/** The service's settings, fetched once, or again if that failed. */
function ready() {
  starting ??= start().catch((error) => {
    starting = null;
    throw error;
  });
  return starting;
}

async function start() {
  const settings = await api.settings();
  page.settings = settings;
  one("#model").textContent = `model ${settings.model}`;
  const stops = settings.look.colours.filter((_, at) => at % 15 === 0).map((colour) => `rgb(${colour})`);
  one("#legend i").style.background = `linear-gradient(90deg, ${stops})`;
}

function listen() {
  one("#opacity").value = 100 * page.opacity;
  one("#opacity").addEventListener("input", look);
  for (const input of document.querySelectorAll("input[name=view]")) input.addEventListener("change", look);
  one("#alert button").addEventListener("click", hideAlert);
  one("#add").addEventListener("click", () => {
    const box = page.boxes.add();
    if (box) stages[0].layer.focus(box);
    else showAlert("There are 50 boxes already, as many as the service takes.");
  });
  one("#compare").addEventListener("click", () => {
    comparing = true;
    arrange();
    one(".empty [data-choose]").focus();
  });
  document.addEventListener("click", (event) => {
    const choose = event.target.closest("[data-choose]");
    if (choose) {
      wanted = Number(choose.dataset.choose);
      one("#file").click();
    } else if (event.target.closest("[data-cancel]")) {
      comparing = false;
      arrange();
      one("#compare").focus();
    }
  });
  one("#file").addEventListener("change", (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (file) load(file, wanted);
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) take(event.clipboardData.files);
  });
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    one("#drop").hidden = false;
  });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) one("#drop").hidden = true; });
  document.addEventListener("drop", (event) => {
    one("#drop").hidden = true;
    if (!hasFiles(event)) return;
    event.preventDefault();
    take(event.dataTransfer.files);
  });
  page.boxes.addEventListener("list", boxesChanged);
  page.boxes.addEventListener("change", boxesChanged);
}

api.onToken(askForToken);
listen();
look();
ready().catch((error) => showAlert(error.message));
