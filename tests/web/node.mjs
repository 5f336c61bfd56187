// Runs the page's own modules in Node.js on raw pixels: node node.mjs FOLDER [MODEL]
// FOLDER holds record.json, sizes.json ([[width, height], ...]) and 0.rgba, 1.rgba ...; results are written beside.
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { bestCrops } from "../../web/src/crops.js";
import { networkInput, predict } from "../../web/src/predict.js";

const [folder, model] = process.argv.slice(2);
const record = JSON.parse(await readFile(`${folder}/record.json`));
const sizes = JSON.parse(await readFile(`${folder}/sizes.json`));
const ort = model && createRequire(new URL("../../web/package.json", import.meta.url))("onnxruntime-node");
const session = model && await ort.InferenceSession.create(model);
if (model) await writeFile(`${folder}/names.json`, JSON.stringify([session.inputNames, session.outputNames]));
for (const [at, [width, height]] of sizes.entries()) {
  const pixels = { width, height, data: await readFile(`${folder}/${at}.rgba`) };
  const { dims, values } = networkInput(pixels, record);
  await writeFile(`${folder}/${at}.input`, new Uint8Array(values.buffer));
  await writeFile(`${folder}/${at}.dims.json`, JSON.stringify(dims));
  if (!model) continue;
  const map = await predict(ort, session, record, pixels);
  await writeFile(`${folder}/${at}.map`, new Uint8Array(map.values.buffer));
  await writeFile(`${folder}/${at}.crops.json`, JSON.stringify(bestCrops(map, ["1:1", "16:9", "4:5"])));
}
