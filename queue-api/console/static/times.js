// SPDX-License-Identifier: Apache-2.0

const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

// showTimes writes times as the reader's clock has them. The page has them in UTC.
export function showTimes(root) {
  for (const element of root.querySelectorAll("time[data-millis]")) {
    const millis = element.getAttribute("data-millis");
    if (element.getAttribute("data-shown") === millis) continue;
    const date = new Date(Number(millis));
    element.title = date.toISOString();
    element.textContent = format.format(date);
    element.setAttribute("data-shown", millis);
  }
}
