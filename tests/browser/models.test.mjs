/** Models as the pages show them: how far a load is, what is kept, what is on offer, and what goes wrong. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { makeGguf } from "./gguf.mjs";
import { dist, test } from "./harness.mjs";
import { served } from "./kit.mjs";
import { id, modelIs, open, start, told } from "./quiz.mjs";

const MIB = 1 << 20;

/** Some 20 MB: several of the store's blocks. */
const several = () => makeGguf({ layers: 4, d: 512, heads: 8, kvHeads: 4, ffn: 2048 });

/** Opens the page of the models, all loads on the processor, and waits for the demo model. */
async function openModels(page, site) {
  await page.goto(`${site}#/models`);
  await modelIs(page, "ready");
  await id(page, "backend-choice").selectOption("CPU");
}

async function loadFrom(page, url) {
  await id(page, "model-url").fill(url);
  await id(page, "model-url-load").click();
}

test("models: a load shows how far it is; the model is kept, listed with its size, and deleted", { webgpu: false, timeout: 240 }, async (tools) => {
  const model = several();
  const { url } = await served(tools, model);
  const page = await tools.page();
  await openModels(page, tools.site);
  const kept = id(page, "stored-model");
  assert.equal(await kept.count(), 0);
  await page.evaluate(() => {
    window.seen = [];
    new MutationObserver(() => {
      const bar = document.querySelector('[data-testid="model-progress"]');
      if (bar) window.seen.push(bar.position);
    }).observe(document.body, { subtree: true, childList: true, attributes: true });
  });
  await loadFrom(page, url);
  await id(page, "model-progress").waitFor();
  await modelIs(page, "ready");
  assert.equal(await id(page, "model-progress").count(), 0);
  const seen = await page.evaluate(() => window.seen);
  assert.ok(seen.some((share) => share > 0 && share < 1), `shares seen: ${seen}`);
  await kept.waitFor();
  const text = await kept.innerText();
  assert.match(text, /model\.gguf/);
  assert.ok(text.includes(`${(model.size / 1e6).toFixed(1)} MB`), `${text} for ${model.size} bytes`);
  await kept.getByRole("button", { name: /^Delete/ }).click();
  await page.waitForFunction(() => document.querySelectorAll('[data-testid="stored-model"]').length === 0);
  await page.getByText("Models that are loaded from an address are listed here.").waitFor();
});

test("models: the catalogue's offers are shown with what is known of them, and the demo's facts are its file's", { webgpu: false }, async ({ page: newPage, site }) => {
  const { models } = JSON.parse(await readFile(path.join(dist, "models/catalogue.json"), "utf8"));
  const page = await newPage();
  await page.goto(`${site}#/models`);
  const offers = page.locator("li.offer");
  await offers.first().waitFor();
  const texts = await offers.allInnerTexts();
  assert.equal(texts.length, models.length);
  for (const [i, model] of models.entries()) {
    assert.ok(texts[i].includes(model.name) && texts[i].includes(model.licence), texts[i]);
    // A size that nobody has stated is an estimate, and says so.
    assert.match(texts[i], model.bytes ? /· \d+(\.\d)? [MG]B ·/ : /· about \d+(\.\d)? [MG]B \(estimated\) ·/);
    assert.match(texts[i], /of GPU memory/);
    assert.equal(/Not tried with this version/.test(texts[i]), !model.checked);
  }
  const demo = models.find((model) => model.id === "demo");
  const bytes = await readFile(path.join(dist, demo.url));
  assert.equal(bytes.length, demo.bytes);
  assert.equal(createHash("sha256").update(bytes).digest("hex"), demo.sha256);
});

test("models: addresses and storage that fail say what happened, and the demo can be loaded after each", { webgpu: false, timeout: 240 }, async (tools) => {
  const page = await tools.page();
  await openModels(page, tools.site);
  const back = async () => {
    await id(page, "error").getByRole("button", { name: "Load the demo model" }).click();
    await modelIs(page, "ready");
    assert.equal(await id(page, "error").count(), 0);
  };
  await loadFrom(page, (await served(tools, makeGguf(), { ranges: false })).url);
  await told(page, /model\.gguf: the server does not give out parts of a file/);
  await back();
  await loadFrom(page, (await served(tools, makeGguf(), { cors: false })).url);
  await told(page, /model\.gguf: the address cannot be reached from this page.*CORS/);
  await back();
  const session = await tools.context.newCDPSession(page);
  const origin = new URL(tools.site).origin;
  await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 4 * MIB });
  await loadFrom(page, (await served(tools, several())).url);
  await told(page, /model\.gguf: the browser’s storage is full/);
  assert.equal(await id(page, "model-status").getAttribute("data-state"), "error");
  await session.send("Storage.overrideQuotaForOrigin", { origin });
  await id(page, "error").getByRole("button", { name: "Load it again" }).click();
  await modelIs(page, "ready");
  assert.match(await id(page, "model-status").innerText(), /model\.gguf/);
});

test("models: an address without a model, and a file that is none, are said so and leave the quiz usable", { webgpu: false, timeout: 240 }, async ({ page: newPage, site }) => {
  const page = await newPage();
  await open(page, site);
  await modelIs(page, "ready");
  await id(page, "model-url").fill(`${site}nothing-here.gguf`);
  await id(page, "model-url-load").click();
  await modelIs(page, "error");
  assert.match(await id(page, "error").innerText(), /nothing-here\.gguf: there is no model at this address/);
  await id(page, "model-file").setInputFiles({ name: "holiday.gguf", mimeType: "application/octet-stream", buffer: Buffer.from("not a model at all".repeat(100)) });
  await told(page, /holiday\.gguf: this file is not a model/);
  await id(page, "model-load-demo").click();
  await modelIs(page, "ready");
  assert.equal(await id(page, "error").count(), 0);
  await start(page, 1);
  assert.ok((await id(page, "quiz-question").innerText()).length > 0);
});
