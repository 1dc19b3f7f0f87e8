// SPDX-License-Identifier: Apache-2.0

// The page of jobs: how many are selected, and views that this browser keeps.
const main = document.getElementById("main");
const key = "muster-console-views";

function boxes() { return [...main.querySelectorAll("input[name=id]")]; }

function count() {
  const n = boxes().filter((box) => box.checked).length;
  const said = document.getElementById("selected");
  if (said) said.textContent = `${n} selected`;
}

main.addEventListener("change", (event) => {
  if (event.target.matches("[data-all]")) {
    for (const box of event.target.closest("table").querySelectorAll("input[name=id]")) box.checked = event.target.checked;
  }
  if (event.target.type === "checkbox") count();
});
main.addEventListener("morphed", count);

function read() {
  try {
    const views = JSON.parse(localStorage.getItem(key) ?? "[]");
    return Array.isArray(views) ? views.filter((v) => typeof v?.name === "string" && typeof v?.query === "string").slice(0, 50) : [];
  } catch {
    return [];
  }
}

function write(views) {
  localStorage.setItem(key, JSON.stringify(views));
  show();
}

function show() {
  const choice = document.getElementById("view-choice");
  while (choice.options.length > 1) choice.remove(1);
  for (const view of read()) choice.add(new Option(view.name, view.query, false, view.query === here()));
}

// here is the view that is shown: the page's query without the place in the list.
function here() {
  const query = new URLSearchParams(location.search);
  query.delete("next");
  return query.toString();
}

const choice = document.getElementById("view-choice");
if (choice) {
  document.getElementById("views").hidden = false;
  show();
  choice.addEventListener("change", () => { if (choice.selectedIndex > 0) location.search = new URLSearchParams(choice.value).toString(); });
  document.getElementById("view-save").addEventListener("click", () => {
    const field = document.getElementById("view-name");
    const name = field.value.trim();
    if (!name) field.focus();
    else write([...read().filter((v) => v.name !== name), { name, query: here() }]);
  });
  document.getElementById("view-delete").addEventListener("click", () => {
    const name = choice.selectedOptions[0]?.textContent;
    if (choice.selectedIndex > 0) write(read().filter((v) => v.name !== name));
  });
}
count();
