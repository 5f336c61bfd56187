// The page's requests to the service.

const MOST_TRIES = 4;
const TOKEN = "salgan-token"; // kept until the tab is closed

let askForToken = null;

/** Say what to call, for a promise of a token, when the service asks for one. */
export function onToken(ask) {
  askForToken = ask;
}

/** An answer that reports a failure, in the service's own words. */
export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** What the page needs to draw as the library does, and the limits it keeps. */
export async function settings() {
  const [page, models] = await Promise.all([ask("/page.json"), ask("/v1/models")]);
  const { models: known } = await models.json();
  return { ...(await page.json()), model: known.find((model) => model.loaded).name };
}

/** The map of a picture: {width, height, values} with float32 values in 0..1, and the file itself. */
export async function saliencyMap(blob, signal) {
  const file = await (await send("/v1/predict?output=npy", blob, { signal })).arrayBuffer();
  return { ...parseNpy(file), file };
}

/** A picture that the browser cannot show, as a PNG that it can. */
export async function shown(blob, signal) {
  return (await send("/v1/predict?output=overlay&opacity=0", blob, { signal })).blob();
}

/** The report on a picture and its regions, as JSON or as CSV text. */
export async function report(blob, boxes, mediaType) {
  const form = new FormData();
  form.set("picture", blob, "picture");
  form.set("regions", asRegions(boxes));
  const path = mediaType === "text/csv" ? "/v1/regions" : "/v1/predict";
  const response = await ask(path, { method: "POST", body: form, headers: { Accept: mediaType } });
  return response.text();
}

/**
 * How steady the shares of boxes {id, x, y, width, height} are: {noise, intervals}, with [low, high] by the box's id.
 *
 * The service predicts the picture several times for this.
 */
export async function measured(blob, boxes, signal) {
  const form = new FormData();
  form.set("picture", blob, "picture");
  form.set("regions", asRegions(boxes.map((box) => ({ ...box, name: String(box.id) }))));
  const response = await ask("/v1/predict?output=json&intervals=true", { method: "POST", body: form, signal });
  const { noise, regions } = await response.json();
  return { noise, intervals: new Map(regions.map(({ name, interval }) => [Number(name), interval])) };
}

/** Boxes around faces, text and buttons, to choose from: [{name, box}] in fractions of the picture. */
export async function suggested(blob) {
  const { picture, regions } = await (await send("/v1/suggest", blob)).json();
  const size = [picture.width, picture.height];
  return regions.map(({ name, box, unit }) => (
    { name, box: unit === "pixel" ? box.map((number, at) => number / size[at % 2]) : box }));
}

/** The windows that keep the most attention, one per ratio. */
export async function crops(blob, ratios, signal) {
  const query = new URLSearchParams(ratios.map((ratio) => ["ratio", ratio]));
  return (await send(`/v1/crop?${query}`, blob, { signal })).json();
}

function asRegions(boxes) {
  return JSON.stringify(boxes.map(({ name, x, y, width, height }) => (
    { name, box: [x, y, width, height], unit: "fraction" })));
}

function send(path, blob, options) {
  const headers = { "Content-Type": blob.type || "application/octet-stream" };
  return ask(path, { method: "POST", body: blob, headers, ...options });
}

async function ask(path, options = {}) {
  for (let tries = 1; ; tries += 1) {
    let response;
    const token = sessionStorage.getItem(TOKEN);
    const headers = token ? { ...options.headers, Authorization: `Bearer ${token}` } : options.headers;
    try {
      response = await fetch(path, { ...options, headers });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Problem(0, "The service cannot be reached; is it still running?");
    }
    if (response.ok) return response;
    if (response.status === 401 && askForToken) {
      sessionStorage.setItem(TOKEN, await askForToken(Boolean(token)));
      tries = 0;
      continue;
    }
    if (response.status === 503 && tries < MOST_TRIES) {
      const seconds = Math.min(Number(response.headers.get("Retry-After") ?? 1), 10);
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
      continue;
    }
    throw new Problem(response.status, await words(response));
  }
}

async function words(response) {
  try {
    return (await response.json()).detail;
  } catch {
    return `The service answered ${response.status}.`;
  }
}

function parseNpy(buffer) {
  const view = new DataView(buffer);
  const [start, size] = view.getUint8(6) === 1 ? [10, view.getUint16(8, true)] : [12, view.getUint32(8, true)];
  const header = new TextDecoder("latin1").decode(new Uint8Array(buffer, start, size));
  const shape = /'shape':\s*\((\d+),\s*(\d+)\)/.exec(header);
  if (!shape || !header.includes("'<f4'") || !header.includes("False")) throw new Problem(0, "The map has an unknown form.");
  const [height, width] = [Number(shape[1]), Number(shape[2])];
  return { width, height, values: new Float32Array(buffer.slice(start + size), 0, width * height) };
}
