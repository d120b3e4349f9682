/**
 * The quiz as a student meets it: from the first paint to the export, with the bundled demo model, without one, and with bad input.
 *
 * Everything is found by the `data-testid` hooks that the pages promise to keep.
 */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "./harness.mjs";
import { zip } from "./zip.mjs";

const id = (page, name) => page.locator(`[data-testid="${name}"]`);
const READY = 100_000;

const line = (question, answer, extra = {}) =>
  JSON.stringify({ question, options: { A: "first", B: "second", C: "third" }, answer_idx: answer, rationale: "", ...extra });

/** Opens the quiz and waits for its form. */
async function open(page, site) {
  await page.goto(site);
  await id(page, "quiz-start").waitFor();
}

async function modelReady(page) {
  await page.waitForFunction(() => document.querySelector('[data-testid="model-status"]')?.dataset.state === "ready", null, { timeout: READY });
}

/** Loads the student's own questions; the form then draws from them. */
async function ownQuestions(page, lines, name = "English.jsonl") {
  await id(page, "data-file").setInputFiles({ name, mimeType: "application/jsonl", buffer: Buffer.from(lines.join("\n") + "\n") });
  await page.waitForFunction(() => document.querySelector('[data-testid="quiz-source"]').value.startsWith("deck:"));
}

async function start(page, count) {
  await id(page, "quiz-count").fill(String(count));
  await id(page, "quiz-start").click();
  await id(page, "quiz-question").waitFor();
}

/** What a download holds. */
async function saved(page, button) {
  const [download] = await Promise.all([page.waitForEvent("download"), id(page, button).click()]);
  return { name: download.suggestedFilename(), text: await readFile(await download.path(), "utf8") };
}

test("a quiz from start to export with the demo model", { timeout: 240 }, async ({ page: newPage, site }) => {
  const page = await newPage();
  await open(page, site);
  await modelReady(page);
  assert.match(await id(page, "backend").innerText(), /WebGPU|CPU/);
  await start(page, 3);
  for (let i = 0; i < 3; i++) {
    const several = (await page.locator('[role="checkbox"].option').count()) > 0;
    await id(page, "option-A").click();
    assert.equal(await id(page, "option-A").getAttribute("aria-checked"), "true");
    await id(page, "quiz-submit").click();
    const feedback = id(page, "feedback");
    await feedback.waitFor();
    assert.match(await feedback.innerText(), /Right\.|Not right\. The answer is/);
    // The model's bars: one per option, and for one right answer they add up to one.
    const rows = id(page, "probabilities").locator("[data-letter]");
    await page.waitForFunction(() => {
      const all = [...document.querySelectorAll('[data-testid="probabilities"] [data-letter]')];
      return all.length > 1 && all.every((row) => row.dataset.probability !== undefined);
    }, null, { timeout: READY });
    assert.equal(await rows.count(), await page.locator(".option").count());
    const shares = await rows.evaluateAll((all) => all.map((row) => Number(row.dataset.probability)));
    for (const share of shares) assert.ok(share >= 0 && share <= 1, `${shares}`);
    if (!several) assert.ok(Math.abs(shares.reduce((a, b) => a + b) - 1) < 1e-4, `${shares}`);
    // The explanation is being written or has been; stopping keeps what is there.
    await page.waitForFunction(() => (document.querySelector('[data-testid="explanation"]')?.innerText ?? "").length > 0);
    await page
      .locator('[data-testid="explanation-stop"]')
      .click({ timeout: 2_000 })
      .catch(() => {}); // it may have ended by itself
    await page.waitForFunction(() => document.querySelector('[data-testid="explanation"]').dataset.running === "false");
    await id(page, "quiz-next").click();
  }
  await id(page, "result-score").waitFor();
  assert.match(await id(page, "result-score").innerText(), /^[0-3] \/ 3$/);
  await page.waitForFunction(() => /^[0-3] \/ 3$/.test(document.querySelector('[data-testid="result-model-score"]').innerText), null, { timeout: READY });

  const { name, text } = await saved(page, "export-jsonl");
  assert.match(name, /\.jsonl$/);
  const [header, ...questions] = text.trim().split("\n").map((row) => JSON.parse(row));
  assert.equal(header.mmedkit_run, 1);
  assert.equal(header.model.architecture, "llama");
  assert.equal(header.prompt.name, "paper-answer");
  assert.equal(questions.length, 3);
  for (const question of questions) {
    assert.match(question.question_hash, /^[0-9a-f]{64}$/);
    assert.equal(question.correct, question.prediction === question.gold);
    assert.equal(question.student_correct, question.student_answer === question.gold);
    assert.ok(question.option_log_probabilities.length >= 2);
  }
  const right = questions.filter((question) => question.student_correct).length;
  assert.equal(await id(page, "result-score").innerText(), `${right} / 3`);
  const csv = await saved(page, "export-csv");
  assert.equal(csv.text.trim().split("\r\n").length, 4);

  // A miss leads back to its question, and from there to the result.
  if (right < 3) {
    await id(page, "misses").locator("button").first().click();
    await id(page, "feedback").waitFor();
    await id(page, "back-to-result").click();
    await id(page, "result-score").waitFor();
  }
});

