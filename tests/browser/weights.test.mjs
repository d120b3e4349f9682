/** Weights on their way: from servers that misbehave, files that lie, storage that is damaged, full or shared; and a file larger than memory. */

import assert from "node:assert/strict";
import { makeGguf } from "./gguf.mjs";
import { test } from "./harness.mjs";
import { kitPage, served } from "./kit.mjs";

const MIB = 1 << 20;
const SCORE = [{ context: "one two", continuations: [" three"] }];

/** Some 20 MB: several of the store's blocks. */
const several = () => makeGguf({ layers: 4, d: 512, heads: 8, kvHeads: 4, ffn: 2048 });

/** Loads on the processor; returns facts or error. */
const load = (tab, options) => tab.evaluate((options) => load(options), { backend: "cpu", ...options });

/** A load that must fail with `kind`, and after which the same page loads a good model. */
async function refused(tools, server, kind, words) {
  const tab = await kitPage(tools);
  const { error } = await load(tab, { model: server.url ?? server });
  assert.equal(error?.kind, kind, `${error?.kind}: ${error?.message}`);
  assert.match(error.message, words);
  const good = await served(tools, makeGguf());
  assert.equal((await load(tab, { model: good.url })).error, undefined);
  await tab.close();
}

test("weights: an address that is gone is a clear error", async (tools) => {
  await refused(tools, await served(tools, makeGguf(), { status: 404 }), "not_found", /404/);
});

test("weights: a server that lets no other site read is a clear error", { timeout: 180 }, async (tools) => {
  await refused(tools, await served(tools, makeGguf(), { cors: false }), "network", /CORS/);
});

test("weights: a server without ranges is a clear error", async (tools) => {
  await refused(tools, await served(tools, several(), { ranges: false }), "no_ranges", /ranges/);
});

test("weights: a file that is no GGUF is refused before it is fetched", async (tools) => {
  const size = 64 * MIB;
  const server = await served(tools, { size, bytes: (start, end) => Buffer.alloc(end - start, "PK") });
  await refused(tools, server, "bad_file", /GGUF/);
  const fetched = server.ranges.reduce((sum, [start, end]) => sum + end - start, 0);
  assert.ok(fetched < 8 * MIB, `${fetched} bytes were fetched`);
});

test("weights: a file that is cut short is refused", async (tools) => {
  const whole = several();
  const size = Math.floor(whole.size / 2);
  await refused(tools, await served(tools, { size, bytes: whole.bytes }), "bad_file", /cut short/);
});

test("weights: an unknown architecture is named", async (tools) => {
  await refused(tools, await served(tools, makeGguf({ architecture: "mamba" })), "unsupported", /mamba.*llama/s);
});

test("weights: an unknown weight type is named", async (tools) => {
  const edit = ({ tensors }) => (tensors[2].typeId = 99);
  await refused(tools, await served(tools, makeGguf({ edit })), "unsupported", /99/);
});

test("weights: sizes and counts that the file cannot hold are refused", async (tools) => {
  const lies = [
    [({ tensors }) => (tensors[2].shape = [64, 2 ** 40]), /blk\.0\.attn_q\.weight.*dimension of 1099511627776/],
    [({ entries }) => (entries.find(([key]) => key === "llama.block_count")[2] = 4_000_000_000), /llama\.block_count.*layers/],
    [({ entries }) => (entries.find(([key]) => key === "llama.embedding_length")[2] = 128), /token_embd\.weight.*shape \[257, 64\]/],
    [({ tensors }) => (tensors[3].offset = 2 ** 50), /./],
  ];
  for (const [edit, words] of lies) await refused(tools, await served(tools, makeGguf({ edit })), "bad_file", words);
});

test("weights: a file from disk is read in place", async (tools) => {
  const tab = await kitPage(tools);
  const model = makeGguf();
  const bytes = [...model.bytes(0, model.size)];
  const result = await tab.evaluate(async (bytes) => {
    const loaded = await load({ model: new File([new Uint8Array(bytes)], "mine.gguf"), backend: "cpu" });
    const cut = await load({ model: new File([new Uint8Array(bytes).slice(0, 50000)], "cut.gguf"), backend: "cpu" });
    return { loaded, cut, models: (await kit.Engine.models()).models };
  }, bytes);
  assert.equal(result.loaded.error, undefined);
  assert.equal(result.loaded.info.bytes, model.size);
  assert.equal(result.cut.error.kind, "bad_file");
  assert.deepEqual(result.models, []);
});

