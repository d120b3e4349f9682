/** The JavaScript kit: both devices give what the native program gives, and every call does what its declaration says. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { makeGguf } from "./gguf.mjs";
import { dist, root, test } from "./harness.mjs";
import { kitPage, mmedkit, onDisk, served } from "./kit.mjs";

/**
 * Sums over a continuation of up to ten tokens, by the native program's code for the same device. On a GPU another driver compiles it, with sums in another
 * order; either end is within 5e-6 a token of what it should be (the self-test's golden values). The processor's SIMD instructions are others, and a sum
 * that differs in its last bit may turn the rounding of an input to 16 bits, 6e-5 of it, the other way: twice as much is allowed. 4e-6 and 4e-5 were seen.
 */
const SAME = { webgpu: 1e-4, cpu: 2e-4 };

const ITEMS = [
  { context: "Vitamin C deficiency causes", continuations: [" scurvy", " rickets", " a fever"] },
  { context: "La carence en vitamine C ", continuations: ["scorbut", "é"] },
  { context: "", continuations: ["Question: 壊血病"] },
];

async function nativeScores(file, device) {
  const requests = ITEMS.map((item, id) => ({ id, ...item }));
  return mmedkit(["score", "--model", file, "--device", device], requests);
}

/** Scores, tokens and a text from both devices, compared with the native program. */
async function agrees(tools, model, file) {
  const texts = ["Vitamin C, vitamine É — 壊血病 🩺", " leading and trailing "];
  const tokens = await mmedkit(["tokenize", "--model", file], texts);
  const results = {};
  for (const backend of ["cpu", "webgpu"]) {
    const tab = await kitPage(tools);
    const loaded = await tab.evaluate((options) => load(options), { model, backend });
    assert.equal(loaded.error, undefined, `${backend}: ${loaded.error?.message}`);
    assert.equal(loaded.info.backend, backend);
    assert.equal(loaded.info.selfTest.passed, true);
    console.log(`# ${backend}: ${loaded.info.adapter}; self-test: ${loaded.info.selfTest.details}; kernels: ${loaded.info.kernels}`);
    if (backend === "webgpu") {
      // SwiftShader has subgroups: they were asked for around wgpu, compiled, found right, and are what the scores below are made with.
      assert.equal(loaded.info.kernels, "matvec=f32 matmul=f32 subgroups cache=f32");
      assert.match(loaded.info.selfTest.details, /golden values.*checks of plain kernels/);
    }
    results[backend] = await tab.evaluate(
      async ({ items, texts }) => ({
        scores: await engine.score(items, { perToken: true }),
        tokens: await Promise.all(texts.map((text) => engine.tokenize(text))),
        texts: await Promise.all(texts.map(async (text) => engine.detokenize(await engine.tokenize(text, { special: false })))),
        generated: await engine.generate({ prompt: "Vitamin C", maxTokens: 8 }),
        // Software devices are not measured, so that fast is exact there; what counts is that scores after it are as before.
        fast: await engine.generate({ prompt: "Vitamin C", maxTokens: 8, fast: true }),
        again: await engine.score(items, { perToken: true }),
      }),
      { items: ITEMS, texts },
    );
    const { scores, fast, generated, again } = results[backend];
    assert.deepEqual(again, scores, "scores do not depend on what was written between them");
    assert.deepEqual(fast.tokens, generated.tokens);
    const expected = await nativeScores(file, backend);
    let worst = 0;
    for (const [i, { log_likelihoods, token_counts }] of expected.entries()) {
      assert.deepEqual(scores[i].tokenCounts, token_counts);
      for (const [j, value] of log_likelihoods.entries()) {
        worst = Math.max(worst, Math.abs(scores[i].logLikelihoods[j] - value));
        const sum = scores[i].tokenLogLikelihoods[j].reduce((a, b) => a + b, 0);
        assert.ok(Math.abs(sum - scores[i].logLikelihoods[j]) < 1e-4, "the tokens' scores add up");
      }
    }
    console.log(`# ${backend}: log-likelihoods within ${worst.toExponential(1)} of the native program's`);
    assert.ok(worst <= SAME[backend], `${backend}: a log-likelihood differs by ${worst} from the native program's`);
    assert.deepEqual(results[backend].tokens, tokens, "token ids");
    assert.deepEqual(results[backend].texts, texts, "texts come back");
    await tab.evaluate(() => engine.free());
    await tab.close();
  }
  return results;
}

