// The ways in which pictures come: chosen, dropped, pasted, or the example.

const one = (selector) => document.querySelector(selector);

/** Give the files that a person chooses, drops or pastes to `take`, which gets a list of them. */
export function listenForFiles(take) {
  one("#file").addEventListener("change", (event) => {
    const files = [...event.target.files];
    event.target.value = "";
    take(files);
  });
  document.addEventListener("click", (event) => { if (event.target.closest("[data-choose]")) one("#file").click(); });
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
}

/** The example picture, which lies beside this module. */
export async function example() {
  const response = await fetch(new URL("example.jpg", import.meta.url));
  if (!response.ok) throw new Error("The example cannot be loaded; is the service still running?");
  return new File([await response.blob()], "example.jpg", { type: "image/jpeg" });
}
