// Photos of a dog are put in order by dragging them; their arrows do the same without a mouse.
let dragged = null;

document.addEventListener("dragstart", (event) => {
  dragged = event.target.closest?.(".tile[data-photo]") ?? null;
  if (!dragged) return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", dragged.dataset.photo);
});

document.addEventListener("dragover", (event) => {
  const over = event.target.closest?.(".tile[data-photo]");
  if (!dragged || !over || over.parentElement !== dragged.parentElement) return;
  event.preventDefault();
  if (over === dragged) return;
  const tiles = [...over.parentElement.children];
  over[tiles.indexOf(dragged) < tiles.indexOf(over) ? "after" : "before"](dragged);
});

document.addEventListener("dragend", () => {
  if (!dragged) return;
  const tiles = dragged.parentElement;
  const order = [...tiles.children].map((tile) => tile.dataset.photo).join(",");
  dragged = null;
  if (order === tiles.dataset.order) return;
  const form = document.getElementById("photo-order");
  form.elements.order.value = order;
  form.requestSubmit();
});
