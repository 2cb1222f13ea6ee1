// Points of a dog are clicked, dragged and moved by keys over its photo. The table of numbers holds
// what is sent, so what a browser keeps of a form, and what the server answers, is shown as it is.
const VISIBLE = "2";
const HIDDEN = "1";
const ABSENT = "0";
const UNDECIDED = "";

// Of the picture's longer side, for one press of an arrow key.
const STEP = 0.002;
const LARGE_STEP = 0.02;
const RADIUS = 6.5;
// How much larger than on the page the loupe shows the photo.
const ZOOM = 4;

const form = document.querySelector("form.annotate");
const words = form.dataset;
const stage = document.getElementById("stage");
const frame = stage.parentElement;
const picture = frame.querySelector("img");
const marks = stage.querySelector(".marks");
const loupe = stage.querySelector(".loupe");
const list = form.querySelector(".point-list");
const goOn = document.getElementById("go-on");
const complaint = form.querySelector(".annotate-complaint");
const said = document.getElementById("said");
const edges = words.edges.split(" ").map((edge) => edge.split("-"));

const points = [...form.querySelectorAll("tr[data-point]")].map((row) => {
  const [x, y] = row.querySelectorAll("input");
  const { point, part, label, hint } = row.dataset;
  return { name: point, part, label, hint, x, y, state: row.querySelector("select") };
});
const corners = [
  { name: "start", label: words.start, hint: words.startHint, x: "id_left", y: "id_top" },
  { name: "end", label: words.end, hint: words.endHint, x: "id_right", y: "id_bottom" },
].map((corner) => ({
  ...corner,
  part: "frame",
  x: document.getElementById(corner.x),
  y: document.getElementById(corner.y),
}));
const items = [...points, ...corners];
const named = Object.fromEntries(items.map((item) => [item.name, item]));
for (const item of items) {
  item.guess = item.state?.value === UNDECIDED ? place(item) : null;
  item.button = addButton(item);
}

let current = Math.max(0, items.findIndex(isOpen));
let held = null; // what the pressed point was before, until it is let go
let warned = false;

// What is known of an item

function place(item) {
  if (item.x.value === "" || item.y.value === "") return null;
  return [Number(item.x.value) / 100, Number(item.y.value) / 100];
}

function isOpen(item) {
  return item.state ? item.state.value === UNDECIDED : place(item) === null;
}

function isPlaced(item) {
  return item.state?.value !== ABSENT && place(item) !== null;
}

function stateWords(item) {
  if (!item.state) return place(item) ? "" : words.unplaced;
  return {
    [VISIBLE]: words.visible,
    [HIDDEN]: words.hidden,
    [ABSENT]: words.absent,
    [UNDECIDED]: words.undecided,
  }[item.state.value];
}

function otherSide(item) {
  const [side, ...rest] = item.name.split("_");
  const other = { left: "right", right: "left" }[side];
  return other && named[`${other}_${rest.join("_")}`];
}

// Changes

function put(item, x, y) {
  const percent = (value) => String(Math.round(10000 * Math.min(1, Math.max(0, value))) / 100);
  item.x.value = percent(x);
  item.y.value = percent(y);
  if (item.state && item.state.value !== HIDDEN) item.state.value = VISIBLE;
  changed();
}

function clear(item) {
  item.x.value = item.y.value = "";
  if (item.state) item.state.value = ABSENT;
  changed();
}

function accept(item) {
  const [x, y] = (item.state?.value === UNDECIDED ? place(item) : item.guess) ?? [];
  if (x !== undefined) put(item, x, y);
}

function hide(item) {
  if (!item.state || place(item) === null) return;
  item.state.value = item.state.value === HIDDEN ? VISIBLE : HIDDEN;
  changed();
}

function exchange(item) {
  const other = otherSide(item);
  if (!other) return;
  for (const field of ["x", "y", "state"]) {
    [item[field].value, other[field].value] = [other[field].value, item[field].value];
  }
  [item.guess, other.guess] = [other.guess, item.guess];
  changed();
}

function move(item, dx, dy, step) {
  const [x, y] = (isPlaced(item) && place(item)) || item.guess || middle();
  const longer = step * Math.max(stage.clientWidth, stage.clientHeight);
  put(item, x + (dx * longer) / stage.clientWidth, y + (dy * longer) / stage.clientHeight);
}

