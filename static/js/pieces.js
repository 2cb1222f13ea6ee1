// Sends a file in pieces (tus 1.0), so that a lost connection costs one piece. What is there
// already is asked for again after a break, and after the page was loaded anew.

const PIECE = 512 * 1024;
const LONGEST_PAUSE = 15_000;

export class Refused extends Error {}

const remembered = (place, file) =>
  ["upload", place, file.name, file.size, file.lastModified].join(" ");

// Until the connection is back, or for a while.
function pause(milliseconds) {
  return new Promise((done) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener("online", end);
      done();
    };
    const timer = setTimeout(end, milliseconds);
    addEventListener("online", end);
  });
}

async function call(address, method, token, headers, signal, body) {
  const response = await fetch(address, {
    method,
    body,
    signal,
    redirect: "error",
    headers: {
      "Tus-Resumable": "1.0.0",
      "X-CSRFToken": token,
      "HX-Request": "true", // Answered with 401 instead of the log-in page.
      ...headers,
    },
  });
  if ([409, 423].includes(response.status) || response.status >= 500) {
    throw new TypeError(`answered ${response.status}`);
  }
  if (response.status === 404) throw new Error("gone");
  if (response.status === 401) throw new Error("logged out");
  if (!response.ok) throw new Refused((await response.json().catch(() => ({}))).detail ?? "");
  return response;
}

async function begin(place, file, token, signal) {
  const name = btoa(String.fromCharCode(...new TextEncoder().encode(file.name)));
  const headers = { "Upload-Length": String(file.size), "Upload-Metadata": `filename ${name}` };
  const response = await call(place, "POST", token, headers, signal);
  return response.headers.get("Location");
}

// The address of the file once all of it is there. `told(share, waiting)` hears how far it is.
// Throws Refused with a sentence for a file that is no photo, AbortError when it is called off.
export async function send(place, file, { token, signal, told }) {
  const key = remembered(place, file);
  let address = localStorage.getItem(key);
  let offset = address ? null : 0;
  for (let failures = 0; ; ) {
    try {
      if (!address) {
        address = await begin(place, file, token, signal);
        localStorage.setItem(key, address);
        offset = 0;
      } else if (offset === null) {
        const response = await call(address, "HEAD", token, {}, signal);
        offset = Number(response.headers.get("Upload-Offset"));
      }
      // Once at least: all pieces may be there while it was not told what came of the file, and an
      // empty one asks for that.
      do {
        told(offset / file.size, false);
        const piece = file.slice(offset, offset + PIECE);
        const headers = {
          "Content-Type": "application/offset+octet-stream",
          "Upload-Offset": String(offset),
        };
        const response = await call(address, "PATCH", token, headers, signal, piece);
        offset = Number(response.headers.get("Upload-Offset"));
        failures = 0;
      } while (offset < file.size);
      localStorage.removeItem(key);
      return address;
    } catch (error) {
      if (error.name === "AbortError" || error.message === "logged out") throw error;
      if (error instanceof Refused) {
        localStorage.removeItem(key);
        throw error;
      }
      if (error.message === "gone") {
        localStorage.removeItem(key);
        address = null;
      }
      told((offset ?? 0) / file.size, true);
      offset = address ? null : 0;
      await pause(Math.min(LONGEST_PAUSE, 500 * 2 ** failures++));
      signal.throwIfAborted();
    }
  }
}
