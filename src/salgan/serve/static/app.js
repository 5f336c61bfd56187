// The page: pictures in, boxes and views over them.

import * as api from "./api.js";
import { Boxes } from "./boxes.js";
import { asFile, chooseFile, fromText } from "./exchange.js";
import { percent } from "./paint.js";
import { RegionTable } from "./regions.js";
import { download, Stage } from "./stage.js";

const one = (selector) => document.querySelector(selector);

const page = {
  settings: null,
  boxes: new Boxes(),
  view: "overlay",
  opacity: 0.7, // the library's
  rename: (box) => table.rename(box),
  alert: showAlert,
};
const MOST_PICTURES = 12; // each holds its map, its picture and its canvases
let stages = [];
let comparing = false;
let speaking;
let starting = null;
let loading = Promise.resolve();

const table = new RegionTable(one("#regions"), page.boxes, () => stages.map((stage) => stage.saliency));

/** Read one file and add it to the pictures; none is ever replaced. */
async function load(file) {
  hideAlert();
  if (stages.length >= MOST_PICTURES) {
    showAlert(`${file.name}: there are ${MOST_PICTURES} pictures already; remove one first.`);
    return;
  }
  const stage = new Stage(page);
  stage.addEventListener("remove", () => remove(stage));
  stage.addEventListener("palette", showLegend);
  stage.addEventListener("prepared", () => { stages.push(stage); arrange(); }, { once: true });
  document.body.classList.add("waiting");
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
  stages = stages.filter((other) => other !== stage);
  comparing = false;
  arrange();
  page.boxes.select(page.boxes.selected);
  (one("#compare").hidden ? one(".actions [data-choose]") : one("#compare")).focus();
}

/** Lay the pictures out: one alone, several side by side, or one beside an empty place. */
function arrange() {
  one("#welcome").hidden = stages.length > 0;
  one("#work").hidden = stages.length === 0;
  if (stages.length > 1) comparing = false;
  const elements = stages.map((stage, at) => {
    stage.letter(stages.length > 1 ? "ABCDEFGHIJKL"[at] : "", stages.length > 1);
    return stage.element;
  });
  const holder = one("#pictures");
  if (comparing) {
    elements.push(holder.querySelector(".empty") ?? one("#empty-template").content.firstElementChild.cloneNode(true));
  }
  // Only what is not there yet is put in: an element that is moved loses the keyboard's focus.
  for (const child of [...holder.children]) if (!elements.includes(child)) child.remove();
  elements.forEach((element, at) => { if (holder.children[at] !== element) holder.insertBefore(element, holder.children[at] ?? null); });
  holder.classList.toggle("two", elements.length > 1);
  one("#compare").hidden = comparing || stages.length > 1;
  showLegend();
  table.refresh();
}

/** One picture after the other, in the order in which they were given. */
function take(files) {
  for (const file of files) loading = loading.then(() => load(file));
}

/** The colours' legend: that of the first picture, since each has the palette that suits it. */
function showLegend() {
  const colours = stages[0]?.palette?.colours ?? page.settings?.look.tones.palettes.middle.colours;
  if (!colours) return;
  const stops = colours.filter((_, at) => at % 15 === 0).map((colour) => `rgb(${colour})`);
  one("#legend i").style.background = `linear-gradient(90deg, ${stops})`;
}

/** Take back the last change of the boxes, or do it again. */
function undo(again = false) {
  const done = again ? page.boxes.redo() : page.boxes.undo();
  say(done ? (again ? "Done again" : "Undone") : "There is nothing to undo.");
}

function importRegions(text) {
  try {
    const { boxes, left } = fromText(text, stages[0].size);
    const over = page.boxes.take(boxes);
    if (left) showAlert(`${left} of the regions are no boxes; the page leaves them out.`);
    if (over) showAlert(`${over} of the regions are left out: there are 50 boxes, as many as the service takes.`);
    say(`${boxes.length - over} regions imported`);
  } catch (error) {
    showAlert(`The regions: ${error.message}`);
  }
}

function look() {
  page.view = one("input[name=view]:checked").value;
  page.opacity = one("#opacity").valueAsNumber / 100;
  one("#opacity-value").textContent = `${one("#opacity").value} %`;
  one("#opacity").disabled = page.view !== "overlay";
  one("#legend").hidden = page.view === "contours";
  one(".legend-lines").hidden = page.view !== "contours";
  for (const stage of stages) stage.show();
}

function boxesChanged(event) {
  const box = event.detail;
  const { list } = page.boxes;
  one("#no-regions").hidden = list.length > 0;
  one("#undo").disabled = page.boxes.steps === 0;
  one("#export").disabled = list.length === 0;
  if (!box || !list.includes(box)) return;
  const words = stages.filter((stage) => stage.saliency).map((stage) => percent(stage.saliency.share(box)));
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
  showLegend();
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
      one("#file").click();
    } else if (event.target.closest("[data-cancel]")) {
      comparing = false;
      arrange();
      one("#compare").focus();
    }
  });
  one("#file").addEventListener("change", (event) => {
    const files = [...event.target.files];
    event.target.value = "";
    take(files);
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) take([...event.clipboardData.files]);
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
    take([...event.dataTransfer.files]);
  });
  one("#undo").addEventListener("click", () => undo());
  one("#export").addEventListener("click", () => download(asFile(page.boxes.list), "regions.json"));
  one("#import").addEventListener("click", () => chooseFile(importRegions));
  document.addEventListener("keydown", (event) => {
    const key = event.key.toLowerCase();
    if (!(event.ctrlKey || event.metaKey) || event.altKey || (key !== "z" && key !== "y")) return;
    // The browser's own undo would change whatever field was typed into last, so it is for a field being typed in.
    if (event.target.matches?.("input[type=text], input[type=password]")) return;
    event.preventDefault();
    undo(key === "y" || event.shiftKey);
  });
  page.boxes.addEventListener("list", boxesChanged);
  page.boxes.addEventListener("change", boxesChanged);
}

api.onToken(askForToken);
listen();
look();
ready().catch((error) => showAlert(error.message));
