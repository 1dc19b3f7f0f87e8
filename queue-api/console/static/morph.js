// SPDX-License-Identifier: Apache-2.0

// morph makes the children of one element like those of another, and changes nothing that is the same already: focus, selection,
// scrolling and what was typed stay. Elements are the same if they have the same id or data-key, or else the same place and name.
export function morph(from, to) {
  const kept = new Map();
  for (const child of from.children) {
    const key = keyOf(child);
    if (key) kept.set(key, child);
  }
  let at = from.firstChild;
  for (const want of [...to.childNodes]) {
    const key = keyOf(want);
    let have = at;
    if (key) have = kept.get(key) ?? null;
    else if (have && keyOf(have)) have = null;
    if (have && have.nodeName === want.nodeName && have.nodeType === want.nodeType) {
      if (have !== at) from.insertBefore(have, at);
      become(have, want);
      at = have.nextSibling;
    } else {
      from.insertBefore(want, at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function keyOf(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return "";
  return node.id || node.getAttribute("data-key") || "";
}

function become(have, want) {
  if (have.nodeType !== Node.ELEMENT_NODE) {
    if (have.nodeValue !== want.nodeValue) have.nodeValue = want.nodeValue;
    return;
  }
  // What a script or a person made of an element is theirs.
  if (have.hasAttribute("data-keep")) return;
  for (const { name } of [...have.attributes]) {
    if (!want.hasAttribute(name) && !isState(have, name)) have.removeAttribute(name);
  }
  for (const { name, value } of want.attributes) {
    if (have.getAttribute(name) !== value && !isState(have, name)) have.setAttribute(name, value);
  }
  if (have.nodeName === "TIME" && have.getAttribute("data-shown") === want.getAttribute("data-millis")) return;
  morph(have, want);
}

// isState is what a person changes: an open detail, a ticked box, a chosen option, written text.
function isState(element, name) {
  return (name === "open" && (element.nodeName === "DETAILS" || element.nodeName === "DIALOG"))
    || (element.nodeName === "INPUT" && (name === "checked" || name === "value") && element.type !== "hidden")
    || ((name === "data-shown" || name === "title") && element.nodeName === "TIME")
    || (name === "hidden" && element.hasAttribute("data-script"));
}
