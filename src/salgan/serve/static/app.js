// The page: pictures in, boxes and views over them.

import * as api from "./api.js";
import { Boxes } from "./boxes.js";
import { asFile, chooseFile, fromText, sharedName } from "./exchange.js";
import { isThere, keepFocus, setAvailable, whenAvailable } from "./focus.js";
import { example, listenForFiles } from "./intake.js";
import { askForToken, confirmed, hideAlert, say, showAlert } from "./notices.js";
import { percent } from "./paint.js";
import { LETTERS, RegionTable } from "./regions.js";
import { Session } from "./session.js";
import { download, Stage } from "./stage.js";
import { Steadiness } from "./steady.js";
import { Suggestions } from "./suggestions.js";
import { isVideo, pickedFrame } from "./video.js";
import { Zoom } from "./zoom.js";

const one = (selector) => document.querySelector(selector);

const MOST_PICTURES = LETTERS.length; // each holds its map, its picture and its canvases
let stages = [];
let comparing = false;
let starting = null;
let restored = false; // nothing is written down before what was kept is back
let restoring = null;
let opening = null;
let lastKey = 0;
let loading = Promise.resolve();

const page = {
  settings: null,
  boxes: new Boxes(),
  zoom: new Zoom(),
  steady: new Steadiness(wanted),
  view: "overlay",
  opacity: 0.7, // the library's
  rename: (box) => table.rename(box),
  alert: showAlert,
  get first() { return stages[0]; },
};
const table = new RegionTable(one("#regions"), page.boxes, () => stages);
const suggestions = new Suggestions(page.boxes);
const session = new Session((text) => { one("#kept").textContent = text; });

/** What to measure in the background: two pictures or more, and boxes wherever they are. */
function wanted() {
  return stages.filter((stage) => stage.saliency)
    .map((stage) => [stage, page.boxes.in(stage.key)])
    .filter(([, boxes]) => stages.length > 1 || boxes.length);
}

/** Read one file and add it to the pictures; none is ever replaced. */
async function load(file) {
  hideAlert();
  if (stages.length >= MOST_PICTURES) {
    showAlert(`${file.name}: there are ${MOST_PICTURES} pictures already; remove one first.`);
    return;
  }
  document.body.classList.add("waiting");
  try {
    await ready();
    await back();
    const picture = (await isVideo(file)) ? await pickedFrame(file, one("#video")) : file;
    if (!picture) return;
    const stage = added(lastKey += 1);
    stage.addEventListener("prepared", () => {
      session.keep(stage);
      note();
    }, { once: true });
    await stage.load(picture);
    say(`${picture.name}: the map is there. Draw or add boxes to read their share of the attention.`);
  } catch (error) {
    if (error.name !== "AbortError") showAlert(`${file.name}: ${error.message}`);
  } finally {
    document.body.classList.remove("waiting");
    table.refresh();
  }
}

/** A stage that stands among the others once its picture can be shown. */
function added(key) {
  const stage = new Stage(page, String(key));
  stage.addEventListener("remove", () => remove(stage));
  stage.addEventListener("palette", showLegend);
  stage.addEventListener("prepared", () => {
    stages.push(stage);
    // Who chose the picture in a place that is now gone goes on at the picture.
    keepFocus(arrange, stage.frame);
  }, { once: true });
  stage.addEventListener("predicted", () => {
    arrange();
    page.steady.plan();
  });
  return stage;
}

function remove(stage) {
  const at = stages.indexOf(stage);
  suggestions.leave(stage);
  stage.leave();
  stages = stages.filter((other) => other !== stage);
  page.boxes.forget(stage.key);
  page.steady.forget(stage);
  comparing = false;
  arrange();
  page.boxes.select(page.boxes.selected);
  page.steady.plan();
  note();
  const next = (stages[at] ?? stages.at(-1))?.element.querySelector(".remove");
  (isThere(next) ? next : one("#compare")).focus();
}

