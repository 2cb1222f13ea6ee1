// The frame over a photo follows its four sliders, and the sliders a frame that is drawn.
const frame = document.querySelector(".crop-frame");
const shade = frame.querySelector("path");
const sides = Object.fromEntries(
  ["left", "top", "right", "bottom"].map((name) => [name, document.getElementById(`id_${name}`)]),
);
let start = null;

function draw() {
  const [left, top, right, bottom] = Object.values(sides).map((input) => Number(input.value));
  shade.setAttribute("d", `M0 0H100V100H0Z M${left} ${top}H${right}V${bottom}H${left}Z`);
}

function place(event) {
  const area = frame.getBoundingClientRect();
  const part = (value) => Math.round(100 * Math.min(1, Math.max(0, value)));
  return {
    x: part((event.clientX - area.left) / area.width),
    y: part((event.clientY - area.top) / area.height),
  };
}

function stretch(event) {
  const end = place(event);
  sides.left.value = Math.min(start.x, end.x);
  sides.right.value = Math.max(start.x, end.x);
  sides.top.value = Math.min(start.y, end.y);
  sides.bottom.value = Math.max(start.y, end.y);
  draw();
}

frame.addEventListener("pointerdown", (event) => {
  start = place(event);
  frame.setPointerCapture(event.pointerId);
  event.preventDefault();
});
frame.addEventListener("pointermove", (event) => {
  if (start) stretch(event);
});
frame.addEventListener("pointerup", () => {
  start = null;
});
frame.addEventListener("pointercancel", () => {
  start = null;
});
for (const input of Object.values(sides)) input.addEventListener("input", draw);
frame.classList.add("crop-frame--draw");
addEventListener("pageshow", draw);
draw();
