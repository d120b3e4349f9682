/**
 * The quiz as a student meets it: from the first paint to the export, with the bundled demo model, without one, and with bad input.
 */

import assert from "node:assert/strict";
import { makeGguf } from "./gguf.mjs";
import { test } from "./harness.mjs";
import { served } from "./kit.mjs";
import { READY, answer, deckChosen, id, line, modelIs, open, ownQuestions, saved, start } from "./quiz.mjs";

test("a quiz from start to export with the demo model", { timeout: 240 }, async ({ page: newPage, site }) => {
  const page = await newPage();
  await open(page, site);
  await modelIs(page, "ready");
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
  // The same in CSV: a row a question, cells in the columns' order.
  const csv = await saved(page, "export-csv");
  const [columns, ...rows] = csv.text.trim().split("\r\n");
  const column = (name) => columns.split(",").indexOf(name);
  assert.equal(rows.length, 3);
  for (const [i, row] of rows.entries()) {
    const cells = row.match(/("([^"]|"")*"|[^,]*)(,|$)/g).map((cell) => cell.replace(/,$/, "").replace(/^"|"$/g, ""));
    const expected = questions[i];
    for (const [name, value] of [["question_hash", expected.question_hash], ["gold", expected.gold], ["student_answer", expected.student_answer], ["student_correct", String(expected.student_correct)], ["model_answer", expected.prediction], ["model_correct", String(expected.correct)]]) {
      assert.equal(cells[column(name)], value, `${name} of ${row}`);
    }
    const shares = cells[column("option_probabilities")].split(" ").map(Number);
    assert.deepEqual(shares, expected.option_log_probabilities.map((lp) => Number((lp === null ? 0 : Math.exp(lp)).toFixed(6))));
  }
});

test("stopping an explanation keeps what is there and lets nothing more come", { webgpu: false, timeout: 240 }, async (tools) => {
  // The demo may end by itself at any word; a model of made-up weights goes on, and this one needs some ten milliseconds for a token.
  const { url } = await served(tools, makeGguf({ layers: 10, d: 512, heads: 8, kvHeads: 4, ffn: 2048, context: 2048 }));
  const page = await tools.page();
  await open(page, tools.site);
  await modelIs(page, "ready");
  await id(page, "model-url").fill(url);
  await id(page, "model-url-load").click();
  await modelIs(page, "loading");
  await modelIs(page, "ready");
  await ownQuestions(page, [line("Why?", "A")]);
  await start(page, 1);
  await answer(page, "a");
  const box = () =>
    page.evaluate(() => {
      const { innerText, dataset } = document.querySelector('[data-testid="explanation"]');
      return { text: innerText, running: dataset.running === "true" };
    });
  await page.waitForFunction(() => {
    const { innerText, dataset } = document.querySelector('[data-testid="explanation"]');
    return dataset.running === "true" && innerText.length > 0 && !innerText.includes("Reading the question");
  }, null, { timeout: READY });
  await id(page, "explanation-stop").click();
  await page.waitForFunction(() => document.querySelector('[data-testid="explanation"]').dataset.running === "false");
  const stopped = await box();
  assert.ok(stopped.text.length > 0 && !stopped.text.includes("wrote nothing"), stopped.text);
  await page.waitForTimeout(1000);
  assert.deepEqual(await box(), stopped);
  // It belongs to the run, and the model is free for the next text.
  await id(page, "explanation-again").click();
  await id(page, "explanation-stop").click();
  await id(page, "quiz-next").click();
  await id(page, "result-score").waitFor();
});

