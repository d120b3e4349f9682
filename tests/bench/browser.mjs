// Measures the engine of the built site in headless Chromium, beside wllama (llama.cpp in wasm) on the same files in the same run.
//
//     node browser.mjs FOLDER        FOLDER holds 135M-*.gguf, questions.gguf, question-items.json and native.json (`bench` of the crate mmedkit-tests writes them) and gets browser.json
//
// Both sides: one thread, 128 tokens of prompt, 32 written, after a short pass that is not timed. Rounds alternate between the engines, each in a fresh page,
// so that a busy spell of the machine hits both; figures are medians, and the ratio is the median of the rounds' ratios. WebGPU is measured on request
// (--webgpu), on the machine's graphics card where the browser finds one, else on SwiftShader, once and briefly: it then says nothing about a graphics card.
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { chromium } from "playwright-core";
import { serveFolder } from "../browser/server.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const folder = path.resolve(process.argv[2] ?? fail("usage: node browser.mjs FOLDER [questions] [--webgpu]"));
const webgpu = process.argv.includes("--webgpu");
/** Only what sharing saves among questions. */
const onlyQuestions = process.argv.includes("questions");
const ROUNDS = 3, PROMPT = 128, WRITTEN = 32;
const ANY_ADAPTER = ["--enable-unsafe-webgpu", "--enable-features=Vulkan", "--ignore-gpu-blocklist"];
const SOFTWARE_ADAPTER = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

function fail(message) {
  throw new Error(message);
}
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

