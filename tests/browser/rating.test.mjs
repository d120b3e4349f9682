/** Rating rationales: blind, kept question by question, gone on with after a reload, and several raters' ratings together. */

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { root, test } from "./harness.mjs";
import { runNative } from "./kit.mjs";

const id = (page, name) => page.locator(`[data-testid="${name}"]`);
/** As many texts of the model as it takes before a metric is held against people. */
const QUESTIONS = 10;
/** Begins every text of the made-up model, so that the test knows what a rater must not. */
const MARK = "Because";
/** Between the five shorter and the longer ones of those texts. */
const MIDDLE = "Because of reason 0.".length + 4.5 * " the patient and the diagnosis".length;

/** A record as a model's that writes rationales: the lines of real questions, with made-up texts. */
async function writtenRecord(defer) {
  const folder = await mkdtemp(path.join(tmpdir(), "mmedkit-rating-"));
  defer(() => rm(folder, { recursive: true, force: true }));
  const record = path.join(folder, "run.jsonl");
  const data = path.join(root, "www/questions/casimedicos-en.jsonl");
  await runNative(["evaluate", "--model", path.join(root, "www/models/demo.gguf"), "--data", data, "--protocol", "letters", "--prompt", "paper", "--limit", `${QUESTIONS}`, "--device", "cpu", "--output", record]);
  const [header, ...lines] = (await readFile(record, "utf8")).trim().split("\n").map((line) => JSON.parse(line));
  header.model.name = "Secret model";
  header.evaluation.protocol = "paper";
  for (const [index, line] of lines.entries()) {
    line.protocol = "paper";
    line.text = `###Rationale: ${MARK} of reason ${index}${" the patient and the diagnosis".repeat(index)}.\n\n###Answer: OPTION ${line.gold} IS CORRECT.`;
  }
  return `${[header, ...lines].map((line) => JSON.stringify(line)).join("\n")}\n`;
}

/** Judges the sheet that is shown: the model's text 1 or, where it is long, 3; the stored one 5. */
async function judge(page) {
  const before = await id(page, "rate-sheet").getAttribute("data-done");
  const texts = await id(page, "rate-text").locator("p.rated-text").allInnerTexts();
  assert.equal(texts.length, 2);
  assert.equal(texts.filter((text) => text.startsWith(MARK)).length, 1);
  assert.ok(!texts.join().includes("###"), "what names the answer is not part of a rationale");
  for (const [place, text] of texts.entries()) {
    assert.equal(await id(page, "rate-save").isDisabled(), true, "a question is judged as a whole");
    await id(page, `rate-${place}-${!text.startsWith(MARK) ? 5 : text.length < MIDDLE ? 1 : 3}`).check({ force: true });
  }
  assert.ok(!/Secret model|stored rationale/.test(await page.locator("main").innerText()), "who wrote a text is not shown");
  assert.equal(await page.getByRole("button", { name: /what was said/i }).count(), 0, "nor what was said of it, before all is judged");
  await id(page, "rate-save").click();
  await page.waitForFunction((before) => document.querySelector('[data-testid="rate-sheet"]')?.dataset.done !== before, before);
  return texts.findIndex((text) => text.startsWith(MARK));
}