test("the page paints before the engine is asked for, and works without a model", async ({ page: newPage, site, server }) => {
  const page = await newPage();
  // The engine's script never comes.
  server.routes.set("/worker_loader.js", () => {});
  await open(page, site);
  await start(page, 1);
  await page.keyboard.press("a");
  await page.keyboard.press("Enter");
  await id(page, "feedback").waitFor();
  await id(page, "quiz-next").click();
  assert.match(await id(page, "result-score").innerText(), /^[01] \/ 1$/);
  assert.equal(await id(page, "result-model-score").innerText(), "–");
  const app = server.requests.findIndex((path) => /mmedkit-app.*\.wasm$/.test(path));
  const engine = server.requests.findIndex((path) => /worker/.test(path));
  assert.ok(app >= 0 && (engine < 0 || app < engine), server.requests.join(" "));
});

test("the keyboard alone takes a quiz", async ({ page: newPage, site }) => {
  const page = await newPage();
  await open(page, site);
  await ownQuestions(page, [line("One right answer?", "B"), line("Two right answers?", "A,C")]);
  await start(page, 2);
  for (let i = 0; i < 2; i++) {
    const text = await id(page, "quiz-question").innerText();
    if (text.startsWith("One")) {
      await page.keyboard.press("1");
      await page.keyboard.press("b");
      assert.equal(await id(page, "option-A").getAttribute("aria-checked"), "false");
      assert.equal(await id(page, "option-B").getAttribute("aria-checked"), "true");
    } else {
      await page.keyboard.press("3");
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Space");
      assert.equal(await id(page, "option-A").getAttribute("aria-checked"), "true");
      assert.equal(await id(page, "option-C").getAttribute("aria-checked"), "true");
    }
    // Enter on an option answers, and does not choose.
    await page.keyboard.press("Enter");
    await id(page, "feedback").waitFor();
    assert.equal(await id(page, "feedback").getAttribute("data-correct"), "true");
    if (i === 1) {
      await page.keyboard.press("ArrowLeft");
      await page.waitForFunction((seen) => document.querySelector('[data-testid="quiz-question"]').innerText !== seen, text);
      await page.keyboard.press("ArrowRight");
      await page.waitForFunction((seen) => document.querySelector('[data-testid="quiz-question"]').innerText === seen, text);
    }
    await page.keyboard.press("Enter");
  }
  await id(page, "result-score").waitFor();
  assert.equal(await id(page, "result-score").innerText(), "2 / 2");
});

test("history survives a reload, and an open run goes on where it was", async ({ page: newPage, site }) => {
  const page = await newPage();
  await open(page, site);
  await ownQuestions(page, [line("First?", "A"), line("Second?", "A"), line("Third?", "A")]);
  await start(page, 3);
  await page.keyboard.press("a");
  await page.keyboard.press("Enter");
  await id(page, "feedback").waitFor();
  await id(page, "quiz-next").click();
  const second = await id(page, "quiz-question").innerText();
  await page.keyboard.press("b");
  await page.waitForFunction(() => document.querySelector('[data-testid="option-B"]').getAttribute("aria-checked") === "true");
  // The choice is stored at once, so nothing is lost with the page.
  await page.waitForTimeout(500);
  await page.reload();
  await page.goto(`${site}#/history`);
  const run = id(page, "history-run");
  await run.waitFor();
  assert.match(await run.innerText(), /1 of 3 answered/);
  await run.getByRole("button", { name: /^Go on/ }).click();
  await id(page, "quiz-question").waitFor();
  assert.equal(await id(page, "quiz-question").innerText(), second);
  assert.equal(await id(page, "option-B").getAttribute("aria-checked"), "true");
  for (let i = 0; i < 2; i++) {
    await page.keyboard.press("a");
    await page.keyboard.press("Enter");
    await id(page, "feedback").waitFor();
    await id(page, "quiz-next").click();
  }
  assert.equal(await id(page, "result-score").innerText(), "3 / 3");
  await page.waitForTimeout(500);
  await page.reload();
  await page.goto(`${site}#/history`);
  await run.waitFor();
  assert.match(await run.innerText(), /You 100 %/);
  // The student's own questions are there again, too.
  await page.goto(`${site}#/`);
  assert.ok((await id(page, "quiz-source").innerText()).includes("English.jsonl"));
});