const dist = path.resolve(process.env.MMEDKIT_DIST ?? path.join(here, "../../dist"));
const site = await serveFolder(dist);
const models = onlyQuestions ? [] : (await readdir(folder)).filter((name) => /^135M-.*\.gguf$/.test(name)).sort();
if (models.length === 0 && !onlyQuestions) fail(`${folder} holds no 135M-*.gguf`);
const send = (file, type) => async (_, response) => {
  const bytes = await readFile(file);
  response.writeHead(200, { "content-type": type, "content-length": bytes.length }).end(bytes);
};
site.routes.set("/bench.html", (_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>bench</title>"));
const wllama = path.join(here, "node_modules/@wllama/wllama/esm");
site.routes.set("/wllama/index.js", send(path.join(wllama, "index.js"), "text/javascript"));
site.routes.set("/wllama/wllama.wasm", send(path.join(wllama, "wasm/wllama.wasm"), "application/wasm"));
for (const name of models) site.routes.set(`/${name}`, send(path.join(folder, name), "application/octet-stream"));

/** Runs `body` in a page of a fresh browser with these flags; adds the peak of the browser's resident memory, in bytes. */
async function inPage(body, argument, flags = []) {
  const profile = await mkdtemp(path.join(tmpdir(), "mmedkit-bench-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.MMEDKIT_CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", ...flags],
  });
  let peak = 0;
  const watch = setInterval(async () => (peak = Math.max(peak, await residentMemory(profile))), 500);
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(0);
    await page.goto(`${site.url}bench.html`);
    return { ...(await page.evaluate(body, argument)), peak_memory: peak };
  } finally {
    clearInterval(watch);
    await context.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Resident bytes of all processes that were started with this profile (pages shared between them count in each). */
async function residentMemory(profile) {
  let sum = 0;
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (!command.includes(profile)) continue;
    const pages = Number((await readFile(`/proc/${pid}/statm`, "utf8").catch(() => "0 0")).split(" ")[1]);
    sum += pages * 4096;
  }
  return sum;
}

const ours = async ({ name, backend, prompt, written }) => {
  const { Engine } = await import("/mmedkit.js");
  const file = new File([await (await fetch(`/${name}`)).blob()], name);
  const started = performance.now();
  const engine = await Engine.load({ model: file, backend, contextLength: 512 });
  const load_seconds = (performance.now() - started) / 1000;
  const { prefill_tps, decode_tps } = await engine.bench({ promptTokens: prompt, genTokens: written });
  const { adapter } = engine.info;
  await engine.free();
  return { load_seconds, prefill_tps, decode_tps, adapter };
};

const theirs = async ({ name, prompt, written }) => {
  const { Wllama } = await import("/wllama/index.js");
  const engine = new Wllama({ default: "/wllama/wllama.wasm", "single-thread/wllama.wasm": "/wllama/wllama.wasm" }, { suppressNativeLog: true });
  const blob = await (await fetch(`/${name}`)).blob();
  const started = performance.now();
  await engine.loadModel([blob], { n_threads: 1, n_ctx: 512, n_batch: 512, n_gpu_layers: 0 });
  const load_seconds = (performance.now() - started) / 1000;
  await engine.createCompletion({ prompt: "zyxw", max_tokens: 2, temperature: 0, ignore_eos: true, cache_prompt: false });
  // Each letter is a token of the made-up vocabulary; no letter may repeat the first of a cached prompt.
  const text = Array.from({ length: prompt }, (_, i) => String.fromCharCode(65 + ((i * 7) % 26))).join("");
  const { timings } = await engine.createCompletion({ prompt: text, max_tokens: written, temperature: 0, ignore_eos: true, cache_prompt: false });
  return { load_seconds, prefill_tps: timings.prompt_per_second, decode_tps: timings.predicted_per_second, prompt_tokens: timings.prompt_n };
};

/** A graphics card, or nothing but software? */
const findsCard = async () => {
  const adapter = await navigator.gpu?.requestAdapter();
  return { card: Boolean(adapter) && !adapter.info.isFallbackAdapter };
};
const card = webgpu && (await inPage(findsCard, null, ANY_ADAPTER)).card;

const { read_bytes_per_second } = onlyQuestions ? {} : JSON.parse(await readFile(path.join(folder, "native.json"), "utf8"));
const rows = [];
if (models.length) console.log("weights    engine        prefill/s  decode/s   load s   peak MB   of read limit");
for (const name of models) {
  const rounds = { mmedkit: [], wllama: [] };
  for (let round = 0; round < ROUNDS; round++) {
    rounds.mmedkit.push(await inPage(ours, { name, backend: "cpu", prompt: PROMPT, written: WRITTEN }));
    rounds.wllama.push(await inPage(theirs, { name, prompt: PROMPT, written: WRITTEN }));
  }
  if (webgpu) {
    rounds["mmedkit WebGPU"] = [];
    for (let round = 0; round < (card ? ROUNDS : 1); round++) {
      rounds["mmedkit WebGPU"].push(await inPage(ours, { name, backend: "webgpu", prompt: PROMPT, written: card ? WRITTEN : 4 }, card ? ANY_ADAPTER : SOFTWARE_ADAPTER));
    }
  }
  // Writing a token reads every weight once.
  const bytes = (await stat(path.join(folder, name))).size;
  const recipe = /^135M-(.*)\.gguf$/.exec(name)[1];
  for (const [engine, results] of Object.entries(rounds)) {
    const of = (key) => median(results.map((result) => result[key]));
    const row = { recipe, engine, prefill_tps: of("prefill_tps"), decode_tps: of("decode_tps"), load_seconds: of("load_seconds"), peak_memory: of("peak_memory"), share_of_read_limit: (of("decode_tps") * bytes) / read_bytes_per_second, rounds: results };
    rows.push(row);
    console.log(`${recipe.padEnd(10)} ${engine.padEnd(14)} ${row.prefill_tps.toFixed(1).padStart(8)} ${row.decode_tps.toFixed(1).padStart(9)} ${row.load_seconds.toFixed(1).padStart(8)} ${(row.peak_memory / 1e6).toFixed(0).padStart(9)} ${(row.share_of_read_limit * 100).toFixed(0).padStart(13)} %  ${results[0].adapter ?? ""}`);
  }
  const ratio = (key) => median(rounds.mmedkit.map((result, i) => result[key] / rounds.wllama[i][key]));
  console.log(`${recipe.padEnd(10)} against wllama: prefill ${ratio("prefill_tps").toFixed(2)} times, decode ${ratio("decode_tps").toFixed(2)} times`);
}

/** Letters of the questions that `bench` left: all together, and one at a time with nothing to share. */
const questions = async ({ items, together, rounds }) => {
  const { Engine } = await import("/mmedkit.js");
  const file = new File([await (await fetch("/questions.gguf")).blob()], "questions.gguf");
  const engine = await Engine.load({ model: file, backend: "cpu" });
  await engine.scoreOptions(items.slice(0, 1)); // pools are made once
  const timed = async (work) => {
    const started = performance.now();
    await work();
    return (performance.now() - started) / 1000;
  };
  // The engine keeps what it read and shares beginnings by itself: a number of its own before each text leaves nothing to share, for a token or two;
  // one number before all texts of a round leaves what they share among themselves, and nothing of the round before.
  const numbered = (number, step) => items.map((item, index) => ({ ...item, context: `${number + step * index} ${item.context}` }));
  const done = [];
  for (let round = 0; round < rounds; round++) {
    const alone_seconds = await timed(async () => {
      for (const item of numbered(1 + round * items.length, 1)) await engine.scoreOptions([item]);
    });
    const shared_seconds = await timed(async () => {
      const texts = numbered(1 + round, 0);
      for (let at = 0; at < texts.length; at += together) await engine.scoreOptions(texts.slice(at, at + together));
    });
    done.push({ alone_seconds, shared_seconds, ratio: alone_seconds / shared_seconds });
  }
  await engine.free();
  return { rounds: done };
};
site.routes.set("/questions.gguf", send(path.join(folder, "questions.gguf"), "application/octet-stream"));
const asked = JSON.parse(await readFile(path.join(folder, "question-items.json"), "utf8"));
const shared = await inPage(questions, { ...asked, rounds: ROUNDS });
const ofRounds = (key) => median(shared.rounds.map((round) => round[key]));
console.log(`letters of ${asked.items.length} questions with ${asked.shots} examples, processor: ${ofRounds("shared_seconds").toFixed(1)} s together, ${ofRounds("alone_seconds").toFixed(1)} s one at a time without sharing: ${ofRounds("ratio").toFixed(1)} times faster`);

const wasm = [];
for (const name of (await readdir(dist)).filter((name) => name.endsWith(".wasm"))) {
  const bytes = await readFile(path.join(dist, name));
  wasm.push({ name, bytes: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length });
  console.log(`${name}: ${bytes.length} bytes, ${wasm.at(-1).gzip} as gzip`);
}
await writeFile(path.join(folder, onlyQuestions ? "browser-questions.json" : "browser.json"), JSON.stringify({ prompt_tokens: PROMPT, gen_tokens: WRITTEN, rounds: ROUNDS, read_bytes_per_second, rows, questions: { ...shared, questions: asked.items.length, shots: asked.shots }, wasm }, null, 1));
await site.close();
