// Runs the example `speed`, compiled to wasm, in node; see speed.rs.
import { readFile } from "node:fs/promises";

const module = await WebAssembly.compile(await readFile(process.argv[2]));
// Random number generators that nothing here calls leave imports of the page behind.
const imports = {};
for (const { module: from, name } of WebAssembly.Module.imports(module)) {
  (imports[from] ??= {})[name] = () => { throw new Error(`unexpected call of ${from}.${name}`); };
}
const { load, pass } = (await WebAssembly.instantiate(module, imports)).exports;
const PROMPT = 128;
for (const [recipe, name] of ["Q4_0", "Q8_0", "Q4_K_M"].entries()) {
  load(recipe);
  pass(0, PROMPT);
  let start = performance.now();
  const prompt = pass(0, PROMPT);
  const prefill = PROMPT / (performance.now() - start) * 1000;
  start = performance.now();
  let last;
  for (let i = 0; i < 32; i++) last = pass(PROMPT + i, 1);
  const decode = 32 / (performance.now() - start) * 1000;
  console.log(`${name}: prefill ${prefill.toFixed(1)}, decode ${decode.toFixed(1)} tokens/s; log p ${prompt.toFixed(4)} ${last.toFixed(4)}`);
}