test("an exam shows nothing before its end and ends by itself", async ({ page: newPage, site }) => {
  const page = await newPage();
  await open(page, site);
  await ownQuestions(page, [line("First?", "A"), line("Second?", "A")]);
  await page.locator("label", { has: id(page, "mode-exam") }).click();
  await id(page, "exam-seconds").fill("5");
  await start(page, 2);
  await page.keyboard.press("a");
  assert.equal(await id(page, "feedback").count(), 0);
  await page.keyboard.press("Enter");
  assert.equal(await id(page, "feedback").count(), 0);
  await id(page, "result-score").waitFor({ timeout: 30_000 });
  assert.equal(await id(page, "result-score").innerText(), "1 / 2");
});

test("broken lines are named by file, line and field, and the good ones are taken", async ({ page: newPage, site }) => {
  const page = await newPage();
  await open(page, site);
  const lines = [line("Good?", "A"), "{\"question\": \"cut", JSON.stringify({ question: "No options", answer_idx: "A" }), line("Also good?", "B"), line("Key?", "Z")];
  await ownQuestions(page, lines, "Spanish.jsonl");
  const error = await id(page, "error").innerText();
  assert.match(error, /2 questions taken from 1 file, 3 lines could not be read/);
  assert.match(error, /Spanish\.jsonl, line 2: not valid JSON/);
  assert.match(error, /Spanish\.jsonl, line 3, field `options`: missing/);
  assert.match(error, /Spanish\.jsonl, line 5, field `answer_idx`/);
  await start(page, 10);
  assert.match(await page.locator(".progress-number").innerText(), /of 2/);
});

test("a zip archive gives its questions, and what is wrong in one is named", async ({ page: newPage, site }) => {
  const page = await newPage();
  await open(page, site);
  const give = (name, entries) => id(page, "data-file").setInputFiles({ name, mimeType: "application/zip", buffer: zip(entries) });
  const says = (pattern) => page.waitForFunction((source) => new RegExp(source).test(document.querySelector('[data-testid="error"]')?.innerText ?? ""), pattern.source);
  const many = Array.from({ length: 300 }, (_, n) => line(`Question ${n}?`, "A")).join("\n");
  await give("MMedBench.zip", [
    { name: "MMedBench/Test/French.jsonl", text: many },
    { name: "MMedBench/Test/Japanese.jsonl", text: line("日本語？", "B"), stored: true },
    { name: "MMedBench/README.md", text: "hello" },
  ]);
  await page.waitForFunction(() => document.querySelector('[data-testid="quiz-source"]').value.startsWith("deck:"));
  assert.equal(await page.locator("label", { has: id(page, "language-fr") }).locator(".pick-count").innerText(), "300");
  assert.equal(await page.locator("label", { has: id(page, "language-ja") }).locator(".pick-count").innerText(), "1");
  await give("damaged.zip", [{ name: "French.jsonl", text: many, crc: 1 }]);
  await says(/damaged\.zip: French\.jsonl cannot be read \(its checksum is wrong\)/);
  await give("none.zip", [{ name: "README.md", text: "hello" }]);
  await says(/none\.zip: the archive holds no \.jsonl file/);
  // 300 MB of spaces weigh 300 kB; what they inflate to is not kept.
  await give("bomb.zip", [{ name: "French.jsonl", text: " ".repeat(300 << 20) }]);
  await says(/bomb\.zip: its question files hold more than 268435456 bytes/);
});

test("files that hold no questions are refused in plain words", async ({ page: newPage, site }) => {
  const page = await newPage();
  await open(page, site);
  const give = (name, text) => id(page, "data-file").setInputFiles({ name, mimeType: "application/octet-stream", buffer: Buffer.from(text) });
  await give("broken.zip", "this is no archive");
  await page.waitForFunction(() => /broken\.zip: not a readable zip archive/.test(document.querySelector('[data-testid="error"]')?.innerText ?? ""));
  await give("notes.txt", "hello");
  await page.waitForFunction(() => /no \.jsonl and no \.zip file/.test(document.querySelector('[data-testid="error"]')?.innerText ?? ""));
});

test("markup in a question is shown as text", async ({ page: newPage, site }) => {
  const page = await newPage();
  await open(page, site);
  const markup = '<img src=x onerror="window.broken=1"><b>bold</b> & <script>window.broken=1</script>';
  const own = JSON.stringify({ question: markup, options: { A: "<i>one</i>", B: markup }, answer_idx: "B", rationale: `because ${markup}` });
  await ownQuestions(page, [own]);
  await start(page, 1);
  assert.equal(await id(page, "quiz-question").innerText(), markup);
  assert.ok((await id(page, "option-A").innerText()).includes("<i>one</i>"));
  await page.keyboard.press("b");
  await page.keyboard.press("Enter");
  await id(page, "feedback").waitFor();
  assert.ok((await id(page, "rationale").innerText()).includes(markup));
  assert.equal(await page.evaluate(() => window.broken), undefined);
  assert.equal(await page.locator("main img, main b, main script").count(), 0);
});

