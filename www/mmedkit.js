/**
 * mmedkit for JavaScript: a language model in a Web Worker, on WebGPU or on the processor.
 *
 * What must hold: this file speaks the messages of `crates/worker/src/protocol.rs`, version 1; every promise settles, also when the worker
 * dies; an aborted call gives back what it had taken. Types and words for every option are in `mmedkit.d.ts`, against which this file is checked.
 *
 *     import { Engine } from "./mmedkit.js";
 *     const engine = await Engine.load({ model: "demo" });
 *     const { text } = await engine.generate({ prompt: "Aspirin is", maxTokens: 32, onToken: (piece) => console.log(piece) });
 */

/** @import * as Declared from "./mmedkit.d.ts" */

const PROTOCOL = 1;
/** Id of messages that belong to no request. */
const NO_REQUEST = 0;

/**
 * An error on the wire.
 * @typedef {{ kind: Declared.ErrorKind, message: string, recoverable: boolean }} Failure
 */

/**
 * What went wrong: `kind` for programs, `message` for people.
 * @implements {Declared.EngineError}
 */
export class EngineError extends Error {
  /** @param {Failure} failure */
  constructor({ kind, message, recoverable }) {
    super(message);
    this.name = "EngineError";
    this.kind = kind;
    this.recoverable = recoverable;
  }
}

/** The worker and the requests that wait for it. */
class Connection {
  #worker;
  #next = 1;
  #started = false;
  /** @type {object[]} */
  #waiting = [];
  /** @type {Map<number, { event: (event: any) => void, done: (reply: any) => void, failed: (error: Failure) => void }>} */
  #running = new Map();
  /** @type {Failure | null} */
  #dead = null;
  /** @type {(error: EngineError) => void} */
  #lose = () => {};
  /** See `Engine.lost`. @type {Promise<EngineError>} */
  lost = new Promise((resolve) => (this.#lose = resolve));

  /** @param {string | URL} url */
  constructor(url) {
    this.#worker = new Worker(url, { type: "module", name: "mmedkit" });
    this.#worker.onmessage = ({ data }) => this.#receive(data);
    this.#worker.onerror = (event) => {
      event.preventDefault?.();
      this.close({ kind: "internal", message: `the engine's worker ended: ${event.message || `its script ${url} cannot be loaded`}`, recoverable: false });
    };
    this.#worker.onmessageerror = () => this.close({ kind: "internal", message: "the engine sent a message that cannot be read", recoverable: false });
  }

  /**
   * Posts a command; resolves with the reply. An abort posts `cancel` and rejects with the signal's reason once the engine has let go.
   * @param {object} command
   * @param {{ signal?: AbortSignal, onEvent?: (event: any) => void, file?: File }} [with]
   * @returns {Promise<any>}
   */
  request(command, { signal, onEvent, file } = {}) {
    if (this.#dead) return Promise.reject(new EngineError(this.#dead));
    if (signal?.aborted) return Promise.reject(signal.reason);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const abort = () => this.#post({ id: NO_REQUEST, command: { type: "cancel", request: id } });
      signal?.addEventListener("abort", abort, { once: true });
      const end = (/** @type {(value: any) => void} */ settle, /** @type {any} */ value) => {
        signal?.removeEventListener("abort", abort);
        this.#running.delete(id);
        settle(value);
      };
      this.#running.set(id, {
        event: (event) => onEvent?.(event),
        done: (reply) => end(resolve, reply),
        failed: (error) => {
          this.#tellIfLost(error);
          end(reject, error.kind === "cancelled" && signal?.aborted ? signal.reason : new EngineError(error));
        },
      });
      try {
        this.#post(file ? { id, command, file } : { id, command });
      } catch (error) {
        end(reject, error); // something that cannot be cloned
      }
    });
  }

  /** Ends the worker; whatever still waits fails with `error`. @param {Failure} error */
  close(error) {
    this.#worker.terminate();
    this.#dead ??= error;
    this.#tellIfLost(error);
    for (const request of [...this.#running.values()]) request.failed(error);
  }

  /** The model is gone, but not because it was given back. @param {Failure} error */
  #tellIfLost(error) {
    if (!error.recoverable && error !== FREED) this.#lose(new EngineError(error));
  }

  /** @param {object} message */
  #post(message) {
    // A module worker drops messages until its program listens, so they wait here for its first one.
    if (this.#started) this.#worker.postMessage(message);
    else this.#waiting.push(message);
  }

  /** @param {{ id: number, event: any }} message */
  #receive({ id, event }) {
    const request = this.#running.get(id);
    switch (event.type) {
      case "started":
        if (event.version !== PROTOCOL) {
          const message = `the engine speaks version ${event.version} of the protocol, this module version ${PROTOCOL}; reload the page`;
          return this.close({ kind: "internal", message, recoverable: false });
        }
        this.#started = true;
        for (const message of this.#waiting.splice(0)) this.#worker.postMessage(message);
        return;
      case "done":
        return request?.done(event.reply);
      case "failed":
        // What fails without a request: the program itself, or a device that is lost while nothing runs.
        if (id === NO_REQUEST && event.error.kind === "internal") return this.close(event.error);
        if (id === NO_REQUEST) return this.#tellIfLost(event.error);
        return request?.failed(event.error);
      default:
        try {
          request?.event(event);
        } catch (error) {
          // The caller's callback threw: it hears of it, and the engine goes on.
          reportError(error);
        }
    }
  }
}

