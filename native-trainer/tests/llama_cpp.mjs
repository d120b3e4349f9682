// What llama.cpp itself says about an exported GGUF file: ids of texts, and log-probabilities of tokens.
// Makes native-trainer/tests/fixtures/llama_cpp.json; run by hand after a change to the export:
//
//   npm install node-llama-cpp@3          (brings llama.cpp built for this machine)
//   cargo run -p mmedkit -- export --model FOLDER --output model.gguf --recipe F32
//   node llama_cpp.mjs model.gguf < requests.json > expected.json
//
// requests.json: {"texts": ["…"], "tokens": [[1, 2, 3], …]}. Output: {"ids": [[…]], "log_probabilities": [[…]]}, where entry i of a row is
// log p(token i + 1 | tokens 0 … i).
import {readFileSync} from "node:fs";
import {createRequire} from "node:module";
import {pathToFileURL} from "node:url";

// The package is looked up from the folder in which the script is run.
const require = createRequire(process.cwd() + "/");
const {getLlama, LlamaLogLevel} = await import(pathToFileURL(require.resolve("node-llama-cpp")).href);
const {texts, tokens} = JSON.parse(readFileSync(0, "utf8"));
const llama = await getLlama({gpu: false, build: "never", logLevel: LlamaLogLevel.error});
const model = await llama.loadModel({modelPath: process.argv[2]});
const ids = texts.map((text) => [...model.tokenize(text, false, "trimLeadingSpace")]);

const log_probabilities = [];
for (const row of tokens) {
    const context = await model.createContext({contextSize: row.length + 8, batchSize: 512});
    const sequence = context.getSequence();
    const input = row.map((token) => [token, {generateNext: {probabilities: true}}]);
    const output = await sequence.controlledEvaluate(input);
    log_probabilities.push(row.slice(1).map((token, index) => Math.log(output[index].next.probabilities.get(token))));
    await context.dispose();
}
process.stdout.write(JSON.stringify({ids, log_probabilities}) + "\n");
await model.dispose();
await llama.dispose();
