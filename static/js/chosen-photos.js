// Shows the photos chosen for a form, lets several choices add up (a phone's camera gives one photo
// at a time, and the browser would replace the ones before), and sends each in pieces as soon as it
// is chosen. What has not arrived when the form is sent goes with it as without this script.
import { Refused, send } from "./pieces.js";
import { showHints } from "./photo-hints.js";

// Photos on their way at once.
const AT_ONCE = 2;

function setUp(chooser) {
  const input = chooser.querySelector("input[type=file]");
  const list = chooser.querySelector("ul");
  const form = input.form;
  const { uploads, photos: photosOfDog, hints } = chooser.dataset;
  let chosen = [];

  const same = (one, two) =>
    one.name === two.name && one.size === two.size && one.lastModified === two.lastModified;

  // The form sends what has not arrived by itself.
  function keepFiles() {
    const transfer = new DataTransfer();
    for (const photo of chosen) if (["waiting", "stopped"].includes(photo.state)) transfer.items.add(photo.file);
    input.files = transfer.files;
    list.hidden = !chosen.length;
  }

  function drop(photo) {
    photo.stop?.abort();
    chosen = chosen.filter((other) => other !== photo);
    URL.revokeObjectURL(photo.address);
    photo.tile.remove();
    keepFiles();
  }

  function tile(photo) {
    const item = document.createElement("li");
    const image = document.createElement("img");
    image.src = photo.address;
    image.alt = photo.file.name;
    // Some browsers cannot show HEIC; its name stands for it.
    image.addEventListener("error", () => image.replaceWith(photo.file.name), { once: true });
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "×";
    remove.setAttribute("aria-label", `${chooser.dataset.remove}: ${photo.file.name}`);
    remove.addEventListener("click", () => {
      drop(photo);
      input.focus();
    });
    photo.progress = document.createElement("progress");
    photo.progress.className = "progress";
    photo.progress.max = 1;
    photo.progress.value = 0;
    photo.progress.setAttribute("aria-label", photo.file.name);
    photo.words = document.createElement("p");
    photo.words.className = "chooser-words small";
    photo.words.setAttribute("role", "status");
    item.append(image, remove, photo.progress, photo.words);
    return item;
  }

  async function start(photo) {
    photo.state = "sending";
    photo.stop = new AbortController();
    const { signal } = photo.stop;
    try {
      const address = await send(uploads, photo.file, {
        token: form.elements.csrfmiddlewaretoken.value,
        signal,
        told: (share, waits) => {
          photo.progress.value = share;
          photo.words.textContent = waits ? chooser.dataset.offline : "";
        },
      });
      if (signal.aborted) return;
      photo.state = "there";
      photo.words.textContent = "";
      photo.progress.value = 1;
      if (photosOfDog) {
        drop(photo);
        htmx.ajax("GET", photosOfDog, { target: "#photos", swap: "outerHTML" });
      } else {
        const field = document.createElement("input");
        field.type = "hidden";
        field.name = "uploads";
        field.value = address.split("/").at(-2);
        photo.tile.append(field);
        photo.tile.classList.add("chooser-done");
      }
    } catch (error) {
      // Whoever called it off has said what becomes of the photo. This runs between the listeners
      // of one event: what is changed here, the form would miss.
      if (signal.aborted) return;
      photo.state = error instanceof Refused ? "refused" : "stopped";
      if (error instanceof Refused) {
        photo.progress.remove();
        photo.words.textContent = error.message;
        photo.tile.classList.add("chooser-refused");
      }
    }
    keepFiles();
    next();
  }

  function next() {
    const sending = chosen.filter((photo) => photo.state === "sending").length;
    const waiting = chosen.filter((photo) => photo.state === "waiting");
    for (const photo of waiting.slice(0, Math.max(0, AT_ONCE - sending))) start(photo);
  }

  function take() {
    const before = chosen[0];
    for (const file of [...input.files]) {
      if (chosen.some((photo) => same(photo.file, file))) continue;
      const photo = { file, state: "waiting" };
      photo.address = URL.createObjectURL(file);
      photo.tile = tile(photo);
      list.append(photo.tile);
      chosen.push(photo);
    }
    keepFiles();
    next();
    if (hints && chosen[0] && chosen[0] !== before) showHints(hints, chosen[0].file, form);
  }
  input.addEventListener("change", take);
  // Chosen before this script was there.
  if (input.files.length) take();

  // What is still on its way goes with the form, and not twice.
  const callOff = () => {
    for (const photo of chosen) {
      if (photo.state === "sending") {
        photo.stop.abort();
        photo.state = "waiting";
      }
    }
    keepFiles();
  };
  form.addEventListener("submit", callOff, { capture: true });
  // The form came back with something to put right.
  form.addEventListener("htmx:afterRequest", (event) => {
    if (event.target === form) next();
  });

  chooser.addEventListener("dragover", () => chooser.classList.add("chooser--over"));
  for (const end of ["dragleave", "drop"]) {
    chooser.addEventListener(end, () => chooser.classList.remove("chooser--over"));
  }
  for (const byHand of form.querySelectorAll("[data-by-hand]")) byHand.hidden = true;
}

for (const chooser of document.querySelectorAll("[data-chosen-photos]")) setUp(chooser);