function middle() {
  const [start, end] = corners.map(place);
  return start && end ? [(start[0] + end[0]) / 2, (start[1] + end[1]) / 2] : [0.5, 0.5];
}

function changed() {
  complaint.hidden = true;
  warned = false;
  show();
}

function choose(number) {
  current = (number + items.length) % items.length;
  show();
}

function forward() {
  if (current < items.length - 1) choose(current + 1);
}

function say() {
  const item = items[current];
  const where = isPlaced(item) && place(item);
  const per = (value) => `${Math.round(100 * value)} %`;
  const at = where ? `, ${per(where[0])}, ${per(where[1])}` : "";
  said.textContent = `${item.label}: ${stateWords(item)}${at}`;
}

// Drawing

function element(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function polygon(x, y, r, count, turn) {
  const at = [...Array(count).keys()].map((i) => turn + (2 * Math.PI * i) / count);
  return `M${at.map((a) => `${x + r * Math.cos(a)} ${y + r * Math.sin(a)}`).join("L")}Z`;
}

// As portal/matching/overlay.py draws them.
function shape(part, x, y, r) {
  if (part === "body") return polygon(x, y, 1.2 * r, 4, Math.PI / 4);
  if (part === "front_legs") return polygon(x, y, 1.35 * r, 3, -Math.PI / 2);
  if (part === "hind_legs") return polygon(x, y, 1.35 * r, 4, 0);
  if (part === "frame") return `M${x - r} ${y}H${x + r}M${x} ${y - r}V${y + r}`;
  return `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`;
}

function styleOf(item) {
  const hollow = item.name.startsWith("right_") ? " kp--hollow" : "";
  const state = { [HIDDEN]: " mark--hidden", [UNDECIDED]: " mark--guess" }[item.state?.value];
  return `kp kp--${item.part}${hollow}${state ?? ""}`;
}

function draw() {
  const [width, height] = [stage.clientWidth, stage.clientHeight];
  const at = (item) => {
    const [x, y] = place(item);
    return [x * width, y * height];
  };
  const drawn = [];
  if (corners.every(isPlaced)) {
    const [[x0, y0], [x1, y1]] = corners.map(at);
    drawn.push(
      element("rect", {
        class: "kp mark-frame",
        x: Math.min(x0, x1),
        y: Math.min(y0, y1),
        width: Math.abs(x1 - x0),
        height: Math.abs(y1 - y0),
      }),
    );
  }
  const decided = (item) => isPlaced(item) && !isOpen(item);
  for (const [a, b] of edges.map((edge) => edge.map((name) => named[name]))) {
    if (!decided(a) || !decided(b)) continue;
    const [[x1, y1], [x2, y2]] = [at(a), at(b)];
    drawn.push(element("line", { class: `kp kp--${b.part} mark-line`, x1, y1, x2, y2 }));
  }
  for (const item of items.filter(isPlaced)) {
    const [x, y] = at(item);
    const here = item === items[current];
    if (item.part === "frame" && !here) continue;
    const mark = element("g", { class: styleOf(item), "data-point": item.name });
    mark.append(element("path", { d: shape(item.part, x, y, RADIUS) }));
    if (item.state?.value === HIDDEN) {
      const r = RADIUS * 1.6;
      mark.append(element("path", { d: `M${x - r} ${y + r}L${x + r} ${y - r}` }));
    }
    drawn.push(mark);
    if (here) drawn.push(element("circle", { class: "mark-ring", cx: x, cy: y, r: RADIUS + 8 }));
  }
  marks.replaceChildren(...drawn);
}

function addButton(item) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "point";
  const icon = element("svg", { class: "key point-key", viewBox: "-9 -9 18 18" });
  icon.setAttribute("aria-hidden", "true");
  icon.append(element("path", { d: shape(item.part, 0, 0, RADIUS - 0.5) }));
  const label = document.createElement("span");
  label.textContent = item.label;
  const state = document.createElement("span");
  state.className = "visually-hidden";
  button.append(icon, label, state);
  button.addEventListener("click", () => {
    choose(items.indexOf(item));
    stage.focus({ preventScroll: true });
    say();
  });
  const entry = document.createElement("li");
  entry.append(button);
  list.append(entry);
  return button;
}

