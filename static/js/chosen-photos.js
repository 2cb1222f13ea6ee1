// Shows the photos chosen for a form and lets several choices add up: a phone's camera gives one
// photo at a time, and the browser would replace the ones before.
"use strict";

function setUp(chooser) {
  const input = chooser.querySelector("input[type=file]");
  const list = chooser.querySelector("ul");
  let files = [];

  function show() {
    const transfer = new DataTransfer();
    for (const file of files) transfer.items.add(file);
    input.files = transfer.files;
    for (const image of list.querySelectorAll("img")) URL.revokeObjectURL(image.src);
    list.replaceChildren(...files.map(tile));
    list.hidden = !files.length;
  }

  function tile(file) {
    const item = document.createElement("li");
    const image = document.createElement("img");
    image.src = URL.createObjectURL(file);
    image.alt = file.name;
    // Some browsers cannot show HEIC; its name stands for it.
    image.addEventListener("error", () => image.replaceWith(file.name), { once: true });
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "×";
    remove.setAttribute("aria-label", `${chooser.dataset.remove}: ${file.name}`);
    remove.addEventListener("click", () => {
      files = files.filter((other) => other !== file);
      show();
      input.focus();
    });
    item.append(image, remove);
    return item;
  }

  const same = (one, two) =>
    one.name === two.name && one.size === two.size && one.lastModified === two.lastModified;

  input.addEventListener("change", () => {
    for (const file of input.files) {
      if (!files.some((other) => same(file, other))) files.push(file);
    }
    show();
  });
  chooser.addEventListener("dragover", () => chooser.classList.add("chooser--over"));
  for (const end of ["dragleave", "drop"]) {
    chooser.addEventListener(end, () => chooser.classList.remove("chooser--over"));
  }
}

for (const chooser of document.querySelectorAll("[data-chosen-photos]")) setUp(chooser);
