/**
 * The Benchmark page: a run that outlives its tab and ends with the record that the native program makes; pause, import, comparison, refusal.
 */

import assert from "node:assert/strict";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { root, test } from "./harness.mjs";
import { runNative } from "./kit.mjs";

const id = (page, name) => page.locator(`[data-testid="${name}"]`);
const READY = 100_000;
const DEMO = path.join(root, "www/models/demo.gguf");

/**
 * Log-probabilities of options, browser against native, both on the processor: the same code with other SIMD instructions. Logits differ by
 * some 1e-5 (`kit.test.mjs`, SAME_CODE), and a log-probability among options is a difference of two of them.
 */
const SAME_CODE = 2e-4;

/** Ten bundled sample questions of each language, as one file of the student's own. */
async function sixty() {
  const folder = path.join(root, "www/questions");
  const codes = { en: "English", zh: "Chinese", ja: "Japanese", fr: "French", ru: "Russian", es: "Spanish" };
  const left = Object.fromEntries(Object.keys(codes).map((code) => [code, 10]));
  const lines = [];
  for (const file of (await readdir(folder)).filter((name) => name.endsWith(".jsonl")).sort()) {
    const code = file.match(/-(..)\.jsonl$/)[1];
    for (const line of (await readFile(path.join(folder, file), "utf8")).split("\n").filter(Boolean)) {
      if (left[code]-- > 0) lines.push(JSON.stringify({ ...JSON.parse(line), language: codes[code] }));
    }
  }
  assert.equal(lines.length, 60);
  return `${lines.join("\n")}\n`;
}

async function openBenchmark(page, site) {
  await page.goto(`${site}#/benchmark`);
  await id(page, "bench-runs").waitFor();
  await page.waitForFunction(() => document.querySelector('[data-testid="model-status"]')?.dataset.state === "ready", null, { timeout: READY });
}

async function giveQuestions(page, text) {
  await id(page, "data-file").setInputFiles({ name: "sixty.jsonl", mimeType: "application/jsonl", buffer: Buffer.from(text) });
  await page.waitForFunction(() => document.querySelector('[data-testid="bench-data"]').value.startsWith("deck:"));
}

const progress = (page) => id(page, "bench-progress").evaluate((e) => ({ ...e.dataset }));

async function untilState(page, state) {
  await page.waitForFunction((state) => document.querySelector('[data-testid="bench-progress"]')?.dataset.state === state, state, { timeout: READY });
}

/** The opened run's record: `[header, …lines]`. */
async function exported(page) {
  const [download] = await Promise.all([page.waitForEvent("download"), id(page, "bench-view").locator('[data-testid="bench-export"]').click()]);
  return (await readFile(await download.path(), "utf8")).trim().split("\n").map((line) => JSON.parse(line));
}

