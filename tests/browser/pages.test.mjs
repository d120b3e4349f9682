/** What holds on every page: when it paints, how narrow and how dark it may be, and under which path it lies. */

import assert from "node:assert/strict";
import { dist, test } from "./harness.mjs";
import { answer, id, line, modelIs, open, ownQuestions, start } from "./quiz.mjs";
import { serveFolder } from "./server.mjs";

test("the page paints before the engine is asked for", { webgpu: false }, async ({ page: newPage, site }) => {
  const page = await newPage();
  await page.addInitScript(() => {
    const Real = window.Worker;
    window.workers = [];
    window.Worker = class extends Real {
      constructor(url, ...more) {
        window.workers.push({ url: String(url), at: performance.now() });
        super(url, ...more);
      }
    };
  });
  await open(page, site);
  await modelIs(page, "ready");
  const { paint, workers, modules } = await page.evaluate(() => ({
    paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
    workers: window.workers,
    modules: performance.getEntriesByType("resource").filter(({ name }) => /worker/.test(name)).map(({ name, startTime }) => ({ url: name, at: startTime })),
  }));
  assert.ok(paint > 0, `no first paint: ${paint}`);
  assert.equal(workers.length, 1);
  // Nothing of the engine is fetched but by that worker, or after it.
  for (const { url, at } of [...workers, ...modules]) assert.ok(paint < at, `first paint after ${paint} ms, ${url} after ${at} ms`);
});

test("no page is wider than a phone, in light and in dark colours", { webgpu: false }, async ({ page: newPage, site, server }) => {
  server.routes.set("/worker_loader.js", () => {}); // without a model
  const page = await newPage();
  await page.setViewportSize({ width: 360, height: 740 });
  const measure = () =>
    page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      const wide = [...document.querySelectorAll("body *")].filter((element) => element.getBoundingClientRect().right > clientWidth + 0.5).map((element) => element.className || element.tagName);
      const channels = getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g).slice(0, 3).map(Number);
      return { scrollWidth, clientWidth, wide: wide.slice(0, 5), light: channels.reduce((a, b) => a + b) / 3 };
    });
  const fits = async (what) => {
    const light = [];
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      const found = await measure();
      assert.ok(found.scrollWidth <= found.clientWidth, `${what}, ${colorScheme}: ${JSON.stringify(found)}`);
      light.push(found.light);
    }
    assert.ok(light[0] > 200 && light[1] < 60, `${what}: backgrounds of lightness ${light}`);
  };
  const titles = { "": "Quiz", "#/benchmark": "Benchmark", "#/rating": "Rate rationales", "#/models": "Models", "#/history": "History", "#/about": "About" };
  for (const [hash, title] of Object.entries(titles)) {
    await page.goto(site + hash);
    await page.waitForFunction((title) => document.title.startsWith(title) && document.querySelector("main h1"), title);
    await fits(title);
  }
  // Words that no line holds, in a question, its options, and the result.
  await open(page, site);
  const long = "Hydroxymethylglutaryl".repeat(6);
  await ownQuestions(page, [line(long, "A", { options: { A: long, B: "b" }, rationale: long })]);
  await start(page, 1);
  await fits("a question");
  await answer(page, "b");
  await fits("feedback");
  await id(page, "quiz-next").click();
  await id(page, "result-score").waitFor();
  await fits("the result");
});

test("the site works under a sub-path", { webgpu: false, timeout: 180 }, async ({ page: newPage, defer }) => {
  const server = await serveFolder(dist, "/sub/path/");
  defer(() => server.close());
  const page = await newPage();
  await open(page, server.url);
  await modelIs(page, "ready");
  await start(page, 1);
  await answer(page, "a");
  await page.goto(`${server.url}#/benchmark`);
  await page.locator("main h1").waitFor();
  await page.goto(`${server.url}#/models`);
  await page.locator("li.offer").first().waitFor();
  const outside = server.requests.filter((name) => !name.startsWith("/sub/path/") && name !== "/favicon.ico");
  assert.deepEqual(outside, []);
  // The kit finds its worker and the demo beside itself, too.
  const architecture = await page.evaluate(async () => {
    const { Engine } = await import("./mmedkit.js");
    const engine = await Engine.load({ model: "demo", backend: "cpu" });
    return engine.info.architecture;
  });
  assert.equal(architecture, "llama");
});
