// Shares a page through the phone's own sheet, or copies its address.
"use strict";

for (const button of document.querySelectorAll("[data-share]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const what = { title: document.title, url: button.dataset.share };
    if (navigator.share) {
      await navigator.share(what).catch(() => {}); // Thought better of it.
      return;
    }
    await navigator.clipboard.writeText(what.url);
    button.querySelector("[data-word]").textContent = button.dataset.done;
  });
}