test("rating: texts are judged blind, a study goes on after a reload, and raters are read together", { webgpu: false, timeout: 240 }, async ({ page: newPage, site, defer }) => {
  const record = await writtenRecord(defer);
  let page = await newPage();
  await page.goto(`${site}#/benchmark`);
  await id(page, "bench-import").setInputFiles({ name: "written.jsonl", mimeType: "application/jsonl", buffer: Buffer.from(record) });
  // What was written is compared with the stored rationales, and stands beside the published scores.
  await id(page, "bench-rationales").click();
  await page.waitForFunction(() => /Rationales beside the published ones/.test(document.querySelector('[data-testid="bench-tables"]')?.innerText ?? ""));
  assert.match(await id(page, "bench-tables").textContent(), /this run: Secret model[\d.]+ \/ [\d.]+/);
  await id(page, "bench-back").click();
  await id(page, "rate-link").click();
  await id(page, "rate-source").nth(1).check();
  assert.equal(await id(page, "rate-begin").isDisabled(), true, "somebody must rate");
  await id(page, "rate-rater").fill("Ada");
  await id(page, "rate-most").fill(String(QUESTIONS));
  await id(page, "rate-begin").click();
  await id(page, "rate-sheet").waitFor();
  const places = [await judge(page)];

  // What was judged is kept; the rest comes in the same order.
  await page.reload();
  await id(page, "rate-open").click();
  await id(page, "rate-sheet").waitFor();
  assert.equal(await id(page, "rate-sheet").getAttribute("data-done"), "1");
  while (await id(page, "rate-sheet").count()) places.push(await judge(page));
  assert.equal(places.length, QUESTIONS);
  const result = id(page, "rate-result");
  const shown = await result.innerText();
  assert.match(shown, /stored rationale\s+5\.00\s+5\.00–5\.00\s+1\.00/);
  // Five texts at 1 and five at 3: Student's t with 9 degrees of freedom, 2.262, by 1.054 / √10.
  assert.match(shown, /Secret model[^\t]*\s+2\.00\s+1\.25–2\.75\s+2\.00/);
  assert.match(shown, /Agreement needs questions that several raters judged/);
  await id(page, "rate-back").click();
  const [download] = await Promise.all([page.waitForEvent("download"), id(page, "rate-export").click()]);
  const [header, ...lines] = (await readFile(await download.path(), "utf8")).trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual([header.rater, header.questions, lines.length], ["Ada", QUESTIONS, QUESTIONS]);
  assert.deepEqual(lines.map((line) => line.ratings.findIndex((rating) => rating.score < 5)), places, "texts stand in the order in which they were shown");

  // Another rater, who agrees but for one step on one text.
  lines[0].ratings[places[0]].score += 1;
  const other = `${[{ ...header, rater: "<b>Bo</b>" }, ...lines].map((line) => JSON.stringify(line)).join("\n")}\n`;
  const file = (name, text) => ({ name, mimeType: "application/jsonl", buffer: Buffer.from(text) });
  await id(page, "rate-import").setInputFiles(file("bo.jsonl", other));
  await page.waitForFunction(() => document.querySelectorAll('[data-testid="rate-kept"]').length === 2);
  await id(page, "rate-open").click();
  const together = await result.innerText();
  assert.match(together, /Raters: .*Ada \(10 of 10\)/);
  assert.match(together, /<b>Bo<\/b> \(10 of 10\)/, "names are shown as text");
  assert.match(together, /Secret model[^\t]*\s+2\.05/);
  // What alpha is exactly is the library's own test; here the two nearly agree.
  const alpha = Number(/α = (-?[\d.]+)/.exec(together)[1]);
  assert.ok(alpha > 0.8 && alpha < 1, `alpha is ${alpha}`);

  // The metrics that say the same are those of the command line, to the last digit that is shown.
  const folder = await mkdtemp(path.join(tmpdir(), "mmedkit-raters-"));
  defer(() => rm(folder, { recursive: true, force: true }));
  const ratings = [await readFile(await download.path(), "utf8"), other];
  const files = ["ada.jsonl", "bo.jsonl"].map((name) => path.join(folder, name));
  await Promise.all(files.map((name, index) => writeFile(name, ratings[index])));
  const data = path.join(root, "www/questions/casimedicos-en.jsonl");
  const { correlations } = JSON.parse(await runNative(["report", ...files.flatMap((name) => ["--ratings", name]), "--data", data, "--format", "json"]));
  const taus = await id(page, "rate-taus").locator("tbody tr").evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.innerText)));
  assert.ok(taus.length >= 10 && correlations.every((one) => one.n === QUESTIONS));
  assert.deepEqual(taus.map(([metric, tau]) => [metric, Number(tau)]), correlations.map((one) => [one.metric, Number(one.tau_b.toFixed(2))]));

  await id(page, "rate-back").click();
  await id(page, "rate-import").setInputFiles(file("bad.jsonl", other.replace('"score":5', '"score":9')));
  await page.waitForFunction(() => /bad\.jsonl: line \d+ of the ratings: `ratings\[\d\]\.score`/.test(document.querySelector('[data-testid="error"]')?.innerText ?? ""));
});