test("kit: a model by address gives the native program's scores on both devices", { timeout: 240 }, async (tools) => {
  const model = makeGguf({ layers: 3, d: 128, ffn: 256 });
  const { url } = await served(tools, model);
  await agrees(tools, url, await onDisk(tools, model));
});

test("kit: the demo model gives the native program's scores on both devices", { timeout: 600 }, async (tools) => {
  const { cpu, webgpu } = await agrees(tools, "demo", path.join(dist, "models/demo.gguf"));
  assert.equal(webgpu.generated.text, cpu.generated.text, "greedy text");
});

test("kit: texts stream, stop at stop strings and repeat with their seed", async (tools) => {
  const { url } = await served(tools, makeGguf());
  const tab = await kitPage(tools);
  const { error, info } = await tab.evaluate((model) => load({ model, backend: "cpu", contextLength: 64 }), url);
  assert.equal(error, undefined);
  assert.deepEqual([info.contextLength, info.architecture, info.quantization, info.name], [64, "llama", "Q8_0", "made by a test"]);
  const result = await tab.evaluate(async () => {
    const pieces = [];
    const draw = (options) => engine.generate({ prompt: "Hello", temperature: 1, maxTokens: 12, seed: 7, ...options });
    const first = await draw({ onToken: (text, token) => pieces.push([text, token]) });
    const again = await draw();
    const other = await draw({ seed: 8 });
    // The vocabulary is bytes, so any single character of the text is a stop string that was seen to come.
    const stop = [...first.text].find((c) => c !== "\ufffd" && first.text.indexOf(c) > 0) ?? "";
    const stopped = await draw({ stop: [stop] });
    const full = await draw({ maxTokens: 1000 });
    const refused = await engine.generate({}).catch(tell);
    const long = await engine.generate({ prompt: "x".repeat(100) }).catch(tell);
    return { first, again, other, stop, stopped, full, pieces, refused, long };
  });
  const { first, again, other, stop, stopped, full, pieces } = result;
  assert.equal(pieces.map(([text]) => text).join(""), first.text);
  assert.equal(first.promptTokens, 5, "a token a byte");
  assert.ok(first.prefillMs > 0 && first.decodeMs > 0);
  assert.deepEqual(again.tokens, first.tokens);
  assert.notDeepEqual(other.tokens, first.tokens);
  assert.notEqual(stop, "");
  assert.equal(stopped.text, first.text.slice(0, first.text.indexOf(stop)));
  assert.equal(stopped.stopped, "stopString");
  assert.ok(full.stopped === "endOfText" || full.promptTokens + full.tokens.length === 64, "the context is never left");
  assert.equal(result.refused.kind, "bad_request");
  assert.equal(result.long.kind, "context_full");
});

test("kit: what is aborted stops, and the engine goes on", { timeout: 240 }, async (tools) => {
  const { url } = await served(tools, makeGguf({ layers: 4, d: 256, ffn: 512, context: 2048 }));
  const tab = await kitPage(tools);
  assert.equal((await tab.evaluate((model) => load({ model, backend: "cpu" }), url)).error, undefined);
  const result = await tab.evaluate(async () => {
    const controller = new AbortController();
    let tokens = 0;
    const onToken = () => ++tokens === 3 && controller.abort();
    // Greedy: this model then repeats itself and never ends by itself, so only the abort can stop it.
    const text = await engine.generate({ prompt: "a", maxTokens: 2000, signal: controller.signal, onToken }).catch(tell);
    // One that waits behind another is withdrawn before it runs.
    const waiting = new AbortController();
    const first = engine.generate({ prompt: "a", maxTokens: 20 });
    const second = engine.generate({ prompt: "b", maxTokens: 20, signal: waiting.signal }).catch(tell);
    waiting.abort();
    // A long prefill hears of it between its passes.
    const during = new AbortController();
    const context = "word ".repeat(380);
    const scored = engine.score([{ context, continuations: ["x"] }], { signal: during.signal }).catch(tell);
    await first;
    setTimeout(() => during.abort(), 20);
    await scored;
    const measuring = new AbortController();
    setTimeout(() => measuring.abort(), 20);
    const benched = await engine.bench({ promptTokens: 500, genTokens: 1500, signal: measuring.signal }).catch(tell);
    return { text, benched, tokens, second: await second, scored: await scored, after: (await engine.generate({ prompt: "a", maxTokens: 3 })).tokens.length };
  });
  assert.equal(result.text.name, "AbortError");
  assert.ok(result.tokens < 200, `${result.tokens} tokens came after the abort`);
  assert.equal(result.second.name, "AbortError");
  assert.equal(result.scored.name, "AbortError");
  assert.equal(result.benched.name, "AbortError", JSON.stringify(result.benched));
  assert.ok(result.after > 0);
});