/** Lay the pictures out: one alone, several side by side, or one beside an empty place. */
function arrange() {
  const several = stages.length > 1;
  one("#welcome").hidden = stages.length > 0;
  one("#work").hidden = stages.length === 0;
  if (several) comparing = false;
  else if (page.boxes.apart) setApart(false);
  const elements = stages.map((stage, at) => {
    stage.letter(several ? LETTERS[at] : "", several);
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
  one("#compare").hidden = comparing || several;
  one("#apart").hidden = !several;
  one("input[value=difference]").disabled = !several;
  if (!several && one("input[value=difference]").checked) one("input[value=overlay]").checked = true;
  look();
  table.refresh();
}

/** One picture after the other, in the order in which they were given. */
function take(files) {
  for (const file of files) loading = loading.then(() => load(file));
}

/** The colours' legend: that of the first picture, since each has the palette that suits it, or of differences. */
function showLegend() {
  const settings = page.settings?.look;
  if (!settings) return;
  const isDifference = page.view === "difference";
  const colours = isDifference ? settings.difference.colours : (stages[0]?.palette ?? settings.tones.palettes.middle).colours;
  const stops = colours.filter((_, at) => at % 15 === 0).map((colour) => `rgb(${colour})`);
  one("#legend i").style.background = `linear-gradient(90deg, ${stops})`;
  const words = isDifference ? ["less than in A", "more than in A"] : ["less", "more attention"];
  one("#legend").querySelectorAll("span").forEach((span, at) => { span.textContent = words[at]; });
}

/** Take back the last change of the boxes, or do it again. */
function undo(again = false) {
  const done = keepFocus(() => (again ? page.boxes.redo() : page.boxes.undo()), one(".frame"));
  say(done ? (again ? "Done again" : "Undone") : "There is nothing to undo.");
}

function importRegions(text) {
  try {
    const { boxes, left, outside, unused } = fromText(text, stages);
    const over = page.boxes.take(boxes);
    const lines = [];
    if (left) lines.push(`${left} of the regions are no boxes; the page leaves them out.`);
    if (outside) lines.push(`${outside} of the boxes lie outside the picture; the page leaves them out.`);
    if (over) lines.push(`${over} of the regions are left out: there are 50 boxes, as many as the service takes.`);
    if (unused.length) lines.push(`The file also speaks of pictures that are not here: ${unused.join(", ")}.`);
    if (lines.length) showAlert(lines.join(" "));
    say(`${boxes.length - over} regions imported`);
  } catch (error) {
    showAlert(`The regions: ${error.message}`);
  }
}

function exportRegions() {
  const shared = sharedName(page.boxes.list, stages);
  if (shared) showAlert(`Several pictures are called ${shared}; a file of regions cannot tell them apart.`);
  download(asFile(page.boxes.list, stages), "regions.json");
}

function look() {
  page.view = one("input[name=view]:checked").value;
  page.opacity = one("#opacity").valueAsNumber / 100;
  one("#opacity-value").textContent = `${one("#opacity").value} %`;
  one("#opacity").disabled = page.view !== "overlay";
  one("#legend").hidden = page.view === "contours";
  one(".legend-lines").hidden = page.view !== "contours";
  showLegend();
  for (const stage of stages) {
    stage.show();
    stage.layer.refresh();
  }
  note();
}

function setApart(apart) {
  page.boxes.apart = apart;
  one(`input[name=apart][value=${apart ? "one" : "all"}]`).checked = true;
  table.refresh();
}

function boxesChanged(event) {
  const box = event.detail;
  const { list } = page.boxes;
  one("#no-regions").hidden = list.length > 0;
  setAvailable(one("#undo"), page.boxes.steps > 0);
  setAvailable(one("#export"), list.length > 0);
  note();
  page.steady.plan();
  if (!box || !list.includes(box)) return;
  const words = stages.filter((stage) => stage.saliency && page.boxes.at(box, stage.key))
    .map((stage) => percent(stage.saliency.share(page.boxes.at(box, stage.key))));
  const alone = stages.find(({ key }) => key === page.boxes.where && Object.hasOwn(box.own, key));
  say(`${box.name}${alone ? `, in ${alone.mark} only` : ""}: ${words.join(" and ")} of the attention`);
}

function showSteady() {
  const { state, trouble } = page.steady;
  one("#steady").hidden = state === "off" || wanted().length === 0;
  one("#again").hidden = state !== "failed";
  const views = page.settings?.look.views;
  one("#steady span").textContent = {
    measuring: `Predicting each picture ${views} times, to tell noise from a difference …`,
    known: `Intervals are from the lowest to the highest share in ${views} views of a picture, shifted, scaled and mirrored a little.`,
    failed: `What is noise is not known: ${trouble}`,
  }[state] ?? "";
}

function showZoom() {
  const { value } = page.zoom;
  const scale = page.zoom.scale();
  one("#zoom output").textContent = scale ? `${Math.round(100 * scale)} %` : "";
  for (const button of document.querySelectorAll("#zoom [data-zoom]")) {
    button.setAttribute("aria-pressed", String(button.dataset.zoom === String(value)));
  }
  note();
}

/** Keep everything but the pictures, which are kept when they come. */
function note() {
  if (!restored) return;
  const { view, opacity, zoom, boxes } = page;
  const settings = { view, opacity, zoom: zoom.value, apart: boxes.apart };
  session.note(structuredClone({ order: stages.map(({ key }) => key), lastKey, boxes: boxes.list, settings }));
}

/** What this browser kept, brought back once, or again if that failed. */
function back() {
  restoring ??= restore().catch((error) => {
    restoring = null;
    throw error;
  });
  return restoring;
}

/** Bring back what this browser kept. Pictures that cannot be predicted now are shown without a map. */
async function restore() {
  const kept = await (opening ??= session.open());
  if (kept?.pictures.length) {
    await ready();
    const { lastKey: last, boxes, settings } = kept.state;
    lastKey = last;
    one(`input[name=view][value=${settings.view}]`).checked = true;
    one("#opacity").value = 100 * settings.opacity;
    page.boxes.reset(boxes);
    page.zoom.set(settings.zoom);
    for (const picture of kept.pictures) {
      await added(picture.key).restore(picture)
        .catch((error) => { if (error.name !== "AbortError") showAlert(`${picture.name}: ${error.message}`); });
    }
    // The difference needs a second picture, and places apart do, so they are set once all are there.
    one(`input[name=view][value=${settings.view}]`).checked = true;
    setApart(settings.apart && stages.length > 1);
    arrange();
  }
  restored = true;
  note();
}

async function clear() {
  if (!(await confirmed(one("#sure")))) return;
  suggestions.clear();
  for (const stage of stages) {
    stage.leave();
    page.steady.forget(stage);
  }
  stages = [];
  page.boxes.reset();
  page.steady.plan();
  page.zoom.set("fit");
  hideAlert();
  arrange();
  await session.clear();
  one("#welcome [data-choose]").focus();
  say("Everything is cleared.");
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
  if (settings.suggested) one("#suggest").hidden = settings.suggested.length === 0;
  showLegend();
}

function listen() {
  one("#opacity").value = 100 * page.opacity;
  one("#opacity").addEventListener("input", look);
  for (const input of document.querySelectorAll("input[name=view]")) input.addEventListener("change", look);
  for (const input of document.querySelectorAll("input[name=apart]")) {
    input.addEventListener("change", () => { setApart(input.value === "one"); note(); });
  }
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
    const closing = event.target.closest("dialog button[value]");
    closing?.closest("dialog").close(closing.value);
    if (!event.target.closest("[data-cancel]")) return;
    comparing = false;
    arrange();
    one("#compare").focus();
  });
  listenForFiles(take);
  one("#example").addEventListener("click", () => example().then((file) => take([file]), (error) => showAlert(error.message)));
  whenAvailable(one("#undo"), () => undo());
  whenAvailable(one("#export"), exportRegions);
  one("#import").addEventListener("click", () => chooseFile(importRegions));
  one("#clear").addEventListener("click", clear);
  suggestions.listen(() => stages[0]);
  one("#again").addEventListener("click", () => { keepFocus(() => page.steady.plan(true), one("#add")); });
  one("#larger").addEventListener("click", () => page.zoom.larger());
  one("#smaller").addEventListener("click", () => page.zoom.smaller());
  for (const button of document.querySelectorAll("#zoom [data-zoom]")) {
    button.addEventListener("click", () => page.zoom.set(Number(button.dataset.zoom) || button.dataset.zoom));
  }
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
  page.zoom.addEventListener("zoom", showZoom);
  page.steady.addEventListener("state", showSteady);
  page.steady.addEventListener("known", () => {
    table.refresh();
    for (const stage of stages) {
      stage.show();
      stage.layer.refresh();
    }
  });
  addEventListener("resize", showZoom);
  addEventListener("pagehide", () => session.write());
  document.addEventListener("visibilitychange", () => { if (document.hidden) session.write(); });
}

api.onToken(askForToken);
listen();
look();
ready().catch((error) => showAlert(error.message));
back().catch((error) => showAlert(error.message));
