// SPDX-License-Identifier: Apache-2.0

// Prints, for each of so many visits with an empty cache, after how many milliseconds a page first showed something, and before
// that the same of a page of one line, at which the visit began: so long does the browser itself take, which begins a process
// for it.
import { chromium } from "playwright-core";

const { CHROMIUM: executablePath, LINE: line, PAGE: page, VISITS: visits } = process.env;
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });

async function paintOf(tab, url) {
  await tab.goto(url);
  const paint = await tab.waitForFunction(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime);
  return paint.jsonValue();
}

for (let i = 0; i < Number(visits); i++) {
  const context = await browser.newContext();
  const tab = await context.newPage();
  console.log(await paintOf(tab, line), await paintOf(tab, page));
  if (!(await tab.locator("[data-testid=nav]").isVisible())) throw new Error(`${page} is no page of the console`);
  await context.close();
}
await browser.close();
