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
 * Log-probabilities of options, browser against native, both on the processor: the same code with other SIMD instructions. Sums of the same
 * products in another order differ by some units in the last place of 32-bit numbers, 1e-7 of logits near 10; through the layers that grows to a
 * few 1e-6 (4.9e-6 was the largest seen), and a log-probability among options is a difference of two logits.
 */
const SAME_CODE = 2e-5;
/** The tab is killed when so many of 60 are answered. */
const HALF_WAY = 24;

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

/** Files of the runs that the browser keeps, `RUN/FILE`. */
function stored(page) {
  return page.evaluate(async () => {
    const names = [];
    const root = await (await navigator.storage.getDirectory()).getDirectoryHandle("mmedkit-benchmark", { create: true });
    for await (const run of root.values()) for await (const file of run.keys()) names.push(`${run.name}/${file}`);
    return names.sort();
  });
}

/** A record of the native program, as text. */
async function nativeRecord(defer, data, more = []) {
  const folder = await mkdtemp(path.join(tmpdir(), "mmedkit-benchmark-"));
  defer(() => rm(folder, { recursive: true, force: true }));
  const record = path.join(folder, "run.jsonl");
  await runNative(["evaluate", "--model", DEMO, "--data", data, "--device", "cpu", "--output", record, ...more]);
  return { record, text: await readFile(record, "utf8") };
}

const jsonl = (name, text) => ({ name, mimeType: "application/jsonl", buffer: Buffer.from(text) });

/** The opened run's record: `[header, …lines]`. */
async function exported(page) {
  const [download] = await Promise.all([page.waitForEvent("download"), id(page, "bench-view").locator('[data-testid="bench-export"]').click()]);
  return (await readFile(await download.path(), "utf8")).trim().split("\n").map((line) => JSON.parse(line));
}