function show() {
  const item = items[current];
  for (const one of items) {
    one.button.querySelector("path").setAttribute("class", styleOf(one));
    one.button.lastChild.textContent = `, ${stateWords(one)}`;
    one.button.classList.toggle("point--open", isOpen(one));
    one.button.classList.toggle("point--absent", !isPlaced(one) && !isOpen(one));
    if (one === item) one.button.setAttribute("aria-current", "true");
    else one.button.removeAttribute("aria-current");
  }
  for (const spot of form.querySelectorAll(".figure [data-point]")) {
    spot.classList.toggle("figure-here", spot.dataset.point === item.name);
  }
  for (const id of ["current-name", "stage-name"]) {
    document.getElementById(id).textContent = item.label;
  }
  document.getElementById("current-hint").textContent = item.hint;
  document.getElementById("current-state").textContent = stateWords(item);
  const act = (name) => form.querySelector(`[data-act=${name}]`);
  const guessed = item.guess !== null && item.state.value !== VISIBLE;
  act("accept").hidden = !guessed || item.state.value === HIDDEN;
  act("hide").hidden = !item.state;
  act("hide").disabled = place(item) === null;
  act("hide").setAttribute("aria-pressed", String(item.state?.value === HIDDEN));
  act("clear").hidden = !item.state;
  act("swap").hidden = !otherSide(item);
  const all = act("accept-all");
  if (all) all.hidden = !points.some(isOpen);
  draw();
}

function magnify(x, y) {
  const side = loupe.width / ZOOM;
  const across = picture.naturalWidth / stage.clientWidth;
  const pen = loupe.getContext("2d");
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, loupe.width, loupe.height);
  if (picture.complete && picture.naturalWidth) {
    pen.drawImage(
      picture,
      x * picture.naturalWidth - (side * across) / 2,
      y * picture.naturalHeight - (side * across) / 2,
      side * across,
      side * across,
      0,
      0,
      loupe.width,
      loupe.height,
    );
  }
  const half = loupe.width / 2;
  for (const [colour, thickness] of [
    ["#000", 3],
    ["#fff", 1],
  ]) {
    pen.strokeStyle = colour;
    pen.lineWidth = thickness;
    pen.beginPath();
    for (const sign of [-1, 1]) {
      pen.moveTo(half + sign * 5, half);
      pen.lineTo(half + sign * 26, half);
      pen.moveTo(half, half + sign * 5);
      pen.lineTo(half, half + sign * 26);
    }
    pen.stroke();
  }
  // Never under the finger.
  loupe.classList.toggle("loupe--right", x < 0.5);
  loupe.hidden = false;
}

function magnifyCurrent() {
  const where = place(items[current]);
  if (where) magnify(...where);
  else loupe.hidden = true;
}

// Mouse and finger

function under(event) {
  const area = stage.getBoundingClientRect();
  const part = (value) => Math.min(1, Math.max(0, value));
  return [
    part((event.clientX - area.left) / area.width),
    part((event.clientY - area.top) / area.height),
  ];
}

function values(item) {
  return ["x", "y", "state"].map((field) => item[field]?.value);
}

stage.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || held) return;
  event.preventDefault();
  stage.focus({ preventScroll: true });
  stage.setPointerCapture(event.pointerId);
  held = { pointer: event.pointerId, before: values(items[current]) };
  put(items[current], ...under(event));
  magnify(...under(event));
});

stage.addEventListener("pointermove", (event) => {
  if (held && event.pointerId !== held.pointer) return;
  if (held) put(items[current], ...under(event));
  if (held || event.pointerType === "mouse") magnify(...under(event));
});

stage.addEventListener("pointerup", (event) => {
  if (!held || event.pointerId !== held.pointer) return;
  held = null;
  if (event.pointerType !== "mouse") loupe.hidden = true;
  if (goOn.checked) forward();
});

// The browser took the finger, for a pinch for instance.
stage.addEventListener("pointercancel", () => {
  if (!held) return;
  const item = items[current];
  ["x", "y", "state"].forEach((field, number) => {
    if (item[field]) item[field].value = held.before[number];
  });
  held = null;
  loupe.hidden = true;
  show();
});