/** @type {Failure} */
const FREED = { kind: "not_loaded", message: "this engine was freed; load another", recoverable: false };

/**
 * A loaded model. Made by `Engine.load`.
 * @implements {Declared.Engine}
 */
export class Engine {
  /** What is loaded and where it runs. @type {Declared.EngineInfo} */
  info;
  #connection;

  /**
   * @param {Connection} connection
   * @param {Declared.EngineInfo} info
   */
  constructor(connection, info) {
    this.#connection = connection;
    this.info = info;
  }

  /** Resolves when the model goes away without having been freed. */
  get lost() {
    return this.#connection.lost;
  }

  /** @param {Declared.LoadOptions} options */
  static async load({ model, backend = "auto", contextLength, onProgress, signal, workerUrl } = /** @type {any} */ ({})) {
    const { source, file } = sourceOf(model);
    const connection = new Connection(workerUrl ?? new URL("./worker_loader.js", import.meta.url));
    const onEvent = (/** @type {any} */ { type, ...progress }) => type === "progress" && onProgress?.(progress);
    try {
      const reply = await connection.request({ type: "load", source, backend, contextLength }, { signal, onEvent, file });
      return new Engine(connection, reply.info);
    } catch (error) {
      connection.close(FREED);
      throw error;
    }
  }

  /** Models kept in this browser. @param {{ workerUrl?: string | URL }} [options] */
  static async models({ workerUrl } = {}) {
    const { models, usage, quota } = await once(workerUrl, { type: "listModels" });
    return { models, usage, quota };
  }

  /** Removes a model kept in this browser. @param {string} name @param {{ workerUrl?: string | URL }} [options] */
  static async deleteModel(name, { workerUrl } = {}) {
    await once(workerUrl, { type: "deleteModel", name });
  }

  /**
   * @param {Iterable<Declared.ScoreItem>} items
   * @param {{ perToken?: boolean, signal?: AbortSignal }} [options]
   * @returns {Promise<Declared.Scores[]>}
   */
  async score(items, { perToken = false, signal } = {}) {
    const plain = Array.from(items, ({ context, continuations, rendered = false, truncate = false }) => ({
      context,
      continuations: [...continuations],
      rendered,
      truncate,
    }));
    const { scores } = await this.#connection.request({ type: "score", items: plain, perToken }, { signal });
    if (!perToken) for (const score of scores) delete score.tokenLogLikelihoods;
    return scores;
  }

