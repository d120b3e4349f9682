// Log-probabilities of a GGUF file by llama.cpp, through npm `node-llama-cpp` (which carries it compiled).
//
//     mmedkit export --model ../../www/models/demo.gguf --output demo && mmedkit export --model demo --output demo-f32.gguf --recipe f32
//     npm install node-llama-cpp@3 && node llama_cpp.mjs demo-f32.gguf demo.json ../../www/models/demo.gguf < texts.jsonl
//
// The model is unpacked to F32 first: on Q8_0 weights llama.cpp rounds activations to 8 bits, which moves its own log-probabilities by 1e-1.
// Reads one JSON string a line; writes {"of_sha256" (of the file that was unpacked), "model_sha256", "llama_cpp", "items": [{"tokens", "log_probs"}]}, where log_probs[i] is
// log p(tokens[i + 1] | tokens[..= i]). Keys and values in F32 and no flash attention: with llama.cpp's defaults (F16) its own numbers move by
// 2e-3. The record is read by `tests/tests/llama_cpp.rs`, so that ordinary tests need neither Node nor llama.cpp.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { getLlama } from "node-llama-cpp";

const [model_path, record_path, packed_path] = process.argv.slice(2);
if (!packed_path) throw new Error("usage: node llama_cpp.mjs UNPACKED.gguf RECORD.json PACKED.gguf < texts.jsonl");
const texts = readFileSync(0, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
const llama = await getLlama({ gpu: false, build: "never", logLevel: "warn" });
const model = await llama.loadModel({ modelPath: model_path });
const context = await model.createContext({
  contextSize: 512, flashAttention: false,
  experimentalKvCacheKeyType: "F32", experimentalKvCacheValueType: "F32",
});
const sequence = context.getSequence();
const items = [];
for (const text of texts) {
  await sequence.clearHistory();
  const bos = model.tokens.bos;
  const tokens = [...(model.tokens.shouldPrependBosToken && bos != null ? [bos] : []), ...model.tokenize(text)];
  const asked = tokens.map((token) => [token, { generateNext: { probabilities: true } }]);
  const answers = await sequence.controlledEvaluate(asked);
  const log_probs = tokens.slice(1).map((token, i) => Math.log(answers[i].next.probabilities.get(token)));
  items.push({ tokens, log_probs });
}
const sha256 = (path) => createHash("sha256").update(readFileSync(path)).digest("hex");
writeFileSync(record_path, JSON.stringify({ of_sha256: sha256(packed_path), model_sha256: sha256(model_path), llama_cpp: llama.llamaCppRelease.release, items }) + "\n");
console.log(`${items.length} texts, ${items.reduce((n, item) => n + item.log_probs.length, 0)} log-probabilities`);
process.exit(0);