test("benchmark: a run whose tab is killed goes on and ends with the native program's record", { webgpu: false, timeout: 480 }, async ({ page: newPage, site, defer }) => {
  const questions = await sixty();
  let page = await newPage();
  await openBenchmark(page, site);
  await giveQuestions(page, questions);
  await id(page, "bench-protocol").selectOption("letters");
  await id(page, "bench-prompt").selectOption("paper");
  await id(page, "bench-limit").fill("");
  await id(page, "bench-measure").click();
  await page.waitForFunction(() => /About .* for 60 questions/.test(document.querySelector('[data-testid="bench-estimate"]').innerText), null, { timeout: READY });
  await id(page, "bench-start").click();
  await page.waitForFunction(() => Number(document.querySelector('[data-testid="bench-progress"]')?.dataset.done) > 0, null, { timeout: READY });
  const before = await progress(page);
  // No goodbye: the tab's process dies.
  const session = await page.context().newCDPSession(page);
  const crashed = page.waitForEvent("crash");
  session.send("Page.crash").catch(() => {}); // it never answers
  await crashed;
  await page.close().catch(() => {});

  page = await newPage();
  await openBenchmark(page, site);
  const item = id(page, "bench-run");
  assert.equal(await item.count(), 1);
  assert.equal(await item.getAttribute("data-finished"), "false", "the run was killed before its end");
  await id(page, "bench-open").click();
  await id(page, "bench-resume").waitFor();
  const kept = Number((await progress(page)).done);
  assert.ok(kept >= Number(before.done) && kept < 60, `${kept} of 60 were kept, ${before.done} had been shown`);
  await id(page, "bench-resume").click();
  await untilState(page, "finished");
  assert.equal((await progress(page)).done, "60");
  assert.match(await id(page, "bench-table").innerText(), /日本語\s+\d+\/10/);
  assert.match(await id(page, "bench-chart").innerText(), /\d+ % \d+–\d+/);
  const [header, ...lines] = await exported(page);

  const folder = await mkdtemp(path.join(tmpdir(), "mmedkit-benchmark-"));
  defer(() => rm(folder, { recursive: true, force: true }));
  await writeFile(path.join(folder, "sixty.jsonl"), questions);
  const record = path.join(folder, "run.jsonl");
  await runNative(["evaluate", "--model", DEMO, "--data", path.join(folder, "sixty.jsonl"), "--protocol", "letters", "--prompt", "paper", "--seed", "0", "--device", "cpu", "--output", record]);
  const [nativeHeader, ...nativeLines] = (await readFile(record, "utf8")).trim().split("\n").map((line) => JSON.parse(line));

  // The button gives the model its name; what it is, the hash says.
  for (const field of ["sha256", "architecture", "quantization", "parameters"]) assert.equal(header.model[field], nativeHeader.model[field], field);
  assert.deepEqual(header.prompt, nativeHeader.prompt);
  assert.equal(header.evaluation.data.hash, nativeHeader.evaluation.data.hash);
  assert.deepEqual(lines.map((line) => line.id), nativeLines.map((line) => line.id), "the same questions in the same order, each once");
  let worst = 0;
  for (const [index, line] of lines.entries()) {
    const native = nativeLines[index];
    for (const field of ["question_hash", "language", "gold", "key_position", "tokens", "prompt_hash"]) assert.equal(line[field], native[field], `${line.id}: ${field}`);
    const differences = line.option_log_probabilities.map((value, option) => Math.abs(value - native.option_log_probabilities[option]));
    worst = Math.max(worst, ...differences);
    // A prediction may differ only where two options are as near to each other as the devices are.
    const [best, second] = [...native.option_log_probabilities].sort((a, b) => b - a);
    if (best - second > 2 * SAME_CODE) assert.equal(line.prediction, native.prediction, line.id);
  }
  console.log(`# benchmark: 60 records, killed at ${kept}; log-probabilities within ${worst.toExponential(1)} of the native program's`);
  assert.ok(worst <= SAME_CODE, `a log-probability differs by ${worst}`);

  // Any question can be opened: its prompt is the one that was asked.
  await id(page, "bench-question").first().click();
  await page.waitForFunction(() => document.querySelector('[data-testid="bench-question-prompt"]')?.innerText.includes("###Options:"));
});

