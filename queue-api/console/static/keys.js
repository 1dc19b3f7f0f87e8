// SPDX-License-Identifier: Apache-2.0

// startKeys lets everything be reached by keys. They do nothing while something is written, nor for who switched them off: whoever
// speaks to the computer, or hits keys by accident, wants none that act alone.
export function startKeys() {
  let after = "";
  let timer = 0;
  const box = document.getElementById("keys-on");
  const button = document.getElementById("show-keys");
  if (box) {
    box.checked = localStorage.getItem("keys") !== "off";
    box.addEventListener("change", () => localStorage.setItem("keys", box.checked ? "on" : "off"));
  }
  if (button) {
    button.hidden = false;
    button.addEventListener("click", show);
  }
  document.addEventListener("keydown", (event) => {
    if (box && !box.checked) return;
    if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return;
    const key = event.key;
    if (after === "g") {
      after = "";
      const link = [...document.querySelectorAll("nav a[data-key]")].find((a) => a.getAttribute("data-key") === key);
      if (link) { event.preventDefault(); link.click(); }
      return;
    }
    if (key === "g") {
      after = "g";
      clearTimeout(timer);
      timer = setTimeout(() => { after = ""; }, 1500);
      return;
    }
    if (act(key)) event.preventDefault();
  });
}

function act(key) {
  switch (key) {
    case "/": return focus(document.querySelector("[data-filter]"));
    case "j": return step(1);
    case "k": return step(-1);
    case "x": return tick();
    case "p": document.getElementById("live")?.click(); return true;
    case "?": show(); return true;
  }
  return false;
}

function show() { document.getElementById("keys")?.showModal(); }

function isWriting(element) {
  return element.isContentEditable || element.closest("dialog[open]")
    || ["TEXTAREA", "SELECT"].includes(element.nodeName)
    || (element.nodeName === "INPUT" && !["checkbox", "radio", "button", "submit"].includes(element.type));
}

function focus(element) {
  element?.focus();
  return Boolean(element);
}

// step goes through the rows of the page's table, by the link that each has.
function step(by) {
  const links = [...document.querySelectorAll("main tbody tr a[data-row]")];
  const row = document.activeElement?.closest("tr");
  const at = links.findIndex((a) => a.closest("tr") === row);
  return focus(links[at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + by))]);
}

function tick() {
  const box = document.activeElement?.closest("tr")?.querySelector("input[type=checkbox]");
  box?.click();
  return Boolean(box);
}
