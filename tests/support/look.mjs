// Opens a page in headless Chromium as a phone and as a desktop, light and dark, and prints what it saw as JSON:
// console messages, what it asked the network for, what is wider than the window, and what axe has against it.
//
//   node look.mjs CHROMIUM PAGE [FOLDER FOR SCREENSHOTS]

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// Of the folder that it is run in: node looks beside the script.
const require = createRequire(process.cwd() + "/");
const puppeteer = require("puppeteer-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const [, , executablePath, page, screenshots] = process.argv;
const browser = await puppeteer.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
const views = [];
for (const [width, scheme] of [[360, "light"], [360, "dark"], [1280, "light"], [1280, "dark"]]) {
  const tab = await browser.newPage();
  const seen = { width, scheme, console: [], requests: [] };
  tab.on("console", (message) => seen.console.push(message.text()));
  tab.on("pageerror", (error) => seen.console.push(String(error)));
  tab.on("request", (request) => seen.requests.push(request.url()));
  await tab.setViewport({ width, height: 740, isMobile: width < 500, hasTouch: width < 500, deviceScaleFactor: 2 });
  await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await tab.goto(pathToFileURL(page).href, { waitUntil: "load" });
  await tab.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
  Object.assign(seen, await tab.evaluate(() => ({
    scrollWidth: document.scrollingElement.scrollWidth,
    wide: [...document.querySelectorAll("body *")]
      .filter((element) => element.getBoundingClientRect().right > innerWidth + 0.5 && getComputedStyle(element).clipPath === "none")
      .map((element) => element.tagName + "." + (element.getAttribute("class") ?? "")),
    background: getComputedStyle(document.body).backgroundColor,
    scripts: document.scripts.length,
    smallest: Math.min(...[...document.querySelectorAll("svg text")].map((text) => text.getBoundingClientRect().height), 99),
    text: document.body.innerText,
  })));
  // An element that a hostile page made would show what it could do.
  seen.injected = await tab.evaluate(() => window.injected ?? null);
  await tab.evaluate(axe);
  const found = await tab.evaluate(() => window.axe.run());
  seen.violations = found.violations.map(({ id, nodes }) => `${id}: ${nodes[0].html} ${nodes[0].failureSummary}`);
  seen.rules = found.passes.map(({ id }) => id);
  if (screenshots) await tab.screenshot({ path: `${screenshots}/${width}-${scheme}.png`, fullPage: true });
  views.push(seen);
  await tab.close();
}
await browser.close();
console.log(JSON.stringify(views));
