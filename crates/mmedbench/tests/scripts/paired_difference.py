#!/usr/bin/env python3
"""Writes tests/fixtures/paired_difference.json: score intervals of a paired difference, found numerically.

    pip install scipy && python3 paired_difference.py > ../fixtures/paired_difference.json

For counts (b, c) of n and a difference d, the likelihood b log(q + d) + c log q + (n - b - c) log(1 - 2q - d) is maximised over q by
scipy.optimize; the score test with that q is inverted by root finding. The closed form (Tango 1998) is not used.
"""
import json, math
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import norm


def score(a, b, c, e, d):
    n = a + b + c + e
    low, high = max(0.0, -d), (1 - d) / 2
    eps = 1e-13 * max(1e-3, high - low)

    def minus_log_likelihood(q):
        terms = ((b, q + d), (c, q), (n - b - c, 1 - 2 * q - d))
        return -sum(k * math.log(max(p, 1e-300)) for k, p in terms if k)

    q = minimize_scalar(minus_log_likelihood, bounds=(low + eps, high - eps), method="bounded", options={"xatol": 1e-13}).x
    variance = (2 * q + d - d * d) / n
    return ((b - c) / n - d) / math.sqrt(max(variance, 1e-300))


out = []
z = norm.ppf(0.975)
for a, b, c, e in ((36, 12, 2, 0), (100, 1, 9, 89), (101, 6, 20, 72), (80, 25, 25, 69), (794, 86, 150, 570), (10, 3, 1, 5), (400, 31, 60, 208), (5, 4, 9, 2), (50, 60, 30, 59)):
    ends = [brentq(lambda d: score(a, b, c, e, d) - s * z, -0.9999, 0.9999, xtol=1e-12) for s in (1, -1)]
    out.append([{"both_right": a, "only_first": b, "only_second": c, "both_wrong": e}, ends])
print("[\n" + ",\n".join(json.dumps(x) for x in out) + "\n]")
