// Drop, paste, take or choose a photo: it is shown at once and sent without another click.
// Large photos are made smaller first, so that a phone's uplink is not what a person waits for and
// the place where the photo was taken never leaves the device.

import { smaller } from "./smaller.js";

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

// A photo that waits for the consent that its form asks for.
let waiting = null;

async function send(form, file) {
  if (!file || form.classList.contains("dropzone--sending")) return;
  const consent = form.elements.consent;
  if (consent && !consent.checked) {
    waiting = file;
    consent.reportValidity();
    consent.focus();
    return;
  }
  waiting = null;
  show(form, file);
  const transfer = new DataTransfer();
  transfer.items.add(await smaller(file));
  form.elements.photo.files = transfer.files;
  form.submit();
}

function firstFile(transfer) {
  return [...(transfer?.files ?? [])][0];
}

function prepare(root) {
  for (const form of root.querySelectorAll("[data-dropzone]")) {
    if ("ready" in form.dataset) continue;
    form.dataset.ready = "";
    form.querySelector("[data-send]").hidden = true;
    form.querySelector("[data-camera]").hidden = !matchMedia("(pointer: coarse)").matches;
    form.addEventListener("change", (event) => {
      if (event.target.type === "file") send(form, event.target.files[0]);
      if (event.target.name === "consent" && waiting) send(form, waiting);
    });
  }
}

// One at most is on a page; it may arrive with an answer that asks for another photo.
const current = () => document.querySelector("[data-dropzone]");

let depth = 0;
function over(change) {
  depth = Math.max(0, change ? depth + change : 0);
  current()?.classList.toggle("dropzone--over", depth > 0);
}

document.addEventListener("dragenter", (event) => {
  if (event.dataTransfer?.types.includes("Files")) over(1);
});
document.addEventListener("dragleave", () => over(-1));
document.addEventListener("dragover", (event) => current() && event.preventDefault());
document.addEventListener("drop", (event) => {
  if (!current()) return;
  event.preventDefault();
  over(0);
  send(current(), firstFile(event.dataTransfer));
});
document.addEventListener("paste", (event) => {
  if (current()) send(current(), firstFile(event.clipboardData));
});

// Coming back with the back button, the page may still show what was sent.
addEventListener("pageshow", (event) => event.persisted && current() && reset(current()));

document.addEventListener("htmx:load", (event) => prepare(event.target));
prepare(document);
