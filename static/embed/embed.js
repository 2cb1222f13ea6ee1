// Puts a list of dogs where its tag stands:
//
//   <script src="https://pawkin.example/embed.js" data-shelter="hanbit" data-lang="ko" async></script>
//
// data-lang, data-limit, data-title, and the filters of the list's own address: data-shelter,
// data-breed, data-size, data-sex and so on, several values with commas between them.

(function () {
  const script = document.currentScript;
  if (!script) return;
  const home = new URL(script.src).origin;
  const address = new URL("/embed/dogs/", home);
  for (const [name, value] of Object.entries(script.dataset)) {
    if (name === "title") continue;
    const parameter = name.replace(/[A-Z]/g, (letter) => "_" + letter.toLowerCase());
    for (const one of value.split(",")) address.searchParams.append(parameter, one.trim());
  }
  const frame = document.createElement("iframe");
  frame.src = address.href;
  frame.title = script.dataset.title || (script.dataset.lang === "ko" ? "입양할 수 있는 강아지" : "Dogs to adopt");
  frame.loading = "lazy";
  frame.referrerPolicy = "no-referrer";
  frame.setAttribute("sandbox", "allow-scripts allow-same-origin allow-popups allow-popups-to-escape-sandbox");
  frame.style.cssText = "width:100%;height:480px;border:0";
  window.addEventListener("message", (event) => {
    if (event.origin !== home || event.source !== frame.contentWindow) return;
    if (!event.data || event.data.pawkin !== "height") return;
    const height = Number(event.data.height);
    if (height > 0 && height < 20000) frame.style.height = height + "px";
  });
  script.after(frame);
})();
