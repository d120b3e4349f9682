/** A device that goes away, and a worker that ends. */

import assert from "node:assert/strict";
import { makeGguf } from "./gguf.mjs";
import { test } from "./harness.mjs";
import { kitPage, served } from "./kit.mjs";

test("device: a lost GPU is told, and the model can be loaded again", { timeout: 240 }, async (tools) => {
  const { url } = await served(tools, makeGguf({ layers: 4, d: 256, ffn: 512, context: 1024 }));
  const tab = await kitPage(tools);
  const { error } = await tab.evaluate((model) => load({ model, backend: "webgpu" }), url);
  assert.equal(error, undefined, error?.message);
  await tab.evaluate(() => {
    const first = new Promise((resolve) => (window.onFirst = resolve));
    window.running = engine.generate({ prompt: "a", maxTokens: 900, onToken: () => window.onFirst() }).catch(tell);
    return first;
  });
  // The whole GPU process ends, as with a driver that crashes.
  const session = await tools.context.newCDPSession(tab);
  await session.send("Browser.crashGpuProcess");
  const failure = await tab.evaluate(() => window.running);
  assert.equal(failure.kind, "device_lost", JSON.stringify(failure).slice(0, 300));
  assert.equal(failure.recoverable, false);
  const after = await tab.evaluate(() => engine.score([{ context: "a", continuations: ["b"] }]).catch(tell));
  assert.ok(["device_lost", "not_loaded"].includes(after.kind));
  await tab.evaluate(() => engine.free());
  // Chromium needs a moment for a new GPU process; a page tries again, as its message says.
  let again;
  for (let attempt = 0; attempt < 10; attempt++) {
    again = await tab.evaluate((model) => load({ model, backend: "webgpu" }), url);
    if (!again.error) break;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  assert.equal(again.error, undefined, again.error?.message);
  const text = await tab.evaluate(() => engine.generate({ prompt: "a", maxTokens: 3 }));
  assert.ok(text.tokens.length > 0 || text.stopped === "endOfText");
});

test("device: a GPU that is lost while nothing runs is told at once", { timeout: 240 }, async (tools) => {
  const { url } = await served(tools, makeGguf());
  const tab = await kitPage(tools);
  assert.equal((await tab.evaluate((model) => load({ model, backend: "webgpu" }), url)).error, undefined);
  await tab.evaluate(() => {
    window.lost = null;
    engine.lost.then((error) => (window.lost = tell(error)));
    return engine.score([{ context: "a", continuations: ["b"] }]);
  });
  assert.equal(await tab.evaluate(() => window.lost), null);
  const session = await tools.context.newCDPSession(tab);
  await session.send("Browser.crashGpuProcess");
  await tab.waitForFunction(() => window.lost, null, { timeout: 30_000 });
  const lost = await tab.evaluate(() => window.lost);
  assert.deepEqual([lost.name, lost.kind, lost.recoverable], ["EngineError", "device_lost", false]);
  const after = await tab.evaluate(() => engine.score([{ context: "a", continuations: ["b"] }]).catch(tell));
  assert.equal(after.kind, "not_loaded");
});

test("device: an engine that is given back is not lost", { webgpu: false }, async (tools) => {
  const { url } = await served(tools, makeGguf());
  const tab = await kitPage(tools);
  assert.equal((await tab.evaluate((model) => load({ model }), url)).error, undefined);
  const lost = await tab.evaluate(async () => {
    await engine.free();
    return Promise.race([engine.lost.then(tell), new Promise((resolve) => setTimeout(() => resolve("no"), 500))]);
  });
  assert.equal(lost, "no");
});

test("device: a worker whose program is missing rejects every promise", async (tools) => {
  const tab = await kitPage(tools);
  const { error } = await tab.evaluate(() => load({ model: "demo", workerUrl: "./no-such-worker.js" }));
  assert.equal(error.kind, "internal");
  assert.equal(error.recoverable, false);
});