test("weights: a connection that breaks goes on where it broke", { timeout: 240 }, async (tools) => {
  const model = several();
  const server = await served(tools, model, { cutAfter: 3 * MIB });
  const tab = await kitPage(tools);
  const { error } = await load(tab, { model: server.url });
  assert.equal(error, undefined);
  const fetched = server.ranges.length;
  assert.ok(fetched > 4, `only ${fetched} requests: nothing was cut`);
});

test("weights: an aborted download goes on later, and is kept, listed and deleted", { timeout: 240 }, async (tools) => {
  const model = makeGguf({ layers: 10, d: 512, heads: 8, kvHeads: 4, ffn: 2048 });
  const server = await served(tools, model);
  const tab = await kitPage(tools);
  const stopped = await tab.evaluate(async (model) => {
    const controller = new AbortController();
    const onProgress = ({ stage, loaded, total }) => stage === "download" && loaded > total / 5 && controller.abort();
    try {
      await kit.Engine.load({ model, backend: "cpu", signal: controller.signal, onProgress });
    } catch (error) {
      return { ...tell(error), models: (await kit.Engine.models()).models };
    }
  }, server.url);
  assert.equal(stopped.name, "AbortError");
  const { stored, bytes, name } = stopped.models[0];
  assert.equal(bytes, model.size);
  assert.ok(stored > 0 && stored < bytes, `${stored} of ${bytes}`);
  const before = server.ranges.length;
  assert.equal((await load(tab, { model: server.url })).error, undefined);
  const again = server.ranges.slice(before).reduce((sum, [start, end]) => sum + end - start, 0);
  assert.ok(again < model.size - stored + 4 * MIB, `${again} bytes were fetched again, ${model.size - stored} were missing`);
  // Whole now: a load asks the server nothing at all.
  const asked = server.ranges.length;
  const scores = await tab.evaluate((items) => engine.score(items), SCORE);
  await tab.evaluate(() => engine.free());
  assert.equal((await load(tab, { model: { stored: name } })).error, undefined);
  assert.deepEqual(await tab.evaluate((items) => engine.score(items), SCORE), scores);
  await tab.evaluate(() => engine.free());
  assert.equal((await load(tab, { model: server.url })).error, undefined);
  assert.equal(server.ranges.length, asked);
  await tab.evaluate(() => engine.free());
  const left = await tab.evaluate(async (name) => (await kit.Engine.deleteModel(name), (await kit.Engine.models()).models), name);
  assert.deepEqual(left, []);
  assert.equal((await load(tab, { model: { stored: name } })).error.kind, "not_found");
});

test("weights: a server that falls silent can be left, and the load goes on later", { webgpu: false }, async (tools) => {
  const model = several();
  const server = await served(tools, model);
  const tab = await kitPage(tools);
  // Before its first word, and in the middle of the file.
  for (const answers of [0, 3]) {
    server.faults.stall = server.ranges.length + answers;
    const stopped = await tab.evaluate(async (model) => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 1000);
      const started = performance.now();
      const error = await kit.Engine.load({ model, backend: "cpu", signal: controller.signal }).then(() => ({ name: "nothing" }), tell);
      return { ...error, milliseconds: performance.now() - started };
    }, server.url);
    assert.equal(stopped.name, "AbortError", JSON.stringify(stopped));
    assert.ok(stopped.milliseconds < 3000, `it ended after ${stopped.milliseconds} ms`);
  }
  delete server.faults.stall;
  const { stored } = (await tab.evaluate(() => kit.Engine.models())).models[0];
  const before = server.ranges.length;
  assert.equal((await load(tab, { model: server.url })).error, undefined);
  const again = server.ranges.slice(before).reduce((sum, [start, end]) => sum + end - start, 0);
  assert.ok(again < model.size - stored + 4 * MIB, `${again} bytes were fetched again, ${model.size - stored} were missing`);
});

test("weights: a wrong hash is refused and nothing of it is kept", async (tools) => {
  const server = await served(tools, several());
  const tab = await kitPage(tools);
  const { error } = await load(tab, { model: { url: server.url, sha256: "0".repeat(64) } });
  assert.equal(error?.kind, "corrupt", error?.message);
  assert.deepEqual((await tab.evaluate(() => kit.Engine.models())).models, []);
});