for (const name of ["pointerleave", "blur"]) {
  stage.addEventListener(name, () => {
    if (!held) loupe.hidden = true;
  });
}

for (const spot of form.querySelectorAll(".figure [data-point]")) {
  spot.addEventListener("click", () => choose(items.indexOf(named[spot.dataset.point])));
}

// Keys, while the photo has the focus

const acts = {
  accept: (item) => {
    accept(item);
    forward();
  },
  hide,
  clear,
  swap: exchange,
  next: () => choose(current + 1),
  previous: () => choose(current - 1),
  "accept-all": () => points.filter(isOpen).forEach(accept),
};
const keys = {
  " ": "accept",
  h: "hide",
  delete: "clear",
  backspace: "clear",
  x: "swap",
  n: "next",
  p: "previous",
};
const arrows = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

stage.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const item = items[current];
  if (event.key in arrows) {
    move(item, ...arrows[event.key], event.shiftKey ? LARGE_STEP : STEP);
  } else if (event.key === "Enter") {
    event.preventDefault();
    form.requestSubmit(form.querySelector("[data-save]"));
    return;
  } else if (event.key.toLowerCase() in keys) {
    acts[keys[event.key.toLowerCase()]](item);
  } else {
    return;
  }
  event.preventDefault();
  magnifyCurrent();
  say();
});

for (const button of form.querySelectorAll("[data-act]")) {
  button.addEventListener("click", () => {
    acts[button.dataset.act](items[current]);
    say();
    // What has done its work may be gone; the keys go on at the photo.
    if (button.hidden) stage.focus({ preventScroll: true });
  });
}

// Before it is sent

function chosen(name) {
  return form.querySelector(`[name=${name}]:checked`)?.value;
}

function looksSwapped() {
  const [left, right] = [named.left_eye, named.right_eye];
  if (!isPlaced(left) || !isPlaced(right)) return false;
  const apart = place(left)[0] - place(right)[0];
  const view = chosen("view");
  return view.startsWith("front") ? apart < 0 : view.startsWith("back") && apart > 0;
}

// Words for what is missing, and where to go on.
function missing() {
  const open = points.find(isOpen);
  if (open) return [words.guessesLeft, () => choose(items.indexOf(open))];
  if (!points.some(isPlaced)) return [words.nothing, () => choose(0)];
  const corner = corners.find(isOpen);
  if (corner) return [words.noFrame, () => choose(items.indexOf(corner))];
  for (const name of ["posture", "view"]) {
    if (!chosen(name)) return [words.noWords, () => form.querySelector(`[name=${name}]`).focus()];
  }
  if (looksSwapped() && !warned) {
    warned = true;
    return [words.swapped, () => choose(items.indexOf(named.left_eye))];
  }
  return null;
}

form.addEventListener("submit", (event) => {
  if (event.submitter && !event.submitter.matches("[data-save]")) return;
  const found = missing();
  if (found) {
    event.preventDefault();
    const [told, go] = found;
    complaint.textContent = told;
    complaint.hidden = false;
    go();
    return;
  }
  // A frame may have been drawn from any corner.
  const [start, end] = corners;
  for (const field of ["x", "y"]) {
    const [one, two] = [start[field].value, end[field].value];
    if (Number(one) > Number(two)) [start[field].value, end[field].value] = [two, one];
  }
});

for (const input of form.querySelectorAll(".numbers :is(input, select)")) {
  input.addEventListener("input", changed);
}
for (const input of form.querySelectorAll("[type=radio]")) {
  input.addEventListener("input", () => {
    complaint.hidden = true;
  });
}

frame.style.setProperty("--ratio", picture.width / picture.height);
frame.querySelector(".overlay")?.remove();
for (const part of form.querySelectorAll("[data-live]")) part.hidden = false;
const numbers = form.querySelector(".numbers");
numbers.open = numbers.querySelector("[aria-invalid]") !== null;
new ResizeObserver(draw).observe(stage);
addEventListener("pageshow", show);
show();
// One photo after the other: its place on the screen is the same each time.
const bar = form.querySelector(".annotate-actions").offsetHeight;
if (stage.getBoundingClientRect().bottom > innerHeight - bar) frame.parentElement.scrollIntoView();
stage.focus({ preventScroll: true });
