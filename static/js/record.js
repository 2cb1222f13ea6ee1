// Records a clip with the camera, without sound and only so long, and sends it, or a chosen film,
// telling how far that is. Where the browser cannot record, the form's file fields do.

const form = document.querySelector("[data-record]");
const words = form.querySelector("[data-words]").dataset;
const most = Number(form.dataset.record);
const part = (name) => form.querySelector(`[data-${name}]`);
const buttons = ["open", "start", "stop", "send", "again", "close"];
const live = part("live");
const refused = part("refused");

// WebM first: what Chromium and Firefox write as MP4 they wrote as WebM for longer.
const KINDS = ["video/webm;codecs=vp8", "video/webm", "video/mp4"];
const BITS_A_SECOND = 3_000_000;
// A recorder that was asked to stop writes a little more.
const GRACE = 1;

let stream = null;
let recorder = null;
let recorded = null;
let timer = 0;

function show(...names) {
  const focused = buttons.some((name) => part(name) === document.activeElement);
  for (const name of buttons) part(name).hidden = !names.includes(name);
  if (focused) part(names[0]).focus();
}

function say(sentence) {
  refused.querySelector("span").textContent = sentence;
  refused.hidden = !sentence;
}

function release() {
  clearInterval(timer);
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = null;
  live.srcObject = null;
}

function forget() {
  if (live.src) URL.revokeObjectURL(live.src);
  live.removeAttribute("src");
  live.controls = false;
  recorded = null;
}

async function open() {
  say("");
  forget();
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: {
        facingMode: { ideal: "environment" },
        width: { ideal: 1280 },
        height: { ideal: 720 },
        frameRate: { ideal: 30, max: 30 },
      },
    });
  } catch {
    say(words.noCamera);
    show("open");
    return;
  }
  live.srcObject = stream;
  live.play();
  part("frame").hidden = false;
  part("files").hidden = true;
  show("start", "close");
}

function close() {
  recorder = null;
  release();
  forget();
  part("frame").hidden = true;
  part("count").hidden = true;
  part("files").hidden = false;
  show("open");
}

function start() {
  say("");
  const kind = KINDS.find((one) => MediaRecorder.isTypeSupported(one));
  const pieces = [];
  recorder = new MediaRecorder(stream, { mimeType: kind, videoBitsPerSecond: BITS_A_SECOND });
  recorder.addEventListener("dataavailable", (event) => pieces.push(event.data));
  recorder.addEventListener("stop", (event) => {
    if (event.target === recorder) end(new Blob(pieces, { type: kind.split(";")[0] }));
  });
  recorder.start(1000);
  const begun = performance.now();
  const count = () => {
    const left = most - (performance.now() - begun) / 1000;
    part("left").textContent = Math.max(0, Math.ceil(left));
    if (left <= 0) stop();
  };
  count();
  part("count").hidden = false;
  timer = setInterval(count, 100);
  show("stop");
}

function stop() {
  clearInterval(timer);
  if (recorder?.state === "recording") recorder.stop();
}

function end(blob) {
  part("count").hidden = true;
  release();
  if (!blob.size) {
    close();
    say(words.notRecorded);
    return;
  }
  const ending = blob.type === "video/mp4" ? "mp4" : "webm";
  recorded = new File([blob], `clip.${ending}`, { type: blob.type });
  live.src = URL.createObjectURL(recorded);
  live.controls = true;
  show("send", "again", "close");
}

// How long the browser says that a film lasts; 0 where it does not know the kind.
function lasts(file) {
  return new Promise((done) => {
    const probe = document.createElement("video");
    const address = URL.createObjectURL(file);
    const tell = () => {
      URL.revokeObjectURL(address);
      done(Number.isFinite(probe.duration) ? probe.duration : 0);
    };
    probe.preload = "metadata";
    probe.addEventListener("loadedmetadata", tell, { once: true });
    probe.addEventListener("error", tell, { once: true });
    probe.src = address;
  });
}

function post(file) {
  const data = new FormData();
  data.append("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  data.append("film", file, file.name);
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/json");
  request.setRequestHeader("HX-Request", "true"); // Answered with 401 instead of the log-in page.
  request.responseType = "json";
  request.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) form.querySelector("progress").value = event.loaded / event.total;
  });
  return new Promise((done) => {
    for (const event of ["load", "error", "abort"]) {
      request.addEventListener(event, () => done(request));
    }
    request.send(data);
  });
}

async function send(file) {
  say("");
  if (!file) return say(words.choose);
  if (file.size > Number(form.dataset.most) * 1024 * 1024) return say(words.tooLarge);
  if (file !== recorded && (await lasts(file)) > most + GRACE) return say(words.tooLong);
  const shown = [part("camera"), part("files")].filter((one) => !one.hidden);
  for (const one of shown) one.hidden = true;
  form.querySelector("progress").value = 0;
  part("sending").hidden = false;
  const request = await post(file);
  if (request.status === 201) {
    location.assign(request.response.address);
    return;
  }
  part("sending").hidden = true;
  for (const one of shown) one.hidden = false;
  say(request.response?.detail ?? words.notSent);
}

const acts = { open, start, stop, again: open, close, send: () => send(recorded) };
for (const [name, act] of Object.entries(acts)) part(name).addEventListener("click", act);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const inputs = [...form.querySelectorAll("input[type=file]")];
  send(inputs.map((input) => input.files[0]).find(Boolean));
});
addEventListener("pagehide", release);
addEventListener("pageshow", (event) => event.persisted && close());

const records = "mediaDevices" in navigator && "MediaRecorder" in window;
if (records && KINDS.some((kind) => MediaRecorder.isTypeSupported(kind))) {
  part("camera").hidden = false;
  part("phone").hidden = true;
}
