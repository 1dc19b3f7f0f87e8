// SPDX-License-Identifier: Apache-2.0

// Prints, for each of so many visits with an empty cache, after how many milliseconds a page first showed something.
import { chromium } from "playwright-core";

const { CHROMIUM: executablePath, PAGE: page, VISITS: visits } = process.env;
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
for (let i = 0; i < Number(visits); i++) {
  const context = await browser.newContext();
  const tab = await context.newPage();
  const answer = await tab.goto(page);
  if (!answer.ok()) throw new Error(`${page}: ${answer.status()}`);
  const paint = await tab.waitForFunction(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime);
  console.log(await paint.jsonValue());
  await context.close();
}
await browser.close();