test("benchmark: a run whose tab is killed goes on and ends with the native program's record", { webgpu: false, timeout: 480 }, async ({ page: newPage, site, defer }) => {
  // One line is no question: it is counted, and in no score.
  const questions = `${await sixty()}nonsense\n`;
  let page = await newPage();
  await openBenchmark(page, site);
  await giveQuestions(page, questions);
  await id(page, "bench-protocol").selectOption("letters");
  await id(page, "bench-prompt").selectOption("paper");
  await id(page, "bench-limit").fill("");
  await id(page, "bench-measure").click();
  await page.waitForFunction(() => /About .* for 60 questions/.test(document.querySelector('[data-testid="bench-estimate"]').innerText), null, { timeout: READY });
  await id(page, "bench-start").click();
  const half = (least) => Number(document.querySelector('[data-testid="bench-progress"]')?.dataset.done) >= least;
  await page.waitForFunction(half, HALF_WAY, { timeout: READY });
  const before = await progress(page);
  // No goodbye: the tab's process dies.
  const session = await page.context().newCDPSession(page);
  const crashed = page.waitForEvent("crash");
  session.send("Page.crash").catch(() => {}); // it never answers
  await crashed;
  await page.close().catch(() => {});

  page = await newPage();
  // As a tab leaves it that dies between making a file and closing it.
  await page.goto(`${site}worker.js`);
  const unfinished = await page.evaluate(async () => {
    const root = await (await navigator.storage.getDirectory()).getDirectoryHandle("mmedkit-benchmark");
    for await (const run of root.values()) await run.getFileHandle("0000099.8.8.jsonl", { create: true });
    return "0000099.8.8.jsonl";
  });
  await openBenchmark(page, site);
  const item = id(page, "bench-run");
  assert.equal(await item.count(), 1);
  assert.equal(await item.getAttribute("data-finished"), "false", "the run was killed before its end");
  await id(page, "bench-open").click();
  await id(page, "bench-resume").waitFor();
  const kept = Number((await progress(page)).done);
  assert.ok(kept >= HALF_WAY);
  const files = (await stored(page)).filter((name) => !name.endsWith(unfinished));
  assert.equal(files.filter((name) => /\/\d{7}\.\d+\.\d+\.jsonl$/.test(name)).reduce((sum, name) => sum + Number(name.split(".").at(-3)), 0), kept, `what is done is what lies in the files: ${files}`);
  assert.ok(kept >= Number(before.done) && kept < 60, `${kept} of 60 were kept, ${before.done} had been shown`);
  await id(page, "bench-resume").click();
  await untilState(page, "finished");
  assert.equal((await progress(page)).done, "60");
  assert.ok(!(await stored(page)).some((name) => name.endsWith(unfinished)));
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
  assert.deepEqual([header, nativeHeader].map((header) => header.evaluation.data.unreadable_lines), [1, 1]);
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
  // Questions that are asked are no examples: nothing begins, and nothing is kept.
  await id(page, "bench-shots").fill("2");
  await id(page, "bench-start").click();
  await page.waitForFunction(() => /has no Train folder to take examples from/.test(document.querySelector('[data-testid="error"]')?.innerText ?? ""));
  assert.deepEqual(await stored(page), []);
  await id(page, "bench-shots").fill("0");
  await id(page, "bench-start").click();
  await page.waitForFunction(() => Number(document.querySelector('[data-testid="bench-progress"]')?.dataset.done) > 0, null, { timeout: READY });
  // One tab at a time: this one holds the run's lock while it works, and gives it back.
  const elsewhere = await newPage();
  await elsewhere.goto(`${site}worker.js`);
  const held = () => elsewhere.evaluate(async () => (await navigator.locks.query()).held.map((lock) => lock.name).filter((name) => name.startsWith("mmedkit-benchmark/")));
  const [lock] = await held();
  await id(page, "bench-pause").click();
  await untilState(page, "paused");
  assert.deepEqual(await held(), []);
  elsewhere.evaluate((lock) => navigator.locks.request(lock, () => new Promise(() => {})), lock).catch(() => {}); // until its page is closed
  while ((await held()).length === 0);
  await id(page, "bench-resume").click();
  await page.waitForFunction(() => /This run cannot go on: another tab is at work on this run/.test(document.querySelector('[data-testid="error"]')?.innerText ?? ""));
  await untilState(page, "paused");
  await elsewhere.close();
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
  await untilState(page, "part");
  assert.deepEqual([(await progress(page)).done, (await progress(page)).total], [String(paused), "60"], "a part of a record is not the whole");
  assert.equal(await page.locator("main h1").innerText(), "<b>Another</b>");
  await id(page, "bench-compare-with").selectOption({ index: 1 });
  await id(page, "bench-compare-result").waitFor();
  assert.match(await id(page, "bench-compare-settings").innerText(), /model\.name/);
  assert.match(await id(page, "bench-compare-result").innerText(), new RegExp(`On ${paused} questions in common, .*McNemar`));
  assert.match(await id(page, "bench-compare").innerText(), /Where they differ \(2\)/);
  assert.equal(await page.locator("main h1 b").count(), 0, "names are shown as text");

  await id(page, "bench-back").click();
  await id(page, "bench-import").setInputFiles({ name: "cut.jsonl", mimeType: "application/jsonl", buffer: Buffer.from(text.slice(0, -40)) });
  await page.waitForFunction(() => /cut\.jsonl: line \d+ of the record/.test(document.querySelector('[data-testid="error"]')?.innerText ?? ""));
});

