// SPDX-License-Identifier: Apache-2.0

// A log as it is written: lines are added at its end, and at its beginning taken away where there are too many.
const most = 5000;
const log = document.getElementById("log");

if (log) {
  for (const element of document.querySelectorAll(".log-tools [data-script]")) element.hidden = false;
  toggle("log-times", "times");
  toggle("log-wrap", "wrap");
  follow();
  find();
}

function toggle(id, name) {
  const box = document.getElementById(id);
  const kept = localStorage.getItem(id);
  if (kept !== null) box.checked = kept === "1";
  const show = () => log.classList.toggle(name, box.checked);
  box.addEventListener("change", () => { localStorage.setItem(id, box.checked ? "1" : "0"); show(); });
  show();
}

function follow() {
  const box = document.getElementById("log-follow");
  const state = document.getElementById("log-state");
  const url = log.getAttribute("data-tail");
  toEnd();
  if (!url) { box.checked = false; box.disabled = true; return; }
  // Who scrolls up reads: the end is not pulled to them.
  log.addEventListener("scroll", () => {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    if (box.checked !== atEnd) box.checked = atEnd;
  });
  box.addEventListener("change", toEnd);
  let source = null;
  let last = "";
  let over = false;

  function open() {
    if (source || over || document.hidden) return;
    source = new EventSource(last ? url.replace(/([?&]after=)[^&]*/, `$1${encodeURIComponent(last)}`) : url);
    source.addEventListener("open", () => { state.textContent = "Live"; });
    source.addEventListener("lines", (event) => {
      last = event.lastEventId;
      add(JSON.parse(event.data));
      if (box.checked) toEnd();
    });
    source.addEventListener("over", (event) => {
      over = true;
      close();
      const { reason } = JSON.parse(event.data);
      state.textContent = reason ? `The end; not all is there: ${reason}` : "The end";
    });
    // A tail ends every so often, and the browser begins the next; what is refused is tried again later.
    source.addEventListener("error", () => {
      if (source?.readyState !== EventSource.CLOSED) return;
      close();
      state.textContent = "Reconnecting";
      setTimeout(open, 3000);
    });
  }
  function close() { source?.close(); source = null; }
  document.addEventListener("visibilitychange", () => { if (document.hidden) close(); else open(); });
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", (event) => { if (event.persisted) open(); });
  open();
}

function toEnd() {
  if (document.getElementById("log-follow").checked) log.scrollTop = log.scrollHeight;
}

// What a job wrote is text, never markup.
function add(lines) {
  const added = document.createDocumentFragment();
  for (const { t, m, c } of lines) {
    const line = document.createElement("div");
    line.className = "line";
    const time = document.createElement("time");
    time.setAttribute("data-ms", String(t));
    time.textContent = new Date(t).toISOString().slice(11, 23);
    const text = document.createElement("span");
    text.textContent = m;
    line.append(time, text);
    if (c) {
      const cut = document.createElement("em");
      cut.textContent = `${c} bytes more in the download`;
      line.append(cut);
    }
    added.append(line);
  }
  log.append(added);
  log.setAttribute("data-added", String(Number(log.getAttribute("data-added") ?? 0) + lines.length));
  while (log.children.length > most) log.firstElementChild.remove();
}

function find() {
  const input = document.getElementById("log-find");
  const found = document.getElementById("log-found");
  let matches = [];
  let at = -1;
  function look() {
    for (const line of log.querySelectorAll(".match")) line.classList.remove("match", "now");
    const want = input.value.toLowerCase();
    matches = want ? [...log.children].filter((line) => line.children[1].textContent.toLowerCase().includes(want)) : [];
    for (const line of matches) line.classList.add("match");
    at = -1;
    found.textContent = want ? "No line has it" : "";
    if (matches.length) step(-1);
  }
  function step(by) {
    if (!matches.length) return;
    matches[at]?.classList.remove("now");
    at = at < 0 ? (by < 0 ? matches.length - 1 : 0) : (at + by + matches.length) % matches.length;
    matches[at].classList.add("now");
    document.getElementById("log-follow").checked = false;
    matches[at].scrollIntoView({ block: "center" });
    found.textContent = `${at + 1} of ${matches.length}`;
  }
  input.addEventListener("input", look);
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    step(event.shiftKey ? -1 : 1);
  });
  document.getElementById("log-next").addEventListener("click", () => step(1));
  document.getElementById("log-before").addEventListener("click", () => step(-1));
}
