"""Makes the sequence `walk` and golden.json: figures of TrackEval 1.3.0 for it, and of the DAVIS
2017 definition of F for four pairs of masks. Needs numpy, scipy, trackeval."""
import json, random
import numpy as np
from scipy.ndimage import binary_dilation
from trackeval.metrics import HOTA, CLEAR, Identity

rnd = random.Random(7)
N, W, H = 60, 640, 480
gt, res, det = [], [], []
for i in range(6):
    x, y, vx, vy = rnd.uniform(50, 500), rnd.uniform(50, 300), rnd.uniform(-6, 6), rnd.uniform(-3, 3)
    w, h = rnd.uniform(25, 50), rnd.uniform(60, 110)
    a, b = (1, N) if i < 4 else (10, 45)
    tid = i + 1
    for f in range(a, b + 1):
        px, py = x + vx * f, y + vy * f
        gt.append((f, i + 1, round(px, 2), round(py, 2), round(w, 2), round(h, 2), 1, 1, 1))
        if rnd.random() < .12:
            continue
        if rnd.random() < .03:
            tid = rnd.randint(1, 12)
        q = [round(v + rnd.gauss(0, 4), 2) for v in (px, py)] + [round(v * rnd.uniform(.85, 1.15), 2) for v in (w, h)]
        if all(r[:2] != (f, tid) for r in res):
            res.append((f, tid, *q, 1, -1, -1, -1))
        det.append((f, -1, *q, round(rnd.uniform(.5, 1), 2)))
for f in range(1, N + 1):
    if rnd.random() < .3:
        q = (round(rnd.uniform(0, 600), 2), round(rnd.uniform(0, 400), 2), 30, 70)
        res.append((f, 20 + f % 3, *q, 1, -1, -1, -1))
        det.append((f, -1, *q, .4))
for path, rows in (("walk/gt/gt.txt", gt), ("walk/det/det.txt", det), ("walk/result.txt", res)):
    with open(path, "w") as o:
        for r in sorted(rows, key=lambda r: r[0]):
            o.write(",".join(f"{v:g}" for v in r) + "\n")
with open("walk/seqinfo.ini", "w") as o:
    o.write(f"[Sequence]\nname=walk\nframeRate=25\nseqLength={N}\nimWidth={W}\nimHeight={H}\n")


def iou(a, b):
    a, b = np.array(a, float).reshape(-1, 4), np.array(b, float).reshape(-1, 4)
    x1 = np.maximum(a[:, None, 0], b[None, :, 0]); y1 = np.maximum(a[:, None, 1], b[None, :, 1])
    x2 = np.minimum((a[:, 0] + a[:, 2])[:, None], (b[:, 0] + b[:, 2])[None])
    y2 = np.minimum((a[:, 1] + a[:, 3])[:, None], (b[:, 1] + b[:, 3])[None])
    i = np.clip(x2 - x1, 0, None) * np.clip(y2 - y1, 0, None)
    return i / ((a[:, 2] * a[:, 3])[:, None] + (b[:, 2] * b[:, 3])[None] - i)


def data(gt, res):
    gm, tm, g, t, s = {}, {}, [], [], []
    for f in range(1, N + 1):
        a, b = [r for r in sorted(gt, key=lambda r: r[0]) if r[0] == f], [r for r in sorted(res, key=lambda r: r[0]) if r[0] == f]
        g.append(np.array([gm.setdefault(r[1], len(gm)) for r in a], int))
        t.append(np.array([tm.setdefault(r[1], len(tm)) for r in b], int))
        s.append(iou([r[2:6] for r in a], [r[2:6] for r in b]))
    return dict(gt_ids=g, tracker_ids=t, similarity_scores=s, num_gt_ids=len(gm), num_tracker_ids=len(tm),
                num_gt_dets=sum(map(len, g)), num_tracker_dets=sum(map(len, t)), num_timesteps=N, seq="walk")


quiet = {"PRINT_CONFIG": False}
M = HOTA(), CLEAR(dict(quiet, THRESHOLD=.5)), Identity(dict(quiet, THRESHOLD=.5))


def figures(h, c, i):
    o = {k: 100 * float(np.mean(h[k])) for k in ("HOTA", "DetA", "AssA", "AssRe", "AssPr", "DetRe", "DetPr", "LocA")}
    o.update({k: 100 * float(c[k]) for k in ("MOTA", "MOTP")}, IDF1=100 * float(i["IDF1"]))
    o.update({k: int(c[k]) for k in ("IDSW", "Frag", "MT", "PT", "ML")}, FP=int(c["CLR_FP"]), FN=int(c["CLR_FN"]))
    return o


shift = [(r[0], r[1] + 100, *r[2:]) for r in res if r[0] % 2]  # a second, worse tracker to combine with
one, two = data(gt, res), data(gt, shift)
each = [[m.eval_sequence(d) for m in M] for d in (one, two)]
both = [m.combine_sequences({"a": each[0][k], "b": each[1][k]}) for k, m in enumerate(M)]


def bmap(s):
    e, so, se = np.zeros_like(s), np.zeros_like(s), np.zeros_like(s)
    e[:, :-1], so[:-1], se[:-1, :-1] = s[:, 1:], s[1:], s[1:, 1:]
    b = (s ^ e) | (s ^ so) | (s ^ se)
    b[-1], b[:, -1] = s[-1] ^ e[-1], s[:, -1] ^ so[:, -1]
    b[-1, -1] = 0
    return b


def contour(a, g):
    r = int(np.ceil(.008 * np.linalg.norm(a.shape)))
    yy, xx = np.mgrid[-r:r + 1, -r:r + 1]
    disk = xx * xx + yy * yy <= r * r
    ab, gb = bmap(a), bmap(g)
    ad, gd = binary_dilation(ab, disk), binary_dilation(gb, disk)
    na, ng = ab.sum(), gb.sum()
    if na == 0 and ng > 0: p, q = 1, 0
    elif na > 0 and ng == 0: p, q = 0, 1
    elif na == 0: p, q = 1, 1
    else: p, q = (ab & gd).sum() / na, (gb & ad).sum() / ng
    return 0. if p + q == 0 else float(2 * p * q / (p + q))


masks = []
for k in range(6):
    a, g = np.zeros((240, 320), bool), np.zeros((240, 320), bool)
    x, y, w, h = rnd.randint(0, 200), rnd.randint(0, 150), rnd.randint(20, 120), rnd.randint(20, 90)
    dx, dy = rnd.randint(-6, 6), rnd.randint(-6, 6)
    ra, rg = [x + dx, y + dy, x + dx + w, y + dy + h - 5 * k], [x, y, x + w, y + h]
    if k == 4: ra = [0, 0, 0, 0]
    if k == 5: rg = [0, 0, 320, 240]
    ra = [max(0, v) for v in ra]
    a[ra[1]:ra[3], ra[0]:ra[2]] = True
    g[rg[1]:rg[3], rg[0]:rg[2]] = True
    masks.append(dict(a=ra, truth=rg, F=contour(a, g), J=float((a & g).sum() / max(1, (a | g).sum()))))
json.dump(dict(one=figures(*each[0]), both=figures(*both), masks=masks), open("golden.json", "w"), indent=1)
