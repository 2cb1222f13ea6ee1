// Plays a clip: stills from one file on a canvas, the dog's points drawn over each, and a line in
// the chart that follows. The points of a still are drawn with it and never with another.

const SVG = "http://www.w3.org/2000/svg";

function shape(name, className, parent) {
  const element = document.createElementNS(SVG, name);
  element.setAttribute("class", className);
  parent.append(element);
  return element;
}

// Draws the points of a frame into an <svg> of the film's size.
function drawing(svg, clip) {
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${clip.width} ${clip.height}`);
  const box = shape("rect", "kp kp--box", svg);
  const lines = clip.edges.map(([, , part]) => shape("line", `kp kp--${part}`, svg));
  const points = clip.points.map(([part, hollow]) => {
    const point = shape("path", `kp kp--${part}${hollow ? " kp--hollow" : ""}`, svg);
    point.setAttribute("d", clip.shapes[part] ?? clip.shapes.face);
    return point;
  });
  const set = (element, values) => {
    element.setAttribute("visibility", values ? "visible" : "hidden");
    for (const [name, value] of Object.entries(values ?? {})) element.setAttribute(name, value);
  };
  return (frame) => {
    const seen = (frame.points ?? []).map(([x, y, score]) => score >= clip.sure && [x * clip.width, y * clip.height, score]);
    const [x0, y0, x1, y1] = frame.box ?? [0, 0, 0, 0];
    const wide = (x1 - x0) * clip.width;
    const high = (y1 - y0) * clip.height;
    set(box, frame.box && { x: x0 * clip.width, y: y0 * clip.height, width: wide, height: high });
    clip.edges.forEach(([a, b], n) => {
      const [from, to] = [seen[a], seen[b]];
      set(lines[n], from && to && { x1: from[0], y1: from[1], x2: to[0], y2: to[1] });
    });
    // As large as in portal/matching/overlay.py.
    const unit = (Math.max(clip.width, clip.height) + Math.max(wide, high)) / 200;
    points.forEach((point, n) => {
      if (!seen[n]) return set(point, null);
      const [x, y, score] = seen[n];
      const scale = (unit * (0.8 + 0.6 * score)) / clip.radius;
      set(point, { transform: `translate(${x} ${y}) scale(${scale})` });
    });
  };
}

function setUp(player) {
  const clip = JSON.parse(document.getElementById(player.dataset.clip).textContent);
  const find = (name) => player.querySelector(`[data-${name}]`);
  const frame = player.querySelector(".clip-frame");
  const now = document.querySelector("[data-now]");
  const slider = find("time");
  const clock = find("clock");
  const toggle = find("toggle");
  const seconds = new Intl.NumberFormat(document.documentElement.lang, {
    style: "unit",
    unit: "second",
    unitDisplay: "narrow",
    minimumFractionDigits: 1,
    maximumFractionDigits: 1,
  });
  const canvas = document.createElement("canvas");
  canvas.width = clip.width;
  canvas.height = clip.height;
  canvas.hidden = true;
  canvas.setAttribute("aria-hidden", "true");
  const image = frame.querySelector("img");
  image.after(canvas);
  let svg = frame.querySelector(".overlay");
  if (!svg) {
    svg = shape("svg", "overlay", frame);
    svg.setAttribute("aria-hidden", "true");
  }
  const draw = drawing(svg, clip);
  let film = null;
  let wanted = 0;
  let painting = false;
  let begun = null;

  const at = (time) => Math.max(0, clip.frames.findLastIndex((one) => one.t <= time + 0.001));

  async function paint() {
    if (painting) return;
    painting = true;
    for (let shown = -1; shown !== wanted; ) {
      const number = wanted;
      const [start, end] = clip.frames[number].at;
      const bitmap = await createImageBitmap(new Blob([film.subarray(start, end)], { type: "image/webp" }));
      canvas.getContext("2d").drawImage(bitmap, 0, 0, clip.width, clip.height);
      bitmap.close();
      draw(clip.frames[number]);
      canvas.hidden = false;
      shown = number;
    }
    painting = false;
  }

  function go(time) {
    slider.value = time;
    const place = (100 * time) / clip.seconds;
    now?.setAttribute("x1", place);
    now?.setAttribute("x2", place);
    clock.textContent = `${seconds.format(time)} / ${seconds.format(clip.seconds)}`;
    slider.setAttribute("aria-valuetext", clock.textContent);
    const number = at(time);
    if (number !== wanted || canvas.hidden) {
      wanted = number;
      paint();
    }
  }

  function playing(on) {
    toggle.setAttribute("aria-label", on ? player.dataset.pause : player.dataset.play);
    find("icon-play").hidden = on;
    find("icon-pause").hidden = !on;
    if (!on) begun = null;
  }

  function step(moment) {
    if (begun === null || !player.isConnected) return;
    const time = (moment - begun) / 1000;
    if (time >= clip.seconds) {
      go(clip.seconds);
      playing(false);
      return;
    }
    go(Math.max(0, time));
    requestAnimationFrame(step);
  }

  toggle.addEventListener("click", () => {
    if (begun !== null) return playing(false);
    const from = Number(slider.value);
    begun = performance.now() - 1000 * (from >= clip.seconds - 0.01 ? 0 : from);
    playing(true);
    requestAnimationFrame(step);
  });
  slider.addEventListener("input", () => {
    playing(false);
    go(Number(slider.value));
  });

  fetch(clip.film)
    .then((response) => (response.ok ? response.arrayBuffer() : Promise.reject(response.status)))
    .then((bytes) => {
      film = new Uint8Array(bytes);
      find("controls").hidden = false;
      now?.setAttribute("visibility", "visible");
      go(0);
    })
    .catch(() => {
      find("told").textContent = player.dataset.away;
    });
}

function prepare(root) {
  for (const player of root.querySelectorAll("[data-clip]")) {
    if ("ready" in player.dataset) continue;
    player.dataset.ready = "";
    setUp(player);
  }
}

document.addEventListener("htmx:load", (event) => prepare(event.target));
prepare(document);
