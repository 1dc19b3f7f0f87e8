// SPDX-License-Identifier: Apache-2.0

// The grid of an array's children: what is under the pointer, and a click leads to it. Others use the field below it.
const main = document.getElementById("main");

function childAt(event) {
  const picture = event.target.closest("[data-array] svg");
  if (!picture) return null;
  const columns = Number(picture.getAttribute("data-columns"));
  const cells = Number(picture.getAttribute("data-cells"));
  const box = picture.getBoundingClientRect();
  const size = box.width / columns;
  const index = Math.floor((event.clientY - box.top) / size) * columns + Math.floor((event.clientX - box.left) / size);
  if (!(index >= 0 && index < cells)) return null;
  return { index, id: picture.closest("[data-array]").getAttribute("data-array") };
}

main.addEventListener("pointermove", (event) => {
  const child = childAt(event);
  const said = document.getElementById("cell");
  if (said && event.target.closest("[data-array]")) said.textContent = child ? `Child ${child.index}` : "";
});

main.addEventListener("click", (event) => {
  const child = childAt(event);
  if (child) location.assign(`/console/jobs/${encodeURIComponent(`${child.id}:${child.index}`)}`);
});
