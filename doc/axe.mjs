// Checks finished pages with axe-core in headless Chromium, light and dark, 1400 and 400 px wide:
//   npm install --no-save puppeteer-core axe-core
//   CHROMIUM=/usr/bin/chromium node doc/axe.mjs doc/_build/html/index.html ...
// Prints every finding, and exits with status 1 if a finding is serious or a page scrolls sideways.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import puppeteer from "puppeteer-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
let bad = 0;
for (const file of process.argv.slice(2))
  for (const scheme of ["light", "dark"])
    for (const width of [1400, 400]) {
      const page = await browser.newPage();
      await page.setViewport({ width, height: 900 });
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      await page.goto("file://" + resolve(file), { waitUntil: "load" });
      await new Promise((done) => setTimeout(done, 500)); // colours fade in
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run());
      // The article can scroll sideways within a page that does not.
      const over = await page.evaluate(() => {
        const wide = [document.documentElement, ...document.querySelectorAll(".bd-article-container")];
        return Math.max(...wide.map((element) => element.scrollWidth - element.clientWidth));
      });
      for (const { impact, id, nodes } of violations) {
        if (impact === "serious" || impact === "critical") bad += 1;
        console.log(`${file} ${scheme} ${width} px: ${impact} ${id}: ${nodes[0].target.join(" ")}`);
      }
      if (over > 0) {
        bad += 1;
        console.log(`${file} ${scheme} ${width} px: ${over} px wider than the window`);
      }
      await page.close();
    }
await browser.close();
process.exit(bad ? 1 : 0);
