/** Types of `mmedkit.js`. The messages behind them are defined in `crates/worker/src/protocol.rs`. */

/** Where a model is: the bundled one, an address (kept in the browser's storage), a file in GGUF format, or a kept model. */
export type ModelSource = "demo" | string | URL | File | Blob | { url: string | URL; sha256?: string; name?: string } | { stored: string };

export type Backend = "webgpu" | "cpu";

export interface Progress {
  stage: "header" | "download" | "device" | "weights" | "selfTest";
  /** Bytes so far: of the file in `download`, of weights in `weights`, else 0. */
  loaded: number;
  /** Bytes in all. */
  total: number;
}

export interface LoadOptions {
  model: ModelSource;
  /** `auto` takes WebGPU where there is an adapter with room for the model that passes the self-test, else the processor. */
  backend?: "auto" | Backend;
  /** Tokens of prompt and answer together; 4,096 unless told, and never more than the model was made for. */
  contextLength?: number;
  onProgress?: (progress: Progress) => void;
  /** Stops the load and gives back what it had taken. */
  signal?: AbortSignal;
  /** Where `worker_loader.js` is, if not beside `mmedkit.js`. */
  workerUrl?: string | URL;
}

export interface SelfTest {
  passed: boolean;
  /** Largest difference from the golden log-probabilities. */
  maxDifference: number;
  tolerance: number;
  details: string;
}

export interface EngineInfo {
  name: string;
  /** `llama`, `qwen3`, … */
  architecture: string;
  /** The type of most weights: `Q4_K`, `F16`, … */
  quantization: string;
  parameters: number;
  /** Size of the file. */
  bytes: number;
  backend: Backend;
  /** The device, for people. */
  adapter: string;
  /** Why this device, where the engine chose. */
  reason?: string;
  contextLength: number;
  chatTemplate: boolean;
  selfTest: SelfTest;
  /** How products are computed, for records of a run: `matvec=f32 matmul=f32 subgroups cache=f32`. */
  kernels: string;
  /** The same, of texts written with `fast`. */
  fastKernels: string;
  sha256?: string;
}

export interface ScoreItem {
  context: string;
  /** Each usually begins with a space. */
  continuations: string[];
  /** The context was made by {@link Engine.render}: it names its special tokens itself. */
  rendered?: boolean;
  /** Cut what does not fit on the left and say so, instead of failing. */
  truncate?: boolean;
}

export interface Scores {
  /** Natural logarithms, summed over the tokens of each continuation. */
  logLikelihoods: number[];
  tokenCounts: number[];
  /** Whether greedy decoding would have written the continuation. */
  greedy: boolean[];
  /** With `perToken`. */
  tokenLogLikelihoods?: number[][];
  /** Tokens of the context as it was computed. */
  contextTokens: number;
  /** Tokens cut from its left, for the continuation that needed it most. */
  truncatedTokens: number;
}

export interface OptionItem {
  context: string;
  /** Texts whose first token is meant: `" A"`, `" B"`, … What all of them begin with counts as context. */
  options: string[];
  /** As in {@link ScoreItem}. */
  rendered?: boolean;
  /** As in {@link ScoreItem}. */
  truncate?: boolean;
}

export interface OptionResult {
  tokens: number[];
  logits: number[];
  /** Softmax over the options. */
  probabilities: number[];
  /** As in {@link Scores}. */
  contextTokens: number;
  /** As in {@link Scores}. */
  truncatedTokens: number;
}

export interface ChatMessage {
  role: "system" | "user" | "assistant" | (string & {});
  content: string;
}

