"""Golden values of the engine's self-test, computed in float64 by numpy and by ggml's own Python dequantisation (`pip install numpy gguf`).

    python3 crates/worker/scripts/self_test_golden.py > crates/worker/src/engine/golden.json

The models are the tiny ones of `crates/worker/src/engine/tiny.rs`, whose header explains them; the two share nothing but that explanation. For
each kind and each weight type: the log-probability of every token of every continuation.
"""

import json

import numpy as np
from gguf import GGMLQuantizationType as T
from gguf.quants import dequantize

V, D_MODEL, HEADS, KV_HEADS, HEAD, F, LAYERS = 96, 256, 4, 2, 64, 256, 2
KINDS = {
    "halves": {"head_norms": True, "windows": [None, 5]},
    "interleaved": {"qkv_bias": True, "output_bias": True, "windows": [None, None]},
    "gemma": {"tied": True, "post_norms": True, "head_norms": True, "windows": [5, None], "attention_cap": 2.0, "final_cap": 10.0},
}
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


def rope(x, interleaved):
    angles = np.arange(x.shape[0])[:, None] / THETA ** (np.arange(HEAD // 2) * 2 / HEAD)
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    if interleaved:
        a, b = x[..., 0::2], x[..., 1::2]
        return np.stack([a * cos - b * sin, b * cos + a * sin], -1).reshape(x.shape)
    a, b = x[..., : HEAD // 2], x[..., HEAD // 2 :]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)


def silu(x):
    return x / (1 + np.exp(-x))


def gelu_tanh(x):
    return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def capped(x, cap):
    return cap * np.tanh(x / cap) if cap else x


def model(kind, dtype):
    """All weights, numbered in the order of a forward pass. Vectors are norms (about 1) or biases (about 0)."""
    f = KINDS[kind].get
    shapes = {"q": (HEADS * HEAD, D_MODEL), "k": (KV_HEADS * HEAD, D_MODEL), "v": (KV_HEADS * HEAD, D_MODEL), "o": (D_MODEL, HEADS * HEAD)}
    shapes |= {"gate": (F, D_MODEL), "up": (F, D_MODEL), "down": (D_MODEL, F)}
    layer = ["input"]
    for name in "qkv":
        layer += [name] + [f"{name}_bias"] * f("qkv_bias", False)
    layer += ["q_norm", "k_norm"] * f("head_norms", False)
    layer += ["o"] + ["o_bias"] * f("output_bias", False) + ["post_attention"] * f("post_norms", False)
    layer += ["mlp", "gate", "up", "down"] + ["post_mlp"] * f("post_norms", False)
    names = [("embed", (V, D_MODEL))] + [((at, name), shapes.get(name)) for at in range(LAYERS) for name in layer]
    names += [("norm", None)] + [("head", (V, D_MODEL))] * (not f("tied", False))
    weights = {}
    for number, (key, shape) in enumerate(names):
        name = key[1] if isinstance(key, tuple) else key
        if shape:
            weights[key] = matrix(dtype, number, *shape)
        elif name.endswith("_bias"):
            weights[key] = small(number, shapes[name[0]][0])
        else:
            weights[key] = 1 + small(number, HEAD if name in ("q_norm", "k_norm") else D_MODEL)
    return weights


def log_probs(kind, w, tokens):
    f = KINDS[kind].get
    gemma = kind == "gemma"
    x = w["embed"][tokens] * (np.sqrt(D_MODEL) if gemma else 1)
    T_ = len(tokens)
    at = np.arange(T_)
    for layer in range(LAYERS):
        after = lambda y, name: norm(y, w[layer, name]) if (layer, name) in w else y
        n = norm(x, w[layer, "input"])
        heads = lambda name, count: (n @ w[layer, name].T + w.get((layer, name + "_bias"), 0)).reshape(T_, count, HEAD)
        q = rope(after(heads("q", HEADS), "q_norm"), kind == "interleaved")
        k = rope(after(heads("k", KV_HEADS), "k_norm"), kind == "interleaved").repeat(HEADS // KV_HEADS, 1)
        v = heads("v", KV_HEADS).repeat(HEADS // KV_HEADS, 1)
        scores = capped(np.einsum("ihd,jhd->hij", q, k) / np.sqrt(HEAD), f("attention_cap"))
        seen = at[None] <= at[:, None]
        if f("windows")[layer]:
            seen &= at[None] > at[:, None] - f("windows")[layer]
        scores = np.where(seen, scores, -np.inf)
        p = np.exp(scores - scores.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
        o = np.einsum("hij,jhd->ihd", p, v).reshape(T_, -1) @ w[layer, "o"].T + w.get((layer, "o_bias"), 0)
        x = x + after(o, "post_attention")
        n = norm(x, w[layer, "mlp"])
        act = gelu_tanh if gemma else silu
        x = x + after((act(n @ w[layer, "gate"].T) * (n @ w[layer, "up"].T)) @ w[layer, "down"].T, "post_mlp")
    logits = capped(norm(x, w["norm"]) @ w.get("head", w["embed"]).T, f("final_cap"))
    top = logits.max(-1, keepdims=True)
    return logits - top - np.log(np.exp(logits - top).sum(-1, keepdims=True))


def golden(kind, dtype):
    w = model(kind, dtype)
    values = []
    for context, continuations in REQUESTS:
        for continuation in continuations:
            rows = log_probs(kind, w, context + continuation)
            values += [round(float(rows[len(context) - 1 + i, token]), 7) for i, token in enumerate(continuation)]
    return values


kinds = []
for kind in KINDS:
    lines = [f"    {json.dumps(dtype)}: {json.dumps(golden(kind, dtype))}" for dtype in ["F32", "F16", "BF16", *QUANTS]]
    kinds.append(f"  {json.dumps(kind)}: {{\n" + ",\n".join(lines) + "\n  }")
print("{\n" + ",\n".join(kinds) + "\n}")
