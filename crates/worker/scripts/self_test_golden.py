"""Golden values of the engine's self-test, computed in float64 by numpy and by ggml's own Python dequantisation (`pip install numpy gguf`).

    python3 crates/worker/scripts/self_test_golden.py > crates/worker/src/engine/golden.json

The model is the tiny one of `crates/worker/src/engine/tiny.rs`, whose header explains it; the two share nothing but that explanation. For
each weight type: the log-probability of every token of every continuation.
"""

import json

import numpy as np
from gguf import GGMLQuantizationType as T
from gguf.quants import dequantize

V, D_MODEL, HEADS, KV_HEADS, HEAD, F, LAYERS = 96, 256, 4, 2, 64, 256, 2
WINDOW = [None, 5]
THETA, EPS = 10000.0, 1e-5
SHARED = [3, 14, 15, 92, 65, 35, 89, 79]
REQUESTS = [
    (SHARED + [32, 38, 46], [[26, 43, 38], [32], [79, 50]]),
    (SHARED + [2, 88, 41, 9, 71], [[69, 39], [93, 75, 10, 58]]),
]
# Type: block bytes, values, and the little-endian half floats that replace random bytes: offset -> value.
QUANTS = {
    "Q4_0": (18, 32, {0: 2**-6}),
    "Q4_1": (20, 32, {0: 2**-6, 2: -(2**-3)}),
    "Q5_0": (22, 32, {0: 2**-7}),
    "Q5_1": (24, 32, {0: 2**-7, 2: -(2**-3)}),
    "Q8_0": (34, 32, {0: 2**-10}),
    "Q2_K": (84, 256, {80: 2**-8, 82: 1.5 * 2**-8}),
    "Q3_K": (110, 256, {108: 2**-9}),
    "Q4_K": (144, 256, {0: 2**-12, 2: 7.5 * 2**-12}),
    "Q5_K": (176, 256, {0: 2**-13, 2: 15.5 * 2**-13}),
    "Q6_K": (210, 256, {208: 2**-14}),
}


def mix(tensor, index):
    x = (np.uint64(tensor) * np.uint64(0x9E3779B9) & np.uint64(0xFFFFFFFF)) ^ (index.astype(np.uint64) * np.uint64(0x85EBCA6B) & np.uint64(0xFFFFFFFF))
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x ^= x >> np.uint64(shift)
        x = x * np.uint64(factor) & np.uint64(0xFFFFFFFF)
    return x ^ (x >> np.uint64(16))


def small(tensor, count):
    return ((mix(tensor, np.arange(count)) & np.uint64(255)).astype(np.float64) - 128) / 1024


def matrix(dtype, tensor, rows, cols):
    if dtype in ("F32", "F16", "BF16"):
        return small(tensor, rows * cols).reshape(rows, cols)
    block_bytes, block_len, halves = QUANTS[dtype]
    row_bytes = cols // block_len * block_bytes
    data = (mix(tensor, np.arange(rows * row_bytes)) & np.uint64(255)).astype(np.uint8).reshape(-1, block_bytes)
    for at, value in halves.items():
        data[:, at : at + 2] = np.frombuffer(np.float16(value).tobytes(), dtype=np.uint8)
    return dequantize(data.reshape(rows, row_bytes), T[dtype]).astype(np.float64)


def norm(x, w):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPS) * w


def rope(x):
    angles = np.arange(x.shape[0])[:, None] / THETA ** (np.arange(HEAD // 2) * 2 / HEAD)
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    a, b = x[..., : HEAD // 2], x[..., HEAD // 2 :]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)


def model(dtype):
    names = []
    for layer in range(LAYERS):
        names += [(layer, n) for n in ("input", "q", "k", "v", "q_norm", "k_norm", "o", "mlp", "gate", "up", "down")]
    shapes = {"q": (HEADS * HEAD, D_MODEL), "k": (KV_HEADS * HEAD, D_MODEL), "v": (KV_HEADS * HEAD, D_MODEL), "o": (D_MODEL, HEADS * HEAD)}
    shapes |= {"gate": (F, D_MODEL), "up": (F, D_MODEL), "down": (D_MODEL, F)}
    weights = {"embed": matrix(dtype, 0, V, D_MODEL)}
    for index, (layer, name) in enumerate(names, 1):
        if name in shapes:
            weights[layer, name] = matrix(dtype, index, *shapes[name])
        else:
            weights[layer, name] = 1 + small(index, HEAD if name in ("q_norm", "k_norm") else D_MODEL)
    weights["norm"] = 1 + small(len(names) + 1, D_MODEL)
    weights["head"] = matrix(dtype, len(names) + 2, V, D_MODEL)
    return weights


def log_probs(w, tokens):
    x = w["embed"][tokens]
    T_ = len(tokens)
    at = np.arange(T_)
    for layer in range(LAYERS):
        n = norm(x, w[layer, "input"])
        heads = lambda name, count: (n @ w[layer, name].T).reshape(T_, count, HEAD)
        q = rope(norm(heads("q", HEADS), w[layer, "q_norm"]))
        k = rope(norm(heads("k", KV_HEADS), w[layer, "k_norm"])).repeat(HEADS // KV_HEADS, 1)
        v = heads("v", KV_HEADS).repeat(HEADS // KV_HEADS, 1)
        scores = np.einsum("ihd,jhd->hij", q, k) / np.sqrt(HEAD)
        seen = at[None] <= at[:, None]
        if WINDOW[layer]:
            seen &= at[None] > at[:, None] - WINDOW[layer]
        scores = np.where(seen, scores, -np.inf)
        p = np.exp(scores - scores.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
        x = x + np.einsum("hij,jhd->ihd", p, v).reshape(T_, -1) @ w[layer, "o"].T
        n = norm(x, w[layer, "mlp"])
        g = n @ w[layer, "gate"].T
        x = x + (g / (1 + np.exp(-g)) * (n @ w[layer, "up"].T)) @ w[layer, "down"].T
    logits = norm(x, w["norm"]) @ w["head"].T
    top = logits.max(-1, keepdims=True)
    return logits - top - np.log(np.exp(logits - top).sum(-1, keepdims=True))


golden = {}
for dtype in ["F32", "F16", "BF16", *QUANTS]:
    w = model(dtype)
    values = []
    for context, continuations in REQUESTS:
        for continuation in continuations:
            rows = log_probs(w, context + continuation)
            values += [round(float(rows[len(context) - 1 + i, token]), 7) for i, token in enumerate(continuation)]
    golden[dtype] = values
print("{\n" + ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in golden.items()) + "\n}")