test("kit: conversations go through the chat template, and every option of a text arrives", { webgpu: false }, async (tools) => {
  const template = "{% for m in messages %}<|end|>{{ m.role }}: {{ m.content }}{% endfor %}{% if add_generation_prompt %}<|end|>assistant:{% endif %}";
  const edit = ({ entries }) => entries.push(["tokenizer.chat_template", "string", template]);
  const { url } = await served(tools, makeGguf({ edit }));
  const tab = await kitPage(tools);
  const { error, info } = await tab.evaluate((model) => load({ model, backend: "cpu" }), url);
  assert.equal(error, undefined);
  assert.equal(info.chatTemplate, true);
  const result = await tab.evaluate(async () => {
    const messages = [{ role: "system", content: "Be brief." }, { role: "user", content: "Why?" }];
    const rendered = await engine.render(messages);
    const draw = (options) => engine.generate({ prompt: "Hello", maxTokens: 12, ...options });
    const hot = { temperature: 3, seed: 5 };
    return {
      rendered,
      open: await engine.render(messages, { addGenerationPrompt: false }),
      chat: await engine.generate({ messages, maxTokens: 6 }),
      byHand: await engine.generate({ prompt: rendered, rendered: true, maxTokens: 6 }),
      greedy: await draw(),
      hot: await draw(hot),
      // Each of these leaves one token to draw from, whatever the temperature.
      narrow: [await draw({ ...hot, topK: 1 }), await draw({ ...hot, topP: 1e-9 }), await draw({ ...hot, minP: 1 })],
      penalised: await draw({ repetitionPenalty: 100 }),
      refused: await draw({ topP: 2 }).catch(tell),
      cut: await engine.generate({ prompt: "x".repeat(300), maxTokens: 10, truncate: true }),
      uncut: (await draw()).truncatedTokens,
    };
  });
  const conversation = "<|end|>system: Be brief.<|end|>user: Why?";
  assert.deepEqual([result.open, result.rendered], [conversation, `${conversation}<|end|>assistant:`]);
  // A control token is one token, all else is bytes.
  assert.equal(result.chat.promptTokens, result.rendered.replaceAll("<|end|>", "*").length);
  assert.deepEqual(result.chat.tokens, result.byHand.tokens);
  assert.notDeepEqual(result.hot.tokens, result.greedy.tokens);
  for (const narrow of result.narrow) assert.deepEqual(narrow.tokens, result.greedy.tokens);
  assert.ok(new Set(result.greedy.tokens).size < result.greedy.tokens.length, "it repeats itself");
  assert.notDeepEqual(result.penalised.tokens, result.greedy.tokens);
  assert.equal(result.refused.kind, "bad_request");
  // 256 tokens of context less ten to write.
  assert.deepEqual([result.cut.promptTokens, result.cut.truncatedTokens, result.uncut], [246, 54, 0]);
});