test("without WebGPU the demo model runs on the processor", { webgpu: false, timeout: 240 }, async ({ page: newPage, site }) => {
  const page = await newPage();
  await open(page, site);
  await modelReady(page);
  assert.equal(await id(page, "backend").innerText(), "CPU");
  await start(page, 1);
  await page.keyboard.press("a");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector('[data-testid="probabilities"] [data-letter]')?.dataset.probability !== undefined, null, { timeout: READY });
  // The explanation is written by the same model.
  await page.waitForFunction(() => document.querySelector('[data-testid="explanation"]').dataset.running === "false", null, { timeout: READY });
});

test("an address without a model, and a file that is none, are said so and leave the quiz usable", { timeout: 240 }, async ({ page: newPage, site }) => {
  const page = await newPage();
  await open(page, site);
  await modelReady(page);
  await id(page, "model-url").fill(`${site}nothing-here.gguf`);
  await id(page, "model-url-load").click();
  await page.waitForFunction(() => document.querySelector('[data-testid="model-status"]').dataset.state === "error", null, { timeout: READY });
  assert.match(await id(page, "error").innerText(), /nothing-here\.gguf: there is no model at this address/);
  await id(page, "model-file").setInputFiles({ name: "holiday.gguf", mimeType: "application/octet-stream", buffer: Buffer.from("not a model at all".repeat(100)) });
  await page.waitForFunction(() => /holiday\.gguf: this file is not a model/.test(document.querySelector('[data-testid="error"]')?.innerText ?? ""), null, { timeout: READY });
  await id(page, "model-load-demo").click();
  await modelReady(page);
  assert.equal(await id(page, "error").count(), 0);
  await start(page, 1);
  assert.ok((await id(page, "quiz-question").innerText()).length > 0);
});

// On the processor: a software GPU writes too slowly to wait for, and the page does not know the difference.
test("nothing moves while an explanation is written", { webgpu: false, timeout: 240 }, async ({ page: newPage, site }) => {
  const page = await newPage();
  await open(page, site);
  await modelReady(page);
  await start(page, 1);
  await page.keyboard.press("a");
  await page.evaluate(() => {
    window.shifts = [];
    new PerformanceObserver((list) => window.shifts.push(...list.getEntries().filter((e) => !e.hadRecentInput).map((e) => e.value))).observe({ type: "layout-shift" });
  });
  await page.keyboard.press("Enter");
  await id(page, "explanation").waitFor();
  const before = await id(page, "explanation").boundingBox();
  await page.waitForFunction(() => document.querySelector('[data-testid="explanation"]').dataset.running === "false", null, { timeout: READY });
  const after = await id(page, "explanation").boundingBox();
  assert.equal(after.height, before.height);
  const shifts = await page.evaluate(() => window.shifts);
  assert.ok(shifts.reduce((sum, shift) => sum + shift, 0) < 0.01, `layout shifts: ${shifts}`);
});

test("a device lost in the middle of a question keeps the answers and offers a way on", { timeout: 240 }, async ({ page: newPage, site }) => {
  const page = await newPage();
  // What the page hears when the device goes away (that the engine says so is the engine's test).
  await page.addInitScript(() => {
    const Real = window.Worker;
    window.Worker = class extends Real {
      constructor(...args) {
        super(...args);
        window.loseDevice = () => {
          const error = { kind: "device_lost", message: "The GPU was reset.", recoverable: false };
          this.dispatchEvent(new MessageEvent("message", { data: { id: 0, event: { type: "failed", error } } }));
        };
      }
    };
  });
  await open(page, site);
  await modelReady(page);
  await ownQuestions(page, [line("First?", "A"), line("Second?", "A")]);
  await start(page, 2);
  await page.keyboard.press("a");
  await page.keyboard.press("Enter");
  await id(page, "quiz-next").click();
  await page.keyboard.press("b");
  await page.evaluate(() => window.loseDevice());
  const error = id(page, "error");
  await error.waitFor();
  assert.match(await error.innerText(), /the graphics device went away/);
  assert.match(await error.innerText(), /Your answers are kept/);
  assert.equal(await id(page, "model-status").getAttribute("data-state"), "error");
  assert.equal(await id(page, "option-B").getAttribute("aria-checked"), "true");
  await error.getByRole("button", { name: /processor/ }).click();
  await modelReady(page);
  assert.equal(await id(page, "backend").innerText(), "CPU");
  await page.keyboard.press("Enter");
  await id(page, "quiz-next").click();
  assert.equal(await id(page, "result-score").innerText(), "1 / 2");
  await page.waitForFunction(() => /^[0-2] \/ 2$/.test(document.querySelector('[data-testid="result-model-score"]').innerText), null, { timeout: READY });
});
