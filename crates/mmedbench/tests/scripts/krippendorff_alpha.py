#!/usr/bin/env python3
"""Writes tests/fixtures/krippendorff_alpha.json with the Python package krippendorff (MIT).

    pip install krippendorff==0.9.0 && python3 krippendorff_alpha.py > ../fixtures/krippendorff_alpha.json

Ratings: the example of Krippendorff (2011, four observers, twelve items, gaps), and seeded random ones.
"""
import json, random
import krippendorff

N = None
cases = [
    [[1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N], [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3], [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N], [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N]],
    [[1, 2, 3, 4, 5, 1, 2], [2, 2, 3, 3, 5, 1, 4]],
]
rnd = random.Random(3)
for raters, items, gap in ((2, 30, 0.0), (3, 20, 0.2), (5, 40, 0.4), (4, 15, 0.1)):
    truth = [rnd.randint(1, 5) for _ in range(items)]
    cases.append([[None if rnd.random() < gap else min(5, max(1, t + rnd.choice([-1, 0, 0, 0, 1, 2]))) for t in truth] for _ in range(raters)])
out = []
for ratings in cases:
    data = [[float("nan") if x is None else x for x in row] for row in ratings]
    alpha = lambda level: float(krippendorff.alpha(reliability_data=data, level_of_measurement=level))
    out.append({"ratings": ratings, "nominal": alpha("nominal"), "ordinal": alpha("ordinal"), "interval": alpha("interval")})
print("[\n" + ",\n".join(json.dumps(x) for x in out) + "\n]")