test("weights: a block damaged on disk is found and fetched again, alone", { timeout: 240 }, async (tools) => {
  const model = several();
  const server = await served(tools, model);
  const tab = await kitPage(tools);
  const first = await load(tab, { model: server.url });
  assert.equal(first.error, undefined);
  const scores = await tab.evaluate((items) => engine.score(items), SCORE);
  await tab.evaluate(() => engine.free());
  // One byte in the middle of the weights, behind the store's back.
  const at = 9 * MIB + 12345;
  await tab.evaluate(async ({ at, byte }) => {
    const models = await (await navigator.storage.getDirectory()).getDirectoryHandle("mmedkit-models");
    for await (const folder of models.values()) {
      const writer = await (await folder.getFileHandle("data")).createWritable({ keepExistingData: true });
      await writer.write({ type: "write", position: at, data: new Uint8Array([byte]) });
      await writer.close();
    }
  }, { at, byte: model.bytes(at, at + 1)[0] ^ 0xff });
  const asked = server.ranges.length;
  const again = await load(tab, { model: server.url });
  assert.equal(again.error, undefined);
  assert.deepEqual(await tab.evaluate((items) => engine.score(items), SCORE), scores);
  const fetched = server.ranges.slice(asked).filter(([start, end]) => end - start > 1);
  assert.equal(fetched.length, 1, JSON.stringify(fetched));
  assert.ok(fetched[0][0] <= at && at < fetched[0][1] && fetched[0][1] - fetched[0][0] <= 8 * MIB);
  // It was written back: the next load fetches nothing.
  await tab.evaluate(() => engine.free());
  const repaired = server.ranges.length;
  assert.equal((await load(tab, { model: server.url })).error, undefined);
  assert.equal(server.ranges.length, repaired);
});

test("weights: a full storage says so and keeps what it has", { timeout: 180 }, async (tools) => {
  const server = await served(tools, several());
  const tab = await kitPage(tools);
  const session = await tools.context.newCDPSession(tab);
  await session.send("Storage.overrideQuotaForOrigin", { origin: new URL(tools.site).origin, quotaSize: 4 * MIB });
  const { error } = await load(tab, { model: server.url });
  assert.equal(error?.kind, "quota", error?.message);
  await session.send("Storage.overrideQuotaForOrigin", { origin: new URL(tools.site).origin });
  assert.equal((await load(tab, { model: server.url })).error, undefined);
});

test("weights: two tabs that load the same model do not spoil it", { timeout: 240 }, async (tools) => {
  const server = await served(tools, several());
  const tabs = [await kitPage(tools), await kitPage(tools)];
  const results = await Promise.all(tabs.map((tab) => load(tab, { model: server.url })));
  for (const { error } of results) assert.ok(error === undefined || error.kind === "busy", `${error?.kind}: ${error?.message}`);
  assert.ok(results.some(({ error }) => error === undefined), "one of them loads");
  // Whoever came second tries again; then both read the same file at the same time.
  const scores = [];
  for (const [i, tab] of tabs.entries()) {
    if (results[i].error) assert.equal((await load(tab, { model: server.url })).error, undefined);
    scores.push(await tab.evaluate((items) => engine.score(items), SCORE));
  }
  assert.deepEqual(scores[0], scores[1]);
});

test("weights: a gibibyte streams through 16 MiB", { timeout: 1500 }, async (tools) => {
  const small = await served(tools, makeGguf());
  const model = makeGguf({ layers: 18, d: 2048, heads: 16, kvHeads: 4, ffn: 8192 });
  assert.ok(model.size >= 1024 * MIB, `${model.size}`);
  const large = await served(tools, model);
  const tab = await kitPage(tools);
  const memory = [];
  for (const server of [small, large]) {
    const { error, info } = await load(tab, { model: server.url, backend: "webgpu", contextLength: 256 });
    assert.equal(error, undefined, error?.message);
    memory.push(await tab.evaluate(() => engine.memory()));
    console.log(`# ${(info.bytes / MIB).toFixed(1)} MiB: WebAssembly memory ${(memory.at(-1).wasmBytes / MIB).toFixed(1)} MiB, in flight at most ${(memory.at(-1).peakInFlight / MIB).toFixed(1)} MiB`);
    await tab.evaluate(() => engine.free());
  }
  const [before, after] = memory;
  assert.ok(after.deviceBytes >= 1024 * MIB);
  assert.ok(after.peakInFlight <= 16 * MIB, `${after.peakInFlight} bytes in flight`);
  // The same program with a small model is the yardstick: what the large one adds is what was in flight, and what the allocator lost.
  const grown = after.wasmBytes - before.wasmBytes;
  assert.ok(grown <= 32 * MIB, `WebAssembly memory grew by ${grown} bytes`);
});