export interface SamplingOptions {
  /** As in {@link ScoreItem}, of `prompt`. */
  rendered?: boolean;
  /** Cut from the left a prompt that leaves less room than `maxTokens`, and say so. Otherwise the text ends where the context is full. */
  truncate?: boolean;
  /** 256 unless told. */
  maxTokens?: number;
  /** 0 (the default): always the most likely token. */
  temperature?: number;
  topK?: number;
  topP?: number;
  minP?: number;
  repetitionPenalty?: number;
  /** The same seed, model and device give the same text. */
  seed?: number;
  /** The text ends before the first of these. */
  stop?: string | string[];
  /** In whatever form of products was measured to be fastest on this device; it may round more than scores are allowed to. */
  fast?: boolean;
  /** Stops; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Gets each piece of text as it is written; pieces end at whole characters and may be empty. */
  onToken?: (text: string, token: number) => void;
}

export type GenerateOptions = SamplingOptions & ({ prompt: string; messages?: undefined } | { messages: ChatMessage[]; prompt?: undefined });

export interface Generated {
  text: string;
  tokens: number[];
  /** Tokens of the prompt, what was cut not counted. */
  promptTokens: number;
  /** Tokens cut from the left of the prompt, with `truncate`. */
  truncatedTokens: number;
  /** Milliseconds to the first token. */
  prefillMs: number;
  /** Milliseconds from the first token to the last. */
  decodeMs: number;
  stopped: "endOfText" | "stopString" | "maxTokens" | "contextFull";
}

export interface Benched {
  prefill_tps: number;
  decode_tps: number;
  prompt_tokens: number;
  gen_tokens: number;
}

export interface MemoryUse {
  /** WebAssembly memory; it never shrinks, so this is also its peak. */
  wasmBytes: number;
  /** Weights and cache on the device. */
  deviceBytes: number;
  /** Most bytes of the model's file in memory at once during the load. */
  peakInFlight: number;
}

export interface StoredModel {
  name: string;
  bytes: number;
  /** How much of it is here. */
  stored: number;
  url?: string;
}

export type ErrorKind =
  | "bad_request"
  | "not_loaded"
  | "bad_file"
  | "unsupported"
  | "corrupt"
  | "network"
  | "not_found"
  | "no_ranges"
  | "quota"
  | "busy"
  | "no_adapter"
  | "self_test"
  | "out_of_memory"
  | "device_lost"
  | "context_full"
  | "cancelled"
  | "internal";

export class EngineError extends Error {
  readonly kind: ErrorKind;
  /** False: load again. */
  readonly recoverable: boolean;
}

/** A loaded model in a worker of its own. */
export class Engine {
  private constructor();
  /** Errors: {@link EngineError}, or the signal's reason. */
  static load(options: LoadOptions): Promise<Engine>;
  /** Models kept in this browser, and its storage. */
  static models(options?: { workerUrl?: string | URL }): Promise<{ models: StoredModel[]; usage: number; quota: number }>;
  static deleteModel(name: string, options?: { workerUrl?: string | URL }): Promise<void>;

  readonly info: EngineInfo;
  /**
   * Resolves when the model goes away without having been freed, also while nothing runs: the device is lost (`device_lost`), or the worker has ended
   * (`internal`). Load again then. Never rejects.
   */
  readonly lost: Promise<EngineError>;
  /** Log-likelihoods of continuations; pairs are cut into tokens as lm-evaluation-harness does. */
  score(items: Iterable<ScoreItem>, options?: { perToken?: boolean; signal?: AbortSignal }): Promise<Scores[]>;
  /** Probabilities of a few next tokens among themselves: letters of options. */
  scoreOptions(items: Iterable<OptionItem>, options?: { signal?: AbortSignal }): Promise<OptionResult[]>;
  generate(options: GenerateOptions): Promise<Generated>;
  /** The prompt that the model's chat template makes of messages. */
  render(messages: ChatMessage[], options?: { addGenerationPrompt?: boolean }): Promise<string>;
  tokenize(text: string, options?: { special?: boolean }): Promise<number[]>;
  detokenize(tokens: Iterable<number>): Promise<string>;
  bench(options?: { promptTokens?: number; genTokens?: number; signal?: AbortSignal }): Promise<Benched>;
  memory(): Promise<MemoryUse>;
  /** Gives everything back and ends the worker. */
  free(): Promise<void>;
}
