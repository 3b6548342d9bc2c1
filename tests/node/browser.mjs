// Opens pages in a real Chromium, and has what we draw read by those who read it: a line of JSON in, a line out.
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
const found = folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find((place) => existsSync(place));
if (!found) throw new Error("no Chromium on the PATH: run `cargo xtask test`, or apt-get install chromium");

const packages = createRequire(import.meta.url);
// Pages are ours and reach for no network, so that a sandbox, which a container may not allow, guards nothing.
const browser = await chromium.launch({ executablePath: found, chromiumSandbox: false });
let page = null;

// What a page did besides showing itself.
let seen = null;

// Whether the page has Mermaid.
let charts = false;

async function fresh(options) {
  await page?.context().close();
  charts = false;
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  page = await context.newPage();
  seen = { requests: [], dialogs: 0, errors: [], windows: 0 };
  page.on("request", (request) => seen.requests.push(request.url().slice(0, 200)));
  page.on("dialog", async (dialog) => {
    seen.dialogs++;
    await dialog.dismiss();
  });
  page.on("popup", () => seen.windows++);
  page.on("pageerror", (error) => seen.errors.push(error.message));
  page.on("console", (message) => seen.errors.push(message.text()));
}

const NO_ED25519 = () => {
  const refuse = () => Promise.reject(new DOMException("Unrecognized name.", "NotSupportedError"));
  for (const name of ["importKey", "verify", "generateKey"]) {
    const whole = SubtleCrypto.prototype[name];
    SubtleCrypto.prototype[name] = function (...given) {
      return given.some((it) => it?.name === "Ed25519" || it === "Ed25519") ? refuse() : whole.apply(this, given);
    };
  }
};

