// What the first photo of a new dog says: breeds to take over with a tap, dogs that look the same.
import { smaller } from "./smaller.js";

export async function showHints(address, file, form) {
  const body = new FormData();
  body.append("photo", await smaller(file));
  const headers = { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value, "HX-Request": "true" };
  let response;
  try {
    response = await fetch(address, { method: "POST", body, headers });
  } catch {
    return; // Hints can be done without.
  }
  const place = document.getElementById("photo-hints");
  if (!response.ok || !place) return;
  // Made by our own template, in which every value is escaped.
  place.outerHTML = await response.text();
  htmx.process(document.getElementById("photo-hints"));
}

document.addEventListener("click", (event) => {
  const hint = event.target.closest("[data-breed]");
  if (!hint) return;
  const field = document.querySelector("input[name=breeds]");
  const named = field.value.split(",").map((name) => name.trim()).filter(Boolean);
  if (!named.includes(hint.dataset.breed)) named.push(hint.dataset.breed);
  field.value = named.join(", ");
  field.focus();
});
