/** For tests of the pages: everything is found by the `data-testid` hooks that they promise to keep. */

import { readFile } from "node:fs/promises";

/** Longest wait for what a model does, in milliseconds. */
export const READY = 100_000;

export const id = (page, name) => page.locator(`[data-testid="${name}"]`);

/** A question as a line of JSONL. `extra` replaces fields. */
export const line = (question, answer, extra = {}) =>
  JSON.stringify({ question, options: { A: "first", B: "second", C: "third" }, answer_idx: answer, rationale: "", ...extra });

/** Opens the quiz and waits for its form. */
export async function open(page, site) {
  await page.goto(site);
  await id(page, "quiz-start").waitFor();
}

/** Waits until the model is `ready` (or in another state). */
export async function modelIs(page, state) {
  await page.waitForFunction((state) => document.querySelector('[data-testid="model-status"]')?.dataset.state === state, state, { timeout: READY });
}

/** Loads the student's own questions; the form then draws from them. */
export async function ownQuestions(page, lines, name = "English.jsonl") {
  await id(page, "data-file").setInputFiles({ name, mimeType: "application/jsonl", buffer: Buffer.from(lines.join("\n") + "\n") });
  await deckChosen(page);
}

export async function deckChosen(page) {
  await page.waitForFunction(() => document.querySelector('[data-testid="quiz-source"]').value.startsWith("deck:"));
}

export async function start(page, count) {
  await id(page, "quiz-count").fill(String(count));
  await id(page, "quiz-start").click();
  await id(page, "quiz-question").waitFor();
}

/** Answers the question on the screen by these keys. */
export async function answer(page, ...keys) {
  for (const key of keys) await page.keyboard.press(key);
  await page.keyboard.press("Enter");
  await id(page, "feedback").waitFor();
}

/** Waits for the notice whose text matches. */
export async function told(page, pattern) {
  await page.waitForFunction((source) => new RegExp(source, "s").test(document.querySelector('[data-testid="error"]')?.innerText ?? ""), pattern.source, { timeout: READY });
}

/** What a download holds. */
export async function saved(page, button) {
  const [download] = await Promise.all([page.waitForEvent("download"), id(page, button).click()]);
  return { name: download.suggestedFilename(), text: await readFile(await download.path(), "utf8") };
}