const COMMANDS = {
  // Opens a page, waits for its verdict, and says what it shows and did.
  async open({ path, without, scheme, click, search }) {
    await fresh({ colorScheme: scheme ?? "light" });
    if (without === "ed25519") await page.addInitScript(NO_ED25519);
    if (without === "inflate") await page.addInitScript(() => delete globalThis.DecompressionStream);
    const start = Date.now();
    await page.goto(`file://${path}`);
    await page.waitForSelector("html[data-verdict]", { state: "attached", timeout: 60_000 });
    const judged = Date.now() - start;
    if (click) await page.click(click);
    if (search) await page.fill("#search", search);
    return page.evaluate(
      ([seen, judged]) => ({
        ...seen,
        judged,
        verdict: document.documentElement.dataset.verdict,
        own: document.getElementById("own").textContent,
        ours: document.getElementById("ours").textContent,
        digest: document.getElementById("digest").textContent,
        boxes: document.querySelectorAll(".box").length,
        words: Array.from(document.querySelectorAll(".box .sign"), (it) => it.textContent),
        details: document.getElementById("details").textContent,
        found: document.querySelectorAll("#found li").length,
        shown: document.getElementById("shown").textContent,
        paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null,
        drawn: performance.getEntriesByName("drawn")[0]?.startTime ?? null,
        scripts: document.querySelectorAll("script").length,
        foreign: document.querySelectorAll("img, iframe, object, embed, a, link, form, video, audio").length,
        visible: document.body.innerText,
      }),
      [seen, judged],
    );
  },

  // Opens one page after the other in the same tab, and says what each finds.
  async verdicts({ paths }) {
    await fresh();
    const found = [];
    for (const path of paths) {
      await page.goto(`file://${path}`, { waitUntil: "commit" });
      const root = await page.waitForSelector("html[data-verdict]", { state: "attached", timeout: 60_000 });
      found.push(await root.getAttribute("data-verdict"));
    }
    return found;
  },

  // Opens an address, in the tab that is open if that is wished, or goes on with the page that is there; does what it is told,
  // and says what is there then.
  async visit({ url, scheme, script, same, steps }) {
    if (url && !same) await fresh({ colorScheme: scheme ?? "light", javaScriptEnabled: script ?? true });
    if (url) await page.goto(url);
    for (const [name, ...given] of steps ?? []) {
      if (name === "wait") await page.waitForSelector(given[0], { state: "attached", timeout: 30_000 });
      else if (name === "gone") await page.waitForSelector(given[0], { state: "detached", timeout: 30_000 });
      else await page[name](...given);
    }
    return {
      ...seen,
      url: page.url(),
      title: await page.title(),
      visible: await page.innerText("body"),
      verdict: await page.getAttribute("html", "data-verdict"),
      standing: (await page.locator("[data-standing]").count()) ? await page.getAttribute("[data-standing]", "data-standing") : null,
      rows: await page.locator("tbody tr").count(),
      scripts: await page.locator("script").count(),
      foreign: await page.locator("img, iframe, object, embed, video, audio, svg script, [onload], [onerror], [onmouseover]").count(),
      cut: await page.locator("html").evaluate((root) => root.scrollWidth > root.clientWidth),
    };
  },

  // What axe-core finds on the page that is open.
  async axe() {
    await page.evaluate(readFileSync(packages.resolve("axe-core/axe.min.js"), "utf8"));
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
    return violations.map(({ id, impact, nodes }) => ({ id, impact, at: nodes.slice(0, 3).map((node) => node.html.slice(0, 200)) }));
  },

  // Goes through the open page by the tabulator.
  async tab({ times }) {
    const stops = [];
    for (let time = 0; time < times; time++) {
      await page.keyboard.press("Tab");
      stops.push(await page.evaluate(() => document.activeElement.id || document.activeElement.dataset.view || document.activeElement.className));
    }
    return stops;
  },

  // Presses keys on the element that has the focus, and says what the page shows then.
  async press({ focus, keys }) {
    await page.focus(focus);
    for (const key of keys) await page.keyboard.press(key);
    return page.evaluate(() => ({ item: document.activeElement.dataset.item ?? null, details: document.getElementById("details").textContent }));
  },

  async shot({ out }) {
    await page.screenshot({ path: out, fullPage: true });
    return null;
  },

  // Has the script of the page that is open judge passports.
  async verify({ cases }) {
    return page.evaluate(async (cases) => {
      const verdicts = [];
      for (const it of cases) verdicts.push(await verifyPassport(it, crypto.subtle));
      return verdicts;
    }, cases);
  },

  // Has Mermaid draw a chart.
  async mermaid({ text, settings }) {
    if (!charts) {
      await fresh();
      await page.setContent("<!doctype html><body></body>");
      await page.addScriptTag({ path: packages.resolve("mermaid/dist/mermaid.min.js") });
      charts = true;
    }
    const drawn = await page.evaluate(async ([text, settings]) => {
      globalThis.mermaid.initialize({ startOnLoad: false, securityLevel: "strict", logLevel: 5, ...settings });
      const { svg } = await globalThis.mermaid.render("chart", text);
      document.body.innerHTML = svg;
      return {
        labels: Array.from(document.querySelectorAll(".nodeLabel"), (it) => it.innerText),
        foreign: document.body.querySelectorAll("script, img, iframe, object, a, form, input").length,
        edges: document.querySelectorAll(".flowchart-link").length,
      };
    }, [text, settings]);
    return { ...drawn, ...seen };
  },

  // Has the browser read a picture as XML.
  async svg({ text }) {
    if (!page) await fresh();
    return page.evaluate((text) => {
      const read = new DOMParser().parseFromString(text, "image/svg+xml");
      const elements = Array.from(read.querySelectorAll("*"));
      return {
        names: Array.from(new Set(elements.map((it) => it.localName))).sort(),
        attributes: Array.from(new Set(elements.flatMap((it) => it.getAttributeNames()))).sort(),
        texts: Array.from(read.querySelectorAll("text"), (it) => it.textContent),
      };
    }, text);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { do: name, ...given } = JSON.parse(line);
  let answer;
  try {
    answer = { ok: await COMMANDS[name](given) };
  } catch (error) {
    answer = { error: String(error.message) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
