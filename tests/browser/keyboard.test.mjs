/** A quiz without a mouse. */

import assert from "node:assert/strict";
import { test } from "./harness.mjs";
import { answer, id, line, open, ownQuestions, start } from "./quiz.mjs";

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

test("ten options and several right ones, by letters, digits, arrows and Enter", { webgpu: false }, async ({ page: newPage, site, server }) => {
  server.routes.set("/worker_loader.js", () => {}); // without a model
  const page = await newPage();
  await open(page, site);
  const letters = [..."ABCDEFGHIJ"];
  const options = Object.fromEntries(letters.map((letter) => [letter, `option ${letter}`]));
  await ownQuestions(page, [line("Which?", "B,D,I,J", { options })]);
  await start(page, 1);
  const chosen = async () => {
    const states = await Promise.all(letters.map((letter) => id(page, `option-${letter}`).getAttribute("aria-checked")));
    return letters.filter((_, i) => states[i] === "true").join("");
  };
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
    return chosen();
  };
  assert.equal(await press("d"), "D");
  assert.equal(await press("E", "f", "g", "h", "i", "j"), "DEFGHIJ");
  // The same again takes back; digits mean places.
  assert.equal(await press("e", "6", "7", "8"), "DIJ");
  assert.equal(await press("4", "5", "9"), "EJ");
  assert.equal(await press("4", "5", "9"), "DIJ");
  // What belongs to no option, or to the browser, changes nothing.
  assert.equal(await press("k", "0", "Control+d"), "DIJ");
  // Down from nowhere is the first option; up from there the last.
  assert.equal(await press("ArrowDown", "ArrowDown", "Space"), "BDIJ");
  assert.equal(await press("ArrowUp", "ArrowUp", "Space"), "BDI");
  assert.equal(await page.evaluate(() => document.activeElement.dataset.testid), "option-J");
  assert.equal(await press("Space"), "BDIJ");
  await answer(page);
  assert.equal(await id(page, "feedback").getAttribute("data-correct"), "true");
  // An answer stays as it was given.
  assert.equal(await press("a", "1"), "BDIJ");
  await page.keyboard.press("Enter");
  await id(page, "result-score").waitFor();
  assert.equal(await id(page, "result-score").innerText(), "1 / 1");
});
