// What a program in TypeScript writes; only compiled.
import { Engine, EngineError, type Generated, type Progress } from "../../../www/mmedkit.js";

export async function quiz(file: File, signal: AbortSignal): Promise<Generated> {
  const onProgress = ({ stage, loaded, total }: Progress) => console.log(stage, loaded / total);
  let engine: Engine;
  try {
    engine = await Engine.load({ model: file, backend: "auto", contextLength: 2048, onProgress, signal });
  } catch (error) {
    if (error instanceof EngineError && error.kind === "no_adapter") engine = await Engine.load({ model: "demo", backend: "cpu" });
    else throw error;
  }
  void engine.lost.then((error: EngineError) => console.log(error.kind === "device_lost", error.message));
  const { architecture, backend, adapter, selfTest } = engine.info;
  console.log(architecture, backend === "webgpu", adapter, selfTest.maxDifference < selfTest.tolerance);

  const scores = await engine.score([{ context: "Vitamin C deficiency causes", continuations: [" scurvy", " rickets"] }], { perToken: true });
  const best: number = Math.max(...scores[0].logLikelihoods);
  const letters = await engine.scoreOptions([{ context: "The answer is", options: [" A", " B"] }]);
  console.log(best, scores[0].greedy[0], scores[0].tokenLogLikelihoods?.[0][0], letters[0].probabilities[1]);

  const ids: number[] = await engine.tokenize("scurvy");
  const text: string = await engine.detokenize(ids);
  const speeds = await engine.bench({ promptTokens: 128, genTokens: 32 });
  console.log(text, speeds.prefill_tps, speeds.decode_tps);

  // @ts-expect-error a prompt or messages, not both
  await engine.generate({ prompt: "a", messages: [{ role: "user", content: "b" }] });
  // @ts-expect-error an unknown device
  await Engine.load({ model: "demo", backend: "cuda" });

  try {
    return await engine.generate({ messages: [{ role: "user", content: "Why?" }], maxTokens: 64, truncate: true, stop: "\n", onToken: (piece) => console.log(piece) });
  } finally {
    await engine.free();
  }
}
