// SPDX-License-Identifier: Apache-2.0

import { startLive } from "./live.js";
import { startKeys } from "./keys.js";
import { showTimes } from "./times.js";

// Forms with data-confirm ask first.
document.addEventListener("submit", (event) => {
  const asks = event.submitter?.getAttribute("data-confirm") ?? event.target.getAttribute("data-confirm");
  if (asks && !window.confirm(asks)) event.preventDefault();
});

// A button with data-copy copies the text of the element with that id.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = document.getElementById(button.getAttribute("data-copy"))?.textContent ?? "";
  try {
    await navigator.clipboard.writeText(text);
    say("Copied");
  } catch {
    say("The browser does not let pages copy here: select the text");
  }
});

// A form with data-auto is sent as soon as something in it is chosen.
document.addEventListener("change", (event) => {
  if (event.target.nodeName === "SELECT") event.target.closest("form[data-auto]")?.requestSubmit();
});

// say tells everybody, those who listen too.
export function say(text) {
  const said = document.getElementById("said");
  if (said) said.textContent = text;
}

showTimes(document);
startKeys();
startLive();
