// A page that follows its job goes on asking when an answer fails to come, and says so meanwhile.

const PAUSE = 3000;

function unanswered(event) {
  const part = event.target.closest("[data-follows]");
  if (!part) return;
  if (event.detail.xhr?.status === 404) {
    location.reload(); // Deleted or expired: the page itself says it better.
    return;
  }
  part.querySelector("[data-offline]").hidden = false;
  setTimeout(() => htmx.trigger(part, "again"), PAUSE);
}

for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(failure, unanswered);
}
