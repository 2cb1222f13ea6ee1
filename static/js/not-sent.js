// Says that a form did not arrive. Without this a lost connection would look like a dead button.
"use strict";

const failed = (event, yes) =>
  event.target.querySelector?.(".form-actions")?.classList.toggle("form-actions--failed", yes);

for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(name, (event) => failed(event, true));
}
document.addEventListener("htmx:beforeRequest", (event) => failed(event, false));