  /**
   * @param {Iterable<Declared.OptionItem>} items
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<Declared.OptionResult[]>}
   */
  async scoreOptions(items, { signal } = {}) {
    const plain = Array.from(items, ({ context, options, rendered = false, truncate = false }) => ({
      context,
      options: [...options],
      rendered,
      truncate,
    }));
    return (await this.#connection.request({ type: "optionTokens", items: plain }, { signal })).results;
  }

  /**
   * @param {Declared.GenerateOptions} options
   * @returns {Promise<Declared.Generated>}
   */
  async generate({ onToken, signal, stop = [], messages, ...options } = /** @type {any} */ ({})) {
    const plain = messages?.map(({ role, content }) => ({ role, content }));
    const command = { type: "generate", ...options, messages: plain, stop: typeof stop === "string" ? [stop] : [...stop] };
    const onEvent = (/** @type {any} */ { type, text, token }) => type === "token" && onToken?.(text, token);
    const { type: _, ...generated } = await this.#connection.request(command, { signal, onEvent });
    return generated;
  }

  /**
   * @param {Declared.ChatMessage[]} messages
   * @param {{ addGenerationPrompt?: boolean }} [options]
   * @returns {Promise<string>}
   */
  async render(messages, { addGenerationPrompt = true } = {}) {
    const plain = messages.map(({ role, content }) => ({ role, content }));
    return (await this.#connection.request({ type: "render", messages: plain, addGenerationPrompt })).text;
  }

  /** @param {string} text @param {{ special?: boolean }} [options] @returns {Promise<number[]>} */
  async tokenize(text, { special = true } = {}) {
    return (await this.#connection.request({ type: "tokenize", text, special })).tokens;
  }

  /** @param {Iterable<number>} tokens @returns {Promise<string>} */
  async detokenize(tokens) {
    return (await this.#connection.request({ type: "detokenize", tokens: Array.from(tokens) })).text;
  }

  /**
   * @param {{ promptTokens?: number, genTokens?: number, signal?: AbortSignal }} [options]
   * @returns {Promise<Declared.Benched>}
   */
  async bench({ promptTokens = 128, genTokens = 32, signal } = {}) {
    const { type: _, ...speeds } = await this.#connection.request({ type: "bench", promptTokens, genTokens }, { signal });
    return speeds;
  }

  /** @returns {Promise<Declared.MemoryUse>} */
  async memory() {
    const { type: _, ...memory } = await this.#connection.request({ type: "memory" });
    return memory;
  }

  /** Gives back model, cache and device memory, and ends the worker. Calling it twice does nothing. */
  async free() {
    try {
      await this.#connection.request({ type: "free" });
    } catch (error) {
      if (!(error instanceof EngineError)) throw error; // a worker that is dead already holds nothing
    } finally {
      this.#connection.close(FREED);
    }
  }
}

/** One command for a worker of its own. @param {string | URL | undefined} workerUrl @param {object} command */
async function once(workerUrl, command) {
  const connection = new Connection(workerUrl ?? new URL("./worker_loader.js", import.meta.url));
  try {
    return await connection.request(command);
  } finally {
    connection.close(FREED);
  }
}

/**
 * `"demo"`, an address, a `File`, `{ url, sha256?, name? }` or `{ stored }`.
 * @param {Declared.ModelSource} model
 * @returns {{ source: object, file?: File }}
 */
function sourceOf(model) {
  // Addresses are relative to the page, as those of fetch are; the worker would take them as relative to its script.
  const absolute = (/** @type {string | URL} */ url) => new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href).href;
  if (model === "demo") return { source: { type: "demo" } };
  if (typeof model === "string" || model instanceof URL) return { source: { type: "url", url: absolute(model) } };
  if (model instanceof Blob) {
    const file = model instanceof File ? model : new File([model], "model.gguf");
    return { source: { type: "file" }, file };
  }
  const { url, sha256, name, stored } = /** @type {any} */ (model ?? {});
  if (typeof url === "string" || url instanceof URL) return { source: { type: "url", url: absolute(url), sha256, name } };
  if (typeof stored === "string") return { source: { type: "stored", name: stored } };
  throw new TypeError('model must be "demo", an address, a File, { url, sha256?, name? } or { stored }');
}
