/** A student's own questions: files, folders and archives, good ones and bad ones. */

import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "./harness.mjs";
import { deckChosen, id, line, open, ownQuestions, start, told } from "./quiz.mjs";
import { zip } from "./zip.mjs";

const counts = async (page, code) => page.locator("label", { has: id(page, `language-${code}`) }).locator(".pick-count").innerText();

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

test("a folder gives the questions of all its files, under the folder's name", async ({ page: newPage, site, defer }) => {
  const root = await mkdtemp(path.join(tmpdir(), "mmedkit-questions-"));
  defer(() => rm(root, { recursive: true, force: true }));
  const folder = path.join(root, "MMedBench");
  await mkdir(path.join(folder, "Test"), { recursive: true });
  await writeFile(path.join(folder, "Test/French.jsonl"), `${line("Une ?", "A")}\n${line("Deux ?", "B")}\n`);
  await writeFile(path.join(folder, "Test/Japanese.jsonl"), `${line("三？", "C")}\n`);
  await writeFile(path.join(folder, "README.md"), "hello");
  const page = await newPage();
  await open(page, site);
  await id(page, "data-folder").setInputFiles(folder);
  await deckChosen(page);
  assert.match(await id(page, "quiz-source").locator("option:checked").innerText(), /MMedBench/);
  assert.deepEqual([await counts(page, "fr"), await counts(page, "ja"), await counts(page, "en")], ["2", "1", "0"]);
  assert.equal(await id(page, "error").count(), 0);
  await start(page, 10);
  assert.match(await id(page, "quiz-question").innerText(), /Une|Deux|三/);
});

test("a zip archive gives its questions, and what is wrong in one is named", async ({ page: newPage, site }) => {
  const page = await newPage();
  await open(page, site);
  const give = (name, entries) => id(page, "data-file").setInputFiles({ name, mimeType: "application/zip", buffer: zip(entries) });
  const many = Array.from({ length: 300 }, (_, n) => line(`Question ${n}?`, "A")).join("\n");
  await give("MMedBench.zip", [
    { name: "MMedBench/Test/French.jsonl", text: many },
    { name: "MMedBench/Test/Japanese.jsonl", text: line("日本語？", "B"), stored: true },
    { name: "MMedBench/README.md", text: "hello" },
  ]);
  await deckChosen(page);
  assert.deepEqual([await counts(page, "fr"), await counts(page, "ja")], ["300", "1"]);
  await give("damaged.zip", [{ name: "French.jsonl", text: many, crc: 1 }]);
  await told(page, /damaged\.zip: French\.jsonl cannot be read \(its checksum is wrong\)/);
  await give("none.zip", [{ name: "README.md", text: "hello" }]);
  await told(page, /none\.zip: the archive holds no \.jsonl file/);
  // 300 MB of spaces weigh 300 kB; what they inflate to is not kept.
  await give("bomb.zip", [{ name: "French.jsonl", text: " ".repeat(300 << 20) }]);
  await told(page, /bomb\.zip: its question files hold more than 268435456 bytes/);
});

test("files that hold no questions are refused in plain words", async ({ page: newPage, site }) => {
  const page = await newPage();
  await open(page, site);
  const give = (name, text) => id(page, "data-file").setInputFiles({ name, mimeType: "application/octet-stream", buffer: Buffer.from(text) });
  await give("broken.zip", "this is no archive");
  await told(page, /broken\.zip: not a readable zip archive/);
  await give("notes.txt", "hello");
  await told(page, /no \.jsonl and no \.zip file/);
});
