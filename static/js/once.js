// A form that is on its way can't be sent again by a second press. When the page comes back from
// the browser's memory, it can.
function release(form, sending) {
  form.toggleAttribute("aria-busy", sending);
  for (const button of form.querySelectorAll("button:not([type=button])")) {
    button.setAttribute("aria-disabled", String(sending));
  }
}

for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", (event) => {
    if (form.hasAttribute("aria-busy")) event.preventDefault();
    else release(form, true);
  });
  addEventListener("pageshow", () => release(form, false));
}
