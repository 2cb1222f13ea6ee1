// "Use where I am": the browser's own answer, rounded to a kilometre, becomes a choice of the list.
"use strict";

function choose(select, value, label) {
  const option = select.querySelector("[data-here]") ?? document.createElement("option");
  option.dataset.here = "";
  option.value = value;
  option.textContent = label;
  select.prepend(option);
  select.value = value;
  select.dispatchEvent(new Event("change", { bubbles: true }));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-near]");
  if (!button) return;
  const select = document.getElementById(button.dataset.near);
  button.disabled = true;
  navigator.geolocation.getCurrentPosition(
    ({ coords }) => {
      button.disabled = false;
      const value = `${coords.latitude.toFixed(2)},${coords.longitude.toFixed(2)}`;
      choose(select, value, button.dataset.label);
    },
    () => {
      button.disabled = false;
      button.nextElementSibling.hidden = false;
    },
    { maximumAge: 600_000, timeout: 10_000 },
  );
});

function prepare(root) {
  if (!("geolocation" in navigator)) return;
  for (const button of root.querySelectorAll("[data-near]")) button.hidden = false;
}

document.addEventListener("htmx:load", (event) => prepare(event.target));
prepare(document);