test("kit: probabilities of options are those of their first tokens", async (tools) => {
  const { url } = await served(tools, makeGguf());
  const tab = await kitPage(tools);
  assert.equal((await tab.evaluate((model) => load({ model, backend: "cpu" }), url)).error, undefined);
  const { options, scores, twins } = await tab.evaluate(async () => ({
    options: await engine.scoreOptions([{ context: "Answer:", options: ["A", "B", "C"] }]),
    scores: await engine.score([{ context: "Answer:", continuations: ["A", "B", "C"] }]),
    // "Ax" and "Ay" cannot be told apart by the token in which these three begin to differ.
    twins: await engine.scoreOptions([{ context: "Answer:", options: ["Ax", "Bx", "Ay"] }]).catch(tell),
  }));
  const sum = (values) => values.reduce((a, b) => a + b, 0);
  assert.ok(Math.abs(sum(options[0].probabilities) - 1) < 1e-9);
  const weights = scores[0].logLikelihoods.map(Math.exp);
  for (const [i, p] of options[0].probabilities.entries()) assert.ok(Math.abs(p - weights[i] / sum(weights)) < 1e-4, `${p} of ${weights}`);
  assert.equal(twins.kind, "bad_request");
});

test("kit: a load reports its stages, and a freed engine says so", async (tools) => {
  const model = makeGguf();
  const { url } = await served(tools, model);
  const tab = await kitPage(tools);
  assert.equal((await tab.evaluate((model) => load({ model, backend: "webgpu" }), url)).error, undefined);
  const { progress, bench, memory, again, after } = await tab.evaluate(async () => {
    const progress = window.progress;
    const bench = await engine.bench({ promptTokens: 16, genTokens: 2 });
    const memory = await engine.memory();
    await engine.free();
    const after = await engine.tokenize("x").catch(tell);
    const again = await engine.free().then(() => "nothing", tell);
    return { progress, bench, memory, again, after };
  });
  const stages = progress.map(({ stage }) => stage).filter((stage, i, all) => stage !== all[i - 1]);
  assert.deepEqual(stages, ["header", "download", "header", "device", "selfTest", "weights"]);
  const weights = progress.filter(({ stage }) => stage === "weights");
  for (const [i, { loaded, total }] of weights.entries()) assert.ok(total > 0 && loaded <= total && loaded >= (weights[i - 1]?.loaded ?? 0));
  assert.equal(weights.at(-1).loaded, weights.at(-1).total);
  const download = progress.filter(({ stage }) => stage === "download");
  assert.deepEqual([download.at(-1).loaded, download.at(-1).total], [model.size, model.size]);
  assert.ok(bench.prefill_tps > 0 && bench.decode_tps > 0 && bench.prompt_tokens === 16 && bench.gen_tokens === 2);
  assert.ok(memory.wasmBytes > 0 && memory.deviceBytes > 0);
  assert.equal(after.kind, "not_loaded");
  assert.equal(again, "nothing");
});

test("kit: without an adapter the processor is used and the reason is told", { webgpu: false }, async (tools) => {
  const { url } = await served(tools, makeGguf());
  const tab = await kitPage(tools);
  const auto = await tab.evaluate((model) => load({ model }), url);
  assert.equal(auto.error, undefined);
  assert.equal(auto.info.backend, "cpu");
  assert.match(auto.info.reason, /adapter|WebGPU/);
  const forced = await tab.evaluate((model) => load({ model, backend: "webgpu" }), url);
  assert.equal(forced.error?.kind, "no_adapter");
});

test("kit: the declarations fit their example", { timeout: 60 }, async () => {
  const here = path.join(root, "tests/browser");
  execFileSync("node", [path.join(here, "node_modules/typescript/bin/tsc"), "--project", path.join(here, "types")], { stdio: "pipe", encoding: "utf8" });
});

test("kit: the npm package holds everything that its module names", { timeout: 60 }, async () => {
  const target = path.join(root, "target/npm");
  execFileSync("node", [path.join(root, "crates/worker/npm/build.mjs"), dist, target], { stdio: "pipe" });
  const [packed] = JSON.parse(execFileSync("npm", ["pack", "--dry-run", "--json"], { cwd: target, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
  const files = packed.files.map((file) => file.path);
  for (const file of ["mmedkit.js", "mmedkit.d.ts", "worker_loader.js", "worker.js", "worker_bg.wasm", "models/demo.gguf", "README.md"]) {
    assert.ok(files.includes(file) && existsSync(path.join(target, file)), `${file} is not in the package`);
  }
});