test("results are told per language, and a miss leads back to its question", { webgpu: false }, async ({ page: newPage, site, server }) => {
  server.routes.set("/worker_loader.js", () => {}); // without a model
  const page = await newPage();
  await open(page, site);
  const file = (name, lines) => ({ name, mimeType: "application/jsonl", buffer: Buffer.from(lines.join("\n") + "\n") });
  await id(page, "data-file").setInputFiles([file("French.jsonl", [line("Une ?", "A"), line("Deux ?", "B")]), file("Japanese.jsonl", [line("三？", "C")])]);
  await deckChosen(page);
  for (const code of ["fr", "ja"]) {
    const box = id(page, `language-${code}`);
    if (!(await box.isChecked())) await page.locator("label", { has: box }).click();
  }
  await start(page, 3);
  for (let i = 0; i < 3; i++) {
    await answer(page, "a");
    await id(page, "quiz-next").click();
  }
  assert.equal(await id(page, "result-score").innerText(), "1 / 3");
  const table = await page.locator("table.scores tbody tr").allInnerTexts();
  const rows = Object.fromEntries(table.map((row) => [row.split(/\s/)[0], row.replace(/\s+/g, " ")]));
  assert.match(rows["Français"], /50 % \(1\/2\)/, JSON.stringify(table));
  assert.match(rows["日本語"], /0 % \(0\/1\)/, JSON.stringify(table));
  const misses = id(page, "misses").locator("button");
  assert.equal(await misses.count(), 2);
  const missed = await misses.nth(1).locator(".miss-text").innerText();
  await misses.nth(1).click();
  await id(page, "feedback").waitFor();
  assert.equal(await id(page, "quiz-question").innerText(), missed);
  assert.equal(await id(page, "feedback").getAttribute("data-correct"), "false");
  assert.match(await id(page, "option-A").innerText(), /Your answer/);
  await id(page, "back-to-result").click();
  assert.equal(await id(page, "result-score").innerText(), "1 / 3");
});

test("the quiz works without a model, also where the engine never comes", async ({ page: newPage, site, server }) => {
  const page = await newPage();
  server.routes.set("/worker_loader.js", () => {});
  await open(page, site);
  await start(page, 1);
  await answer(page, "a");
  await id(page, "quiz-next").click();
  assert.match(await id(page, "result-score").innerText(), /^[01] \/ 1$/);
  assert.equal(await id(page, "result-model-score").innerText(), "–");
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
  await modelIs(page, "ready");
  assert.equal(await id(page, "backend").innerText(), "CPU");
  await start(page, 1);
  await page.keyboard.press("a");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector('[data-testid="probabilities"] [data-letter]')?.dataset.probability !== undefined, null, { timeout: READY });
  // The explanation is written by the same model.
  await page.waitForFunction(() => document.querySelector('[data-testid="explanation"]').dataset.running === "false", null, { timeout: READY });
});

// On the processor: a software GPU writes too slowly to wait for, and the page does not know the difference.
test("nothing moves while an explanation is written", { webgpu: false, timeout: 240 }, async ({ page: newPage, site }) => {
  const page = await newPage();
  await open(page, site);
  await modelIs(page, "ready");
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

test("a device lost in the middle of a question keeps the answers and offers a way on", { timeout: 240 }, async ({ page: newPage, site, context }) => {
  const page = await newPage();
  await open(page, site);
  await modelIs(page, "ready");
  assert.equal(await id(page, "backend").innerText(), "WebGPU");
  await ownQuestions(page, [line("First?", "A"), line("Second?", "A")]);
  await start(page, 2);
  await answer(page, "a");
  await id(page, "quiz-next").click();
  await page.keyboard.press("b");
  // The whole GPU process ends, as with a driver that crashes. Whether the model is at work just now or waits makes no difference to the student.
  await (await context.newCDPSession(page)).send("Browser.crashGpuProcess");
  const error = id(page, "error");
  await error.waitFor();
  assert.match(await error.innerText(), /the graphics device went away/);
  assert.match(await error.innerText(), /Your answers are kept/);
  assert.equal(await id(page, "model-status").getAttribute("data-state"), "error");
  assert.equal(await id(page, "option-B").getAttribute("aria-checked"), "true");
  await error.getByRole("button", { name: /processor/ }).click();
  await modelIs(page, "ready");
  assert.equal(await id(page, "backend").innerText(), "CPU");
  await page.keyboard.press("Enter");
  await id(page, "quiz-next").click();
  assert.equal(await id(page, "result-score").innerText(), "1 / 2");
  await page.waitForFunction(() => /^[0-2] \/ 2$/.test(document.querySelector('[data-testid="result-model-score"]').innerText), null, { timeout: READY });
});
