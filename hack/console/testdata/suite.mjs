// SPDX-License-Identifier: Apache-2.0

// The browser suite. It prints a line of JSON for each thing it tried: {name, ok, detail}.
import { readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const { MUSTER_CONSOLE: base, MUSTER_CONTROL: control, MUSTER_SHOTS: shots, CHROMIUM: executablePath } = process.env;
const ids = JSON.parse(process.env.MUSTER_IDS);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const narrow = { width: 380, height: 800 };
const wide = { width: 1280, height: 900 };
const mostWeight = 200 * 1024;
const patience = 120_000; // milliseconds: of a browser on a machine that has much else to do

const say = (name, ok, detail = "") => process.stdout.write(`${JSON.stringify({ name, ok, detail: String(detail) })}\n`);

// attempt tries one thing; what it returns is told.
async function attempt(name, what) {
  try {
    say(name, true, (await what()) ?? "");
  } catch (error) {
    say(name, false, error.stack ?? error);
  }
}

function must(condition, text) {
  if (!condition) throw new Error(text);
}

const browser = await chromium.launch({ executablePath, timeout: patience, args: ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"] });

// visitor is a browser of its own that notes what goes wrong.
async function visitor(options = {}) {
  const context = await browser.newContext({ viewport: wide, locale: "en-GB", timezoneId: "UTC", reducedMotion: "reduce", acceptDownloads: true, ...options });
  const page = await context.newPage();
  const wrong = [];
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) wrong.push(`console: ${message.text()}`); });
  page.on("pageerror", (error) => wrong.push(`script: ${error.message}`));
  page.on("response", (response) => { if (response.status() >= 500) wrong.push(`${response.status()} ${response.url()}`); });
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => console.error(`CSP ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
  });
  page.setDefaultTimeout(patience);
  return { context, page, wrong, forget: () => { wrong.length = 0; } };
}

async function login(page, token) {
  await page.goto(`${base}/console/login`);
  await page.locator("input[name=token]").fill(token);
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => !url.pathname.endsWith("/login"));
}

// Pages: those that the navigation leads to, and those of one thing.
async function allPages(page) {
  await page.goto(`${base}/console/`);
  const nav = await page.locator("[data-testid=nav] a").evaluateAll((list) => list.map((a) => [a.textContent.trim().toLowerCase(), a.getAttribute("href")]));
  const known = new Map(nav);
  known.set("log", `/console/logs?job=${ids.compositing}`);
  if (known.has("queues")) {
    known.set("queue", "/console/queues/science");
  }
  if (known.has("jobs")) {
    known.set("jobs", "/console/jobs?queue=science");
    for (const [name, id] of [["job", ids.lighting], ["job-running", ids.compositing], ["job-array", ids.frames], ["job-gang", ids.climate], ["job-graph", ids["left-eye"]]]) {
      known.set(name, `/console/jobs/${id}`);
    }
  }
  known.set("login", "/console/login");
  return known;
}

// settle waits until the page has what it fetches at first.
async function settle(page) {
  await page.waitForLoadState("load");
  await page.evaluate(() => document.fonts.ready);
  await page.waitForTimeout(150);
}

async function audit(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] }));
  must(violations.length === 0, violations.map((v) => `${v.id}: ${v.help}\n${v.nodes.slice(0, 3).map((n) => `  ${n.html}\n  ${n.failureSummary}`).join("\n")}`).join("\n"));
}

// reach goes through the page by Tab and says what it could not get to.
async function reach(page) {
  const live = page.locator("#live:not([hidden])");
  const pauses = (await live.count()) > 0;
  if (pauses) await live.click(); // what is counted is not to change meanwhile
  await page.evaluate(() => {
    document.activeElement?.blur();
    window.scrollTo(0, 0);
      });
  // A page that fetches itself again keeps its elements, not what is written on them.
  const wanted = await page.evaluate(() => {
    window.reached = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
      .filter((e) => e.checkVisibility() && !e.disabled && e.type !== "hidden" && (e.type !== "radio" || e.checked));
    return window.reached.map((_, i) => i);
  });
  const seen = new Set();
  for (let i = 0; i < wanted.length + 20 && i < 400; i++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => window.reached.indexOf(document.activeElement));
    if (at >= 0) seen.add(at);
    if (seen.size >= wanted.length) break;
  }
  const missed = wanted.filter((i) => !seen.has(i));
  must(missed.length === 0 || wanted.length > 380, `not reached by Tab: ${await page.evaluate((list) => list.map((i) => window.reached[i].outerHTML.slice(0, 120)).join("\n"), missed.slice(0, 5))}`);
  const rings = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  must(rings !== "none", "what has the focus does not show it");
  if (pauses) await live.click();
  return `${wanted.length} elements`;
}

// weigh loads the page with an empty cache and adds up what came.
async function weigh(state, path) {
  const context = await browser.newContext({ storageState: state, viewport: wide });
  const page = await context.newPage();
  const client = await context.newCDPSession(page);
  await client.send("Network.enable");
  let bytes = 0;
  client.on("Network.loadingFinished", (event) => { bytes += event.encodedDataLength; });
  await page.goto(base + path);
  await settle(page);
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0);
  await context.close();
  must(bytes > 0 && bytes < mostWeight, `${bytes} bytes`);
  return `${Math.round(bytes / 102.4) / 10} KiB, first paint after ${Math.round(paint)} ms`;
}

async function checkPage(name, path, state) {
  const v = await visitor({ storageState: state });
  const { page, wrong } = v;
  await attempt(`${name}/shows`, async () => {
    const answer = await page.goto(base + path);
    await settle(page);
    must(answer.status() === 200, `answered ${answer.status()}`);
    must((await page.locator("h1").count()) === 1, "not one heading");
    must(!(await page.evaluate(() => window.broken)), "a tenant's script ran");
    must((await page.locator("script:not([src]), [style], style").count()) === 0, "inline script or style");
  });
  await attempt(`${name}/accessible`, () => audit(page));
  await attempt(`${name}/keyboard`, () => reach(page));
  if (shots) {
    await attempt(`${name}/screenshot`, async () => {
      const file = `${shots}/console-${name}.png`;
      await page.setViewportSize({ width: 1000, height: 660 });
      await page.evaluate(() => { document.activeElement?.blur(); window.scrollTo(0, 0); });
      await page.screenshot({ path: file, animations: "disabled", caret: "hide" });
      must(statSync(file).size < 150 * 1024, `${statSync(file).size} bytes`);
      return `${Math.round(statSync(file).size / 1024)} KiB`;
    });
  }
  await attempt(`${name}/dark`, async () => {
    await page.emulateMedia({ colorScheme: "dark" });
    await audit(page);
  });
  await attempt(`${name}/narrow`, async () => {
    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize(narrow);
    await settle(page);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    must(width <= narrow.width, `${width} pixels wide`);
    await audit(page);
  });
  await attempt(`${name}/quiet`, () => must(wrong.length === 0, wrong.join("\n")));
  await v.context.close();
  await attempt(`${name}/light`, () => weigh(state, path));
}

// 1. Login, by the keyboard alone.
const v = await visitor();
const { page, context, wrong } = v;
await attempt("login/a stranger is sent there", async () => {
  await page.goto(`${base}/console/nodes`);
  must(page.url().includes("/console/login"), page.url());
});
await attempt("login/a wrong token is refused", async () => {
  await page.locator("input[name=token]").fill("token-of-mallory");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").waitFor();
});
v.forget(); // the browser tells of the 403
await attempt("login/the right one leads on", async () => {
  await page.goto(`${base}/console/nodes`);
  await page.locator("input[name=token]").fill("token-of-ann");
  await page.keyboard.press("Enter");
  await page.waitForURL(`${base}/console/nodes`);
  must((await page.locator("[data-testid=user]").textContent()) === "ann", "ann is not named");
});
const state = await context.storageState();
const pages = await allPages(page);

// 2. The same for every page.
const todo = [...pages];
await Promise.all([1, 2, 3].map(async () => {
  for (let next = todo.shift(); next; next = todo.shift()) await checkPage(next[0], next[1], next[0] === "login" ? undefined : state);
}));

// 3. Keys.
await attempt("keys/g leads to each page", async () => {
  await page.goto(`${base}/console/cost`);
  await settle(page);
  for (const link of await page.locator("nav a[data-key]").evaluateAll((list) => list.map((a) => [a.getAttribute("data-key"), a.getAttribute("href")]))) {
    const isThere = (url) => url.pathname === new URL(link[1], base).pathname;
    for (let tries = 1; !isThere(new URL(page.url())); tries++) {
      await page.keyboard.press("g"); // which the page forgets if the next key comes late
      await page.keyboard.press(link[0]);
      await page.waitForURL(isThere, { timeout: 10_000 }).catch((error) => { if (tries === 12) throw error; });
    }
    await settle(page);
  }
});
await attempt("keys/? shows them, Escape ends it", async () => {
  await page.keyboard.press("?");
  await page.locator("dialog[open]").waitFor();
  await audit(page);
  await page.keyboard.press("Escape");
  await page.locator("dialog[open]").waitFor({ state: "detached" });
});
await attempt("keys/are switched off, and on again", async () => {
  const dialog = page.locator("dialog[open]");
  const turn = async (on) => {
    await page.locator("[data-testid=show-keys]").click();
    await dialog.waitFor();
    await page.locator("[data-testid=keys-on]").setChecked(on);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
  };
  await turn(false);
  await page.reload();
  await settle(page);
  await page.keyboard.press("?");
  must((await dialog.count()) === 0, "a key acts that was switched off");
  await turn(true);
  await page.keyboard.press("?");
  await dialog.waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
});

// 4. Nodes.
await attempt("nodes/each with its marks", async () => {
  await page.goto(`${base}/console/nodes`);
  must((await page.locator("[data-testid=node]").count()) === 6, "not six nodes");
  for (const mark of ["spot", "draining", "reserved", "not ready", "idle"]) must((await page.locator("span.mark", { hasText: mark }).count()) > 0, `no node is ${mark}`);
});
await attempt("nodes/one is opened by a key and shows its jobs", async () => {
  const node = page.locator("[data-testid=node]", { hasText: "ip-10-0-1-11" });
  await node.locator("summary").focus();
  await page.keyboard.press("Enter");
  await node.locator("a", { hasText: "compositing" }).waitFor();
  await audit(page);
});
await attempt("nodes/it stays open while the page goes on", async () => {
  await page.waitForTimeout(6000); // one refetch
  must((await page.locator("[data-testid=node][open]").count()) === 1, "it was closed");
});
await attempt("nodes/the filter is in the address", async () => {
  await page.locator("select[name=mark]").selectOption("spot");
  await page.waitForURL(/mark=spot/);
  must((await page.locator("[data-testid=node]").count()) === 3, "not three nodes");
});

// 5. Logs.
await attempt("logs/lines as text, newest last", async () => {
  await page.goto(`${base}/console/logs?job=${ids.compositing}`);
  const last = page.locator("#log .line").last();
  must((await last.textContent()).includes("<script>window.broken=1</script>"), await last.textContent());
  must(!(await last.textContent()).includes("\u202e") && !(await last.textContent()).includes("\u001b"), "controls are shown");
  must(!(await page.evaluate(() => window.broken)), "a log line ran");
});
await attempt("logs/a line is shown as it is written", async () => {
  const times = [];
  for (let i = 0; i < 12; i++) {
    const text = `line ${i} <b>${Date.now()}</b>`;
    const began = Date.now();
    await fetch(`${control}/line?text=${encodeURIComponent(text)}`, { method: "POST" });
    await page.locator("#log .line", { hasText: text }).waitFor();
    times.push(Date.now() - began);
  }
  times.sort((a, b) => a - b);
  return `written to pixel: median ${times[6]} ms, longest of 12 ${times[11]} ms`;
});
await attempt("logs/each line once", async () => {
  const texts = await page.locator("#log .line span").allTextContents();
  must(new Set(texts).size === texts.length, "a line is there twice");
});
await attempt("logs/find", async () => {
  await page.keyboard.press("/");
  await page.keyboard.type("tile 599");
  await page.locator("#log .line.now", { hasText: "tile 599" }).waitFor();
  must((await page.locator("#log-found").textContent()).startsWith("1 of 1"), await page.locator("#log-found").textContent());
});
await attempt("logs/wrap and times", async () => {
  await page.locator("#log-wrap").uncheck();
  await page.locator("#log-times").uncheck();
  must(await page.evaluate(() => { const log = document.getElementById("log"); return !log.classList.contains("wrap") && !log.classList.contains("times"); }), "they are as before");
  await page.reload();
  must(!(await page.locator("#log-wrap").isChecked()), "the choice is forgotten");
  await page.locator("#log-wrap").check();
  await page.locator("#log-times").check();
});
await attempt("logs/download", async () => {
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator("[data-testid=log-download]").click()]);
  const text = readFileSync(await download.path(), "utf8");
  must(download.suggestedFilename().endsWith(".log"), download.suggestedFilename());
  must(text.includes("tile 000 of 600") && text.includes("\u001b[31m red"), "it is not whole");
  return `${text.split("\n").length - 1} lines`;
});
await attempt("logs/earlier lines", async () => {
  await page.locator("[data-testid=log-earlier]").click();
  await page.locator("#log .line", { hasText: "tile 000" }).waitFor();
});
await attempt("logs/none", async () => {
  await page.goto(`${base}/console/logs?job=${ids["to-cancel"]}`);
  await page.locator("[data-testid=log-trouble]").waitFor();
});

// 6. Decisions as they fall.
await attempt("decisions/one is shown as it falls", async () => {
  await page.goto(`${base}/console/decisions`);
  await settle(page);
  const text = `grown <script>window.broken=3</script> ${Date.now()}`;
  const began = Date.now();
  await fetch(`${control}/decision?text=${encodeURIComponent(text)}`, { method: "POST" });
  await page.locator("[data-testid=decisions] td", { hasText: text }).waitFor();
  must(!(await page.evaluate(() => window.broken)), "it ran");
  return `${Date.now() - began} ms; they are read every 2 s`;
});

// 7. Cost and shares.
await attempt("cost/by tag", async () => {
  await page.goto(`${base}/console/cost`);
  must(/^\$\d/.test(await page.locator("[data-testid=per-hour] strong").textContent()), "no price");
  await page.locator("select[name=by]").selectOption("tag:team");
  await page.waitForURL(/by=tag/);
  await page.locator("[data-testid=cost-rows] text", { hasText: "film" }).waitFor();
});
await attempt("shares/target and use", async () => {
  await page.goto(`${base}/console/shares`);
  const text = await page.locator("[data-testid=share-queue]").textContent();
  must(text.includes("physics") && text.includes("target"), text);
});

// 8. Somebody who may see less.
await attempt("bob/sees what is his", async () => {
  const b = await visitor();
  await login(b.page, "token-of-bob");
  await b.page.goto(`${base}/console/nodes`);
  must((await b.page.locator("[data-testid=node]").count()) === 0, "he sees nodes");
  await b.page.goto(`${base}/console/logs?job=${ids.climate}`);
  must((await b.page.locator("[data-testid=log-trouble]").count()) === 1, "he reads another's log");
  await b.page.goto(`${base}/console/logs?job=${ids.compositing}`);
  must((await b.page.locator("#log .line").count()) > 0, "he does not read his own");
  await b.context.close();
});

// 9. Live updates.
async function submit(name) {
  const answer = await fetch(`${base}/v1/submitjob`, {
    method: "POST", headers: { Authorization: "Bearer token-of-ann" }, body: JSON.stringify({ jobName: name, jobQueue: "render", jobDefinition: "frame" }),
  });
  const text = await answer.text();
  must(answer.ok, text);
  return JSON.parse(text).jobId;
}
if (pages.has("jobs")) {
  await attempt("jobs/one is shown as it is submitted", async () => {
    await page.goto(`${base}/console/jobs?queue=render`);
    await settle(page);
    const times = [];
    for (let i = 0; i < 12; i++) {
      const name = `live-${i}-${Date.now()}`;
      const began = Date.now();
      await submit(name);
      await page.locator("main", { hasText: name }).waitFor();
      times.push(Date.now() - began);
    }
    times.sort((a, b) => a - b);
    return `submitted to pixel: median ${times[6]} ms, longest of 12 ${times[11]} ms`;
  });
  await attempt("jobs/not while it is paused", async () => {
    await page.keyboard.press("p");
    const name = `paused-${Date.now()}`;
    await submit(name);
    await page.waitForTimeout(2000);
    must(!(await page.locator("main").textContent()).includes(name), "it is shown");
    await page.keyboard.press("p");
    await page.locator("main", { hasText: name }).waitFor();
  });
}
// 10. What the console does: queues, jobs, one job. What asks first is answered with yes.
page.on("dialog", (dialog) => dialog.accept());
const status = async (id) => {
  const answer = await fetch(`${base}/v1/describejobs`, { method: "POST", headers: { Authorization: "Bearer token-of-ann" }, body: JSON.stringify({ jobs: [id] }) });
  return (await answer.json()).jobs[0];
};
const done = async (text) => {
  const notice = page.locator("[data-testid=notice]");
  await notice.waitFor();
  if (text) must((await notice.textContent()).includes(text), await notice.textContent());
  return notice.textContent();
};
await attempt("queues/pause and resume", async () => {
  await page.goto(`${base}/console/queues`);
  const row = () => page.locator("[data-testid=queue]", { hasText: "science" });
  await row().locator("[data-testid=pause]").click();
  await done();
  await row().locator("[data-testid=resume]").click();
  await done();
  await row().locator("[data-testid=pause]").waitFor();
});
await attempt("queues/disable and enable", async () => {
  const row = () => page.locator("[data-testid=queue]", { hasText: "science" });
  await row().locator("[data-testid=disable]").click();
  await done();
  await row().locator("[data-testid=enable]").click();
  await done();
  await row().locator("[data-testid=disable]").waitFor();
});
await attempt("jobs/filter, group and sort are in the address", async () => {
  await page.goto(`${base}/console/jobs?queue=science`);
  await page.locator("[name=name]").fill("sweep-0*");
  await page.keyboard.press("Enter");
  await page.waitForURL(/name=sweep/);
  must((await page.locator("[data-testid=job]").count()) === 10, `${await page.locator("[data-testid=job]").count()} jobs`);
  await page.locator("[name=group]").selectOption("share");
  await page.waitForURL(/group=share/);
  await page.locator("h2", { hasText: "physics" }).waitFor();
  await page.locator("thead a").first().click();
  await page.waitForURL(/sort=/);
});
await attempt("jobs/a view is saved and chosen again", async () => {
  const saved = page.url();
  await page.locator("#view-name").fill("mine <b>");
  await page.locator("#view-save").click();
  await page.goto(`${base}/console/jobs?queue=science`);
  await page.locator("#view-choice").selectOption({ label: "mine <b>" });
  await page.waitForURL((url) => url.searchParams.toString() === new URL(saved).searchParams.toString());
});
await attempt("jobs/selected ones are cancelled", async () => {
  await page.goto(`${base}/console/jobs?queue=science&name=sweep-2*`);
  await page.waitForFunction(() => document.documentElement.hasAttribute("data-live-state")); // its scripts have begun
  await settle(page);
  const selected = (n) => page.locator("[data-testid=selected]", { hasText: `${n} selected` }).waitFor();
  for (const n of [1, 2]) {
    await page.keyboard.press("j");
    await page.locator("tbody tr a[data-row]").nth(n - 1).and(page.locator(":focus")).waitFor();
    await page.keyboard.press("x");
    await selected(n);
  }
  const chosen = await page.locator("input[name=id]:checked").evaluateAll((list) => list.map((box) => box.value));
  await page.locator("form#bulk [name=reason]").fill("tried <script>window.broken=4</script>");
  await page.locator("[data-testid=cancel]").click();
  await done();
  for (const id of chosen) must((await status(id)).status === "FAILED", `job ${id} is ${(await status(id)).status}`);
});
await attempt("jobs/submitted again", async () => {
  await page.goto(`${base}/console/jobs?queue=science&name=sweep-2*&status=FAILED`);
  await page.locator("input[name=id]").first().check();
  await page.locator("[data-testid=retry]").click();
  return done();
});
await attempt("job/is terminated, and says why", async () => {
  await page.goto(`${base}/console/jobs/${ids["to-cancel"]}`);
  await page.locator("[name=reason]").fill("no longer <b>wanted</b>");
  await page.locator("[data-testid=terminate]").click();
  await done();
  await page.locator("[data-testid=status]", { hasText: "FAILED" }).waitFor();
  await page.locator("[data-testid=why]", { hasText: "no longer <b>wanted</b>" }).waitFor();
});
await attempt("job/the array's grid leads to a child", async () => {
  await page.goto(`${base}/console/jobs/${ids.frames}`);
  await page.locator("[data-testid=grid] svg").click({ position: { x: 3, y: 3 } });
  await page.waitForURL((url) => decodeURIComponent(url.pathname).endsWith(`${ids.frames}:0`));
});
await attempt("job/the graph leads to what it depends on", async () => {
  await page.goto(`${base}/console/jobs/${ids.edit}`);
  await page.locator("[data-testid=graph] a", { hasText: "left-eye" }).focus();
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => url.pathname.endsWith(ids["left-eye"]));
});
await attempt("job/its log is a key away", async () => {
  await page.goto(`${base}/console/jobs/${ids.compositing}`);
  await page.locator("[data-testid=logs]").click();
  await page.locator("#log .line").first().waitFor();
});
await attempt("forms/without their session's secret do nothing", async () => {
  const answer = await page.request.post(`${base}/console/do/jobs`, { form: { do: "terminate", id: ids.compositing, reason: "forged" }, headers: { Origin: base }, maxRedirects: 0 });
  must(answer.status() === 403, `answered ${answer.status()}`);
  const crossed = await page.request.post(`${base}/console/do/jobs`, { form: { do: "terminate", id: ids.compositing }, headers: { Origin: "https://evil.example", "Sec-Fetch-Site": "cross-site" }, maxRedirects: 0 });
  must(crossed.status() === 403, `from elsewhere answered ${crossed.status()}`);
  must((await status(ids.compositing)).status === "RUNNING", "it was terminated");
});
await attempt("quiet/nothing went wrong on the way", () => must(wrong.length === 0, wrong.join("\n")));
await attempt("logout", async () => {
  await page.goto(`${base}/console/`);
  await page.locator("[data-testid=logout]").click();
  await page.waitForURL(/login/);
  await page.goto(`${base}/console/nodes`);
  must(page.url().includes("/console/login"), "the session goes on");
});
await browser.close();
