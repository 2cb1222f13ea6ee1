// One checkbox for all rows of a page, and what happens to ticked rows once there are any.
for (const form of document.querySelectorAll("[data-bulk]")) {
  const all = form.querySelector("[data-all]");
  const rows = [...form.querySelectorAll("input[name=dog]")];
  const actions = form.querySelector(".bulk");
  function show() {
    const ticked = rows.filter((row) => row.checked).length;
    actions.hidden = !ticked;
    all.querySelector("input").checked = ticked === rows.length;
    all.querySelector("input").indeterminate = ticked > 0 && ticked < rows.length;
  }
  all.hidden = false;
  all.addEventListener("change", (event) => {
    for (const row of rows) row.checked = event.target.checked;
  });
  form.addEventListener("change", show);
  addEventListener("pageshow", show);
}