test("benchmark: a run is paused, exported, imported elsewhere and compared", { webgpu: false, timeout: 300 }, async ({ page: newPage, site }) => {
  const page = await newPage();
  await openBenchmark(page, site);
  await giveQuestions(page, await sixty());
  await id(page, "bench-limit").fill("");
  await id(page, "bench-start").click();
  await page.waitForFunction(() => Number(document.querySelector('[data-testid="bench-progress"]')?.dataset.done) > 0, null, { timeout: READY });
  await id(page, "bench-pause").click();
  await untilState(page, "paused");
  const paused = Number((await progress(page)).done);
  assert.ok(paused > 0 && paused < 60);
  const [header, ...lines] = await exported(page);
  assert.equal(lines.length, paused);
  assert.equal(header.evaluation.protocol, "letters");
  await id(page, "bench-back").click();
  assert.equal(await id(page, "bench-run").count(), 1);

  // The same record from elsewhere, with other answers to two questions.
  const other = lines.map((line, index) => (index < 2 ? { ...line, correct: !line.correct, prediction: line.correct ? "Z" : line.gold } : line));
  const text = [{ ...header, run_id: "elsewhere", model: { ...header.model, name: "<b>Another</b>" } }, ...other].map((line) => JSON.stringify(line)).join("\n") + "\n";
  await id(page, "bench-import").setInputFiles({ name: "other.jsonl", mimeType: "application/jsonl", buffer: Buffer.from(text) });
  await untilState(page, "finished");
  assert.equal(await page.locator("main h1").innerText(), "<b>Another</b>");
  await id(page, "bench-compare-with").selectOption({ index: 1 });
  assert.match(await id(page, "bench-compare-result").innerText(), new RegExp(`On ${paused} questions in common, .*McNemar`));
  assert.match(await id(page, "bench-compare").innerText(), /Where they differ \(2\)/);
  assert.equal(await page.locator("main h1 b").count(), 0, "names are shown as text");

  await id(page, "bench-back").click();
  await id(page, "bench-import").setInputFiles({ name: "cut.jsonl", mimeType: "application/jsonl", buffer: Buffer.from(text.slice(0, -40)) });
  await page.waitForFunction(() => /cut\.jsonl: line \d+ of the record/.test(document.querySelector('[data-testid="error"]')?.innerText ?? ""));
});

test("benchmark: without a model nothing is scored, and the page says why", { webgpu: false, timeout: 240 }, async ({ page: newPage, site, server }) => {
  server.routes.set("/models/demo.gguf", (_, response) => response.writeHead(404).end());
  const page = await newPage();
  await page.goto(`${site}#/benchmark`);
  await page.waitForFunction(() => document.querySelector('[data-testid="model-status"]')?.dataset.state === "error", null, { timeout: READY });
  assert.match(await id(page, "bench-refusal").innerText(), /Nothing can be scored: /);
  assert.equal(await id(page, "bench-start").isDisabled(), true);
});

test("benchmark: a GPU that computes wrong numbers is not used to score, and the page says why", { timeout: 240 }, async ({ page: newPage, site, server }) => {
  // A device whose square roots are wrong: every norm is, and so everything after it.
  const breaks = `
    const make = GPUDevice.prototype.createShaderModule;
    GPUDevice.prototype.createShaderModule = function (module) {
      return make.call(this, { ...module, code: module.code.replaceAll("sqrt(", "exp2(") });
    };
    import init from "./worker.js"; await init();`;
  server.routes.set("/worker_loader.js", (_, response) => response.writeHead(200, { "content-type": "text/javascript" }).end(breaks));
  const page = await newPage();
  // The automatic choice falls back to the processor.
  await openBenchmark(page, site);
  assert.equal(await id(page, "bench-refusal").count(), 0);
  await id(page, "backend-choice").selectOption("WebGPU");
  await id(page, "model-load-demo").click();
  await page.waitForFunction(() => document.querySelector('[data-testid="model-status"]')?.dataset.state === "error", null, { timeout: READY });
  assert.match(await id(page, "bench-refusal").innerText(), /Nothing can be scored: .*computes wrong numbers \(self-test: /);
  assert.equal(await id(page, "bench-start").isDisabled(), true);
});

test("benchmark: pages that could not be fetched say so, and are fetched again on request", { webgpu: false }, async ({ page: newPage, site }) => {
  const page = await newPage();
  let refused = 0;
  await page.route(/late-benchmark-.*\.wasm$/, (route) => (refused++ === 0 ? route.fulfill({ status: 404 }) : route.continue()));
  await page.goto(`${site}#/benchmark`);
  await page.getByRole("button", { name: "Try again" }).click();
  await id(page, "bench-runs").waitFor();
  assert.equal(refused, 2, "asked once more, and no oftener");
});
