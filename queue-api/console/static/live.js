// SPDX-License-Identifier: Apache-2.0

import { morph } from "./morph.js";
import { showTimes } from "./times.js";

const least = 300; // milliseconds between two fetches
const retryAfter = 3000;

// startLive keeps the page as it is now. A stream says that something changed; then the page fetches itself and takes over what
// differs. A browser has few connections to one place: a page that nobody sees has none.
export function startLive() {
  const main = document.getElementById("main");
  const button = document.getElementById("live");
  if (!main || !button) return;
  const every = Number(main.getAttribute("data-every") ?? 0) * 1000;
  let source = null;
  let ticker = 0;
  let pending = 0;
  let fetching = false;
  let again = false;
  let last = 0;
  let lastID = "";
  let on = sessionStorage.getItem("live") !== "off";

  function soon() {
    if (pending || !on || document.hidden) return;
    pending = setTimeout(() => { pending = 0; refresh(); }, Math.max(0, last + least - Date.now()));
  }

  async function refresh() {
    if (fetching) { again = true; return; }
    fetching = true;
    last = Date.now();
    try {
      const answer = await fetch(location.href, { headers: { "X-Console-Fragment": "1" }, credentials: "same-origin", cache: "no-store" });
      if (answer.status === 401) { location.reload(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(`<main>${await answer.text()}</main>`, "text/html");
      if (on) {
        morph(main, page.querySelector("main"));
        showTimes(main);
        main.dispatchEvent(new CustomEvent("morphed"));
      }
      state("on");
    } catch {
      state("off");
      setTimeout(soon, retryAfter);
    } finally {
      fetching = false;
      if (again) { again = false; soon(); }
    }
  }

  // The address of the stream may have the place after which it goes on, as a page that was hidden opens it anew.
  function open() {
    const url = main.getAttribute("data-live");
    if (!url || source) return;
    source = new EventSource(lastID ? `${url}&after=${encodeURIComponent(lastID)}` : url);
    // What changed after the page was made, and before the stream began, nobody tells.
    source.onopen = () => { state("on"); soon(); };
    source.addEventListener("changes", (event) => { lastID = event.lastEventId; soon(); });
    source.onerror = () => {
      state("off");
      if (source?.readyState !== EventSource.CLOSED) return;
      close();
      lastID = "";
      setTimeout(start, retryAfter);
      soon();
    };
  }

  function close() {
    source?.close();
    source = null;
    clearInterval(ticker);
    ticker = 0;
  }

  function start() {
    if (!on || document.hidden) return;
    open();
    if (every && !ticker) ticker = setInterval(soon, every);
  }

  function state(now) {
    const paused = !on;
    button.classList.toggle("off", paused || now === "off");
    document.getElementById("live-text").textContent = paused ? "Paused" : now === "off" ? "Reconnecting" : "Live";
    document.documentElement.setAttribute("data-live-state", paused ? "paused" : now);
  }

  button.addEventListener("click", () => {
    on = !on;
    sessionStorage.setItem("live", on ? "on" : "off");
    if (on) { start(); soon(); } else close();
    state("on");
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { close(); return; }
    start();
    soon();
  });
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", (event) => { if (event.persisted) { start(); soon(); } });
  button.hidden = false;
  state("on");
  start();
}