test("benchmark: of a record the page says what the command line says", { webgpu: false, timeout: 300 }, async ({ page: newPage, site, defer }) => {
  // Questions with one and with several right answers, in every rotation of their options.
  const french = path.join(root, "www/questions/frenchmedmcqa-fr.jsonl");
  const { record, text } = await nativeRecord(defer, french, ["--option-order", "rotated"]);
  const [report] = JSON.parse(await runNative(["report", record, "--format", "json"]));
  const page = await newPage();
  await page.goto(`${site}#/benchmark`);
  // A benchmark's own file is read as the command line reads it.
  const original = [{ id: "1", question: "Q ?", answers: { a: "un", b: "deux" }, correct_answers: ["b"], subject_name: "s" }];
  await id(page, "data-file").setInputFiles({ name: "original.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(original)) });
  await page.waitForFunction(() => document.querySelector('[data-testid="bench-start"]')?.innerText === "Start: 1 question");
  await id(page, "bench-import").setInputFiles(jsonl("french.jsonl", text));
  await untilState(page, "finished");
  const rows = await id(page, "bench-table").locator("tbody tr").evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.innerText)));
  const percent = (share) => `${Math.round(share * 100)} %`;
  const row = (name, of) => [name, `${of.correct}/${of.n}`, percent(of.accuracy), `${(of.wilson.low * 100).toFixed(1)}–${(of.wilson.high * 100).toFixed(1)} %`, percent(of.chance)];
  const parts = report.parts.map((part) => row(part.name.split(", ")[1], part));
  assert.equal(parts.length, 2);
  assert.equal(parts[1][4], "0 %", "one letter is never the whole of several");
  assert.deepEqual(rows, [row("Français", report.languages[0]), ...parts, row("All questions", report.all)]);
  assert.equal(report.all.n, 22, "each question counts once");
  const calibration = await id(page, "bench-reliability").innerText();
  assert.ok(calibration.includes(`${report.calibration.n} questions with one right answer`) && calibration.includes(`${(report.calibration.ece * 100).toFixed(1)} points`), calibration);
  const notes = await id(page, "bench-notes").locator("li").allInnerTexts();
  assert.deepEqual(notes, report.warnings);
  assert.match(await id(page, "bench-tables").innerText(), /Position of the options/);
  // Its questions are among the samples of this site: their texts and prompts are shown, each rotation's own.
  await id(page, "bench-question").nth(1).click();
  await page.waitForFunction(() => document.querySelector('[data-testid="bench-question-prompt"]')?.innerText.startsWith("You’re a medical doctor") || document.querySelector('[data-testid="bench-question-prompt"]')?.innerText.includes("###Options:"));
  assert.ok(!(await id(page, "bench-question-prompt").innerText()).includes("By its hash"), "it is the prompt that was asked");

  // Other data: no comparison, in the command line's words.
  await page.getByRole("button", { name: "Back to the run" }).click();
  await id(page, "bench-back").click();
  const other = await nativeRecord(defer, path.join(root, "www/questions/medqa-en.jsonl"), ["--limit", "4"]);
  await id(page, "bench-import").setInputFiles(jsonl("other.jsonl", other.text));
  await untilState(page, "part");
  await id(page, "bench-compare-with").selectOption({ index: 1 });
  await id(page, "bench-compare-refusal").waitFor();
  assert.match(await id(page, "bench-compare-refusal").innerText(), /the runs are of different data: medqa-en\.jsonl .* and frenchmedmcqa-fr\.jsonl/);
  assert.match(await id(page, "bench-tables").innerText(), /Beside the published results on English benchmarks/);
});

test("benchmark: a record of 100,000 lines is shown a page at a time", { webgpu: false, timeout: 300 }, async ({ page: newPage, site }) => {
  const languages = ["English", "Chinese", "Japanese", "French", "Russian", "Spanish"];
  const header = { mmedkit_run: 1, run_id: "many", started: "2026-11-28T00:00:00Z", software: "test", mode: "evaluation", seed: 0, model: null, prompt: null, evaluation: { protocol: "letters", shots: 0, chat_template: false, option_order: "as-given", context_length: 1, data: { name: "many", hash: "h", questions: 100_000, unreadable_lines: 0 } } };
  const line = (n) => ({ id: `q${n}`, question_hash: n.toString(16).padStart(64, "0"), language: languages[n % 6], source: "s", protocol: "letters", option_log_probabilities: [-0.2, -2, -3, -4], prediction: n % 5 ? "A" : "B", gold: "A", correct: n % 5 > 0, key_position: 0 });
  const text = [header, ...Array.from({ length: 100_000 }, (_, n) => line(n))].map((line) => JSON.stringify(line)).join("\n") + "\n";
  const page = await newPage();
  await page.goto(`${site}#/benchmark`);
  await id(page, "bench-runs").waitFor();
  // The browser's driver hands over no more than 50 MB at once.
  assert.ok(text.length < 50e6, `${text.length}`);
  await id(page, "bench-import").setInputFiles(jsonl("many.jsonl", text));
  await untilState(page, "finished");
  assert.match(await id(page, "bench-table").innerText(), /All questions\s+80000\/100000/);
  await id(page, "bench-question").first().waitFor();
  assert.equal(await id(page, "bench-question").count(), 20);
  await id(page, "bench-questions-filter").selectOption("wrong");
  await page.waitForFunction(() => document.querySelector('[data-testid="bench-question"]')?.innerText.includes("q0 · answers B"));
  assert.match(await page.locator(".pager").last().innerText(), /Page 1 of 1000/);
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
