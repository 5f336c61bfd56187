// A video is not a picture: a person picks one frame of it, which is then predicted as a still.

const CONTAINERS = [[4, "ftyp"], [0, "\x1aE\xdf\xa3"], [8, "AVI "], [0, "FLV"]];
const STILLS = ["avif", "avis", "heic", "heix", "heif", "hevc", "mif1", "msf1"]; // pictures in the container of MP4

/** Whether a file is a video, by its content, or by its type if the content says nothing. */
export async function isVideo(file) {
  const head = String.fromCharCode(...new Uint8Array(await file.slice(0, 12).arrayBuffer()));
  if (STILLS.some((brand) => head.slice(4) === `ftyp${brand}`)) return false;
  return CONTAINERS.some(([at, text]) => head.startsWith(text, at)) || file.type.startsWith("video/");
}

/** Let a person pick a frame in the dialog: a promise of a PNG file, or of null if none is wanted. */
export async function pickedFrame(file, dialog) {
  const one = (selector) => dialog.querySelector(selector);
  const [video, slider] = [one("video"), one("input")];
  const command = `salgan predict ${quoted(file.name)}`;
  const address = URL.createObjectURL(file);
  const stop = new AbortController();
  const { signal } = stop;
  try {
    const ready = new Promise((resolve, reject) => {
      const refuse = () => reject(new Error(`this browser cannot show the video; for a heatmap of every frame run: ${command}`));
      video.addEventListener("loadeddata", resolve, { signal });
      video.addEventListener("error", refuse, { signal });
    });
    video.src = address;
    await ready;
    await measureLength(video);
    one("h2").textContent = file.name;
    one("code").textContent = command;
    Object.assign(slider, { min: 0, max: video.duration, step: "any", value: 0 });
    const show = () => { one("output").textContent = time(slider.valueAsNumber); };
    slider.addEventListener("input", () => { video.currentTime = slider.valueAsNumber; show(); }, { signal });
    show();
    dialog.returnValue = "";
    dialog.showModal();
    await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
    if (dialog.returnValue !== "yes") return null;
    await seek(video, slider.valueAsNumber);
    return new File([await frame(video)], `${file.name} at ${time(video.currentTime)}`, { type: "image/png" });
  } finally {
    stop.abort();
    video.removeAttribute("src");
    video.load();
    URL.revokeObjectURL(address);
  }
}

/** A recording that says nothing of its length has one after a look at its end. */
async function measureLength(video) {
  if (Number.isFinite(video.duration)) return;
  await seek(video, 1e6);
  await seek(video, 0);
}

function seek(video, to) {
  if (!video.seeking && video.currentTime === to) return Promise.resolve();
  return new Promise((resolve) => {
    video.addEventListener("seeked", resolve, { once: true });
    video.currentTime = to;
  });
}

function frame(video) {
  const canvas = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

function time(seconds) {
  const tenths = Math.floor(seconds * 10 + 1e-6);
  return `${Math.floor(tenths / 600)}:${String(Math.floor(tenths / 10) % 60).padStart(2, "0")}.${tenths % 10}`;
}

/** A file's name as a shell reads it. */
function quoted(name) {
  return /^[\w.,@%+=:/-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
}
