/**
 * GGUF files made by the tests: valid Llama models of any size with a byte-level vocabulary, whose bytes are computed on demand, so that a file of
 * gigabytes costs no memory.
 *
 * Format: magic, version 3, counts, metadata, tensor table, padding to 32, data (see ggml's docs/gguf.md).
 */

const ALIGN = 32;
const GGML = { F32: { id: 0, len: 1, bytes: 4 }, Q8_0: { id: 8, len: 32, bytes: 34 } };

class Writer {
  parts = [];
  push(buffer) {
    this.parts.push(buffer);
    return this;
  }
  u32(value) {
    const b = Buffer.alloc(4);
    b.writeUInt32LE(value);
    return this.push(b);
  }
  u64(value) {
    const b = Buffer.alloc(8);
    b.writeBigUInt64LE(BigInt(value));
    return this.push(b);
  }
  f32(value) {
    const b = Buffer.alloc(4);
    b.writeFloatLE(value);
    return this.push(b);
  }
  text(value) {
    const b = Buffer.from(value);
    return this.u64(b.length).push(b);
  }
  entry(key, kind, value) {
    this.text(key);
    const scalar = { u32: 4, f32: 6, bool: 7, string: 8 };
    const one = (kind, value) =>
      kind === "u32" || kind === "i32" ? this.u32(value) : kind === "f32" ? this.f32(value) : kind === "bool" ? this.push(Buffer.from([value ? 1 : 0])) : this.text(value);
    if (kind in scalar) return this.u32(scalar[kind]), one(kind, value), this;
    const element = kind.slice(0, -2);
    this.u32(9).u32({ i32: 5, f32: 6, string: 8 }[element]).u64(value.length);
    for (const item of value) one(element, item);
    return this;
  }
  done() {
    return Buffer.concat(this.parts);
  }
}

/** How GPT-2's byte-level vocabularies spell the 256 bytes. */
function byteSpellings() {
  const plain = (b) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255);
  let next = 256;
  return Array.from({ length: 256 }, (_, b) => String.fromCodePoint(plain(b) ? b : next++));
}

/** A block of 32 weights between about -0.02 and 0.02, the same everywhere it is repeated. 1,024 blocks before it repeats. */
function weightPattern() {
  const pattern = Buffer.alloc(34 * 1024);
  let state = 1;
  for (let block = 0; block < 1024; block++) {
    pattern.writeUInt16LE(0x0900, block * 34); // 2^-13 * 1.25 as a half
    for (let i = 2; i < 34; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      pattern[block * 34 + i] = state >>> 24;
    }
  }
  return pattern;
}

const ones = (() => {
  const b = Buffer.alloc(4096);
  for (let i = 0; i < b.length; i += 4) b.writeFloatLE(1, i);
  return b;
})();

/**
 * A model. `d` and `ffn` are multiples of 32. Returns `size`, `bytes(start, end)`, `header` (length of everything before the data) and `tensors`.
 */
export function makeGguf({ layers = 2, d = 64, heads = 4, kvHeads = 2, ffn = 128, context = 256, architecture = "llama", edit } = {}) {
  const tokens = [...byteSpellings(), "<|end|>"];
  const vocab = tokens.length;
  const headDim = d / heads;
  const tensors = [{ name: "token_embd.weight", type: "Q8_0", shape: [d, vocab] }];
  for (let i = 0; i < layers; i++) {
    const add = (name, type, shape) => tensors.push({ name: `blk.${i}.${name}.weight`, type, shape });
    add("attn_norm", "F32", [d]);
    add("attn_q", "Q8_0", [d, heads * headDim]);
    add("attn_k", "Q8_0", [d, kvHeads * headDim]);
    add("attn_v", "Q8_0", [d, kvHeads * headDim]);
    add("attn_output", "Q8_0", [heads * headDim, d]);
    add("ffn_norm", "F32", [d]);
    add("ffn_gate", "Q8_0", [d, ffn]);
    add("ffn_up", "Q8_0", [d, ffn]);
    add("ffn_down", "Q8_0", [ffn, d]);
  }
  tensors.push({ name: "output_norm.weight", type: "F32", shape: [d] });
  let at = 0;
  for (const tensor of tensors) {
    const { len, bytes } = GGML[tensor.type];
    tensor.offset = at;
    tensor.bytes = (tensor.shape.reduce((a, b) => a * b) / len) * bytes;
    at = Math.ceil((at + tensor.bytes) / ALIGN) * ALIGN;
  }
  const entries = [
    ["general.architecture", "string", architecture],
    ["general.name", "string", "made by a test"],
    [`${architecture}.context_length`, "u32", context],
    [`${architecture}.embedding_length`, "u32", d],
    [`${architecture}.block_count`, "u32", layers],
    [`${architecture}.feed_forward_length`, "u32", ffn],
    [`${architecture}.attention.head_count`, "u32", heads],
    [`${architecture}.attention.head_count_kv`, "u32", kvHeads],
    [`${architecture}.attention.layer_norm_rms_epsilon`, "f32", 1e-5],
    [`${architecture}.rope.freq_base`, "f32", 10000],
    ["tokenizer.ggml.model", "string", "gpt2"],
    ["tokenizer.ggml.pre", "string", "gpt-2"],
    ["tokenizer.ggml.tokens", "string[]", tokens],
    ["tokenizer.ggml.token_type", "i32[]", tokens.map((_, i) => (i < 256 ? 1 : 3))],
    ["tokenizer.ggml.merges", "string[]", []],
    ["tokenizer.ggml.bos_token_id", "u32", 256],
    ["tokenizer.ggml.eos_token_id", "u32", 256],
  ];
  const plan = { entries, tensors };
  edit?.(plan);
  const writer = new Writer().push(Buffer.from("GGUF")).u32(3).u64(plan.tensors.length).u64(plan.entries.length);
  for (const [key, kind, value] of plan.entries) writer.entry(key, kind, value);
  for (const { name, type, shape, offset, typeId } of plan.tensors) {
    writer.text(name).u32(shape.length);
    for (const n of shape) writer.u64(n);
    writer.u32(typeId ?? GGML[type].id).u64(offset);
  }
  const head = writer.done();
  const header = Math.ceil(head.length / ALIGN) * ALIGN;
  const pattern = weightPattern();
  const size = header + at;
  /** Bytes `start..end` of the file. */
  const bytes = (start, end) => {
    const out = Buffer.alloc(end - start);
    head.copy(out, 0, Math.min(start, head.length), Math.min(end, head.length));
    for (const tensor of tensors) {
      const first = header + tensor.offset;
      const from = Math.max(start, first);
      const to = Math.min(end, first + tensor.bytes);
      const source = tensor.type === "F32" ? ones : pattern;
      for (let at = from; at < to; ) {
        const inside = (at - first) % source.length;
        const count = Math.min(to - at, source.length - inside);
        source.copy(out, at - start, inside, inside + count);
        at += count;
      }
    }
    return out;
  };
  return { size, bytes, header, tensors };
}
