// The filter sheet closes by its button, by Escape and when "Show dogs" is pressed: with a script
// the dogs behind it are up to date already.

function close(sheet) {
  sheet.open = false;
  sheet.querySelector("summary").focus();
}

function prepare(root) {
  for (const sheet of root.querySelectorAll("[data-sheet]")) {
    sheet.querySelector("[data-close]").hidden = false;
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-close]");
  if (button) close(button.closest("[data-sheet]"));
});

document.addEventListener("keydown", (event) => {
  const sheet = event.key === "Escape" && event.target.closest("[data-sheet][open]");
  if (sheet) close(sheet);
});

document.addEventListener("submit", (event) => {
  const form = event.target.closest("[data-filters]");
  if (!form) return;
  event.preventDefault();
  close(form.closest("[data-sheet]"));
});

document.addEventListener("htmx:load", (event) => prepare(event.target));
prepare(document);
