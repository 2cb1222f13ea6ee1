// Drop, paste, take or choose a photo: it is shown at once and sent without another click.
// Large photos are made smaller first, so that a phone's uplink is not what a person waits for and
// the place where the photo was taken never leaves the device.

const MAX_SIDE = 1600;
const SMALL_ENOUGH = 1_000_000;

async function smaller(file) {
  if (file.size <= SMALL_ENOUGH) return file;
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return file; // Not a picture that this browser knows: the server decides.
  }
  const scale = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(bitmap.width * scale);
  canvas.height = Math.round(bitmap.height * scale);
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // JPEG has no transparency.
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.9));
  return blob && blob.size < file.size ? new File([blob], "photo.jpg", { type: "image/jpeg" }) : file;
}

function show(form, file) {
  const preview = form.querySelector("[data-preview]");
  const image = preview.querySelector("img");
  image.hidden = false;
  image.onerror = () => (image.hidden = true);
  image.src = URL.createObjectURL(file);
  preview.hidden = false;
  form.classList.add("dropzone--sending");
}

function reset(form) {
  const preview = form.querySelector("[data-preview]");
  const image = preview.querySelector("img");
  if (image.src.startsWith("blob:")) URL.revokeObjectURL(image.src);
  image.removeAttribute("src");
  preview.hidden = true;
  form.classList.remove("dropzone--sending");
  form.reset();
}

async function send(form, file) {
  if (!file || form.classList.contains("dropzone--sending")) return;
  show(form, file);
  const transfer = new DataTransfer();
  transfer.items.add(await smaller(file));
  form.elements.photo.files = transfer.files;
  form.submit();
}

function firstFile(transfer) {
  return [...(transfer?.files ?? [])][0];
}

for (const form of document.querySelectorAll("[data-dropzone]")) {
  const camera = form.querySelector("[data-camera]");
  form.querySelector("[data-send]").hidden = true;
  camera.hidden = !matchMedia("(pointer: coarse)").matches;

  form.elements.photo.addEventListener("change", (event) => send(form, event.target.files[0]));
  camera.querySelector("input").addEventListener("change", (event) => send(form, event.target.files[0]));

  let depth = 0;
  const over = (on) => form.classList.toggle("dropzone--over", on);
  document.addEventListener("dragenter", (event) => {
    if (event.dataTransfer?.types.includes("Files")) over(++depth > 0);
  });
  document.addEventListener("dragleave", () => over((depth = Math.max(0, depth - 1)) > 0));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    over((depth = 0) > 0);
    send(form, firstFile(event.dataTransfer));
  });
  document.addEventListener("paste", (event) => send(form, firstFile(event.clipboardData)));

  // Coming back with the back button, the page may still show what was sent.
  addEventListener("pageshow", (event) => event.persisted && reset(form));
}
