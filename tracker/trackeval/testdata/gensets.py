"""Makes the data sets `kitti` and `mots` with a result for each, and sets.json: what TrackEval
1.3.0 says of the results, read by its own readers. Needs numpy, trackeval, pycocotools."""
import json, os, random, shutil, tempfile
import numpy as np
import trackeval
from pycocotools import mask as coco

rnd = random.Random(3)


def put(path, lines):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write("".join(l + "\n" for l in lines))


# KITTI: cars, a van, a hidden and a cut-off car, pedestrians, an ignored region, small boxes.
N = 30
kinds = [("Car", 0, 0), ("Car", 0, 0), ("Van", 0, 0), ("Car", 0, 3), ("Car", 1, 0), ("Pedestrian", 0, 0), ("Person", 0, 0), ("Car", 0, 1)]
gt, res, det = [], [], []
for f in range(N):
    for i, (kind, trunc, occ) in enumerate(kinds):
        if i == 7 and not 5 <= f < 20:
            continue
        x, y, w, h = 40 + 140 * i + 2.5 * f * (-1) ** i, 120 + 3 * i, 60 + 3 * i, 40 if i < 5 else 70
        b = (x, y, x + w, y + h)
        gt.append(f"{f} {i} {kind} {trunc} {occ} -1.5 {b[0]:.2f} {b[1]:.2f} {b[2]:.2f} {b[3]:.2f} 1.5 1.6 3.9 1 1.5 20 0.1")
        if rnd.random() < .15:
            continue
        j = [v + rnd.gauss(0, 2.5) for v in b]
        said = "Pedestrian" if kind in ("Pedestrian", "Person") else "Car"
        tid = 10 + i if not (i < 2 and f > 17) else 11 - i + 20
        s = rnd.uniform(.4, 1)
        line = f"{said} -1 -1 -10 {j[0]:.2f} {j[1]:.2f} {j[2]:.2f} {j[3]:.2f} -1 -1 -1 -1000 -1000 -1000 -10 {s:.3f}"
        res.append(f"{f} {tid} {line}")
        det.append(f"{f} -1 {line}")
    gt.append(f"{f} -1 DontCare -1 -1 -10 900 20 1100 80 -1000 -1000 -1000 -10 -1 -1 -1")
    for k, b in enumerate([(905, 25, 990, 75), (600, 300, 640, 320), (640, 20, 700, 90)]):  # ignored, small, false
        if rnd.random() < .5:
            line = f"Car -1 -1 -10 {b[0]}.00 {b[1]}.00 {b[2]}.00 {b[3]}.00 -1 -1 -1 -1000 -1000 -1000 -10 0.500"
            res.append(f"{f} {50 + k} {line}")
            det.append(f"{f} -1 {line}")
shutil.rmtree("kitti", ignore_errors=True)
put("kitti/label_02/0000.txt", gt)
put("kitti/det_02/0000.txt", det)
put("kitti/result/0000.txt", res)
put("kitti/evaluate_tracking.seqmap.training", [f"0000 empty 000000 {N:06d}"])

# MOTS: pedestrians as ellipses, a car, and an ignored region.
H, W = 90, 160
yy, xx = np.mgrid[:H, :W]


def ellipse(x, y, a, b):
    return ((xx - x) / a) ** 2 + ((yy - y) / b) ** 2 <= 1


def rle(m):
    return coco.encode(np.asfortranarray(m.astype(np.uint8)))["counts"].decode()


gt, res, det = [], [], []
for f in range(1, 26):
    ignore = np.zeros((H, W), bool)
    ignore[:30, 120:] = True
    gt.append(f"{f} 10000 10 {H} {W} {rle(ignore)}")
    free = ~ignore
    taken = np.zeros((H, W), bool)
    for i, (x, y, cls) in enumerate([(20 + 2 * f, 50, 2), (90 - f, 45, 2), (130, 60, 2), (60, 15, 1)]):
        m = ellipse(x, y, 8 + i, 15) & free
        free &= ~m
        if not m.any():
            continue
        gt.append(f"{f} {cls * 1000 + i} {cls} {H} {W} {rle(m)}")
        if rnd.random() < .12:
            continue
        r = ellipse(x + rnd.gauss(0, 1), y + rnd.gauss(0, 1.5), 8 + i, 15) & ~taken
        taken |= r
        tid = 2001 + i if not (i == 0 and f > 14) else 2010
        res.append(f"{f} {tid} {cls} {H} {W} {rle(r)}")
        b = coco.toBbox(coco.encode(np.asfortranarray(r.astype(np.uint8))))
        det.append(f"{f} {b[0]} {b[1]} {b[0] + b[2]} {b[1] + b[3]} {rnd.uniform(.5, 1):.3f} {cls} {H} {W} {rle(r)}")
    for x, y in ((140, 12), (15, 15)):  # in the ignored region, and false
        if rnd.random() < .5:
            m = ellipse(x, y, 6, 9) & ~taken
            taken |= m
            res.append(f"{f} {2050 + x} 2 {H} {W} {rle(m)}")
shutil.rmtree("mots", ignore_errors=True)
put("mots/MOTS-1/gt/gt.txt", gt)
put("mots/MOTS-1/det/det.txt", det)
put("mots/MOTS-1/seqinfo.ini", ["[Sequence]", "name=MOTS-1", "frameRate=30", "seqLength=25", f"imWidth={W}", f"imHeight={H}"])
put("mots/result/MOTS-1.txt", res)

quiet = {"PRINT_CONFIG": False, "PRINT_RESULTS": False, "OUTPUT_SUMMARY": False, "OUTPUT_DETAILED": False, "PLOT_CURVES": False, "TIME_PROGRESS": False, "DISPLAY_LESS_PROGRESS": True}


def ask(dataset, name, cls):
    M = [trackeval.metrics.HOTA(), trackeval.metrics.CLEAR({"PRINT_CONFIG": False, "THRESHOLD": .5}), trackeval.metrics.Identity({"PRINT_CONFIG": False, "THRESHOLD": .5})]
    out, _ = trackeval.Evaluator(dict(trackeval.Evaluator.get_default_eval_config(), **quiet)).evaluate([dataset], M)
    r = next(iter(next(iter(out.values())).values()))["COMBINED_SEQ"][cls]
    h, c, i = r["HOTA"], r["CLEAR"], r["Identity"]
    o = {k: 100 * float(np.mean(h[k])) for k in ("HOTA", "DetA", "AssA", "AssRe", "AssPr", "DetRe", "DetPr", "LocA")}
    o.update({k: 100 * float(c[k]) for k in ("MOTA", "MOTP")}, IDF1=100 * float(i["IDF1"]))
    o.update({k: int(c[k]) for k in ("IDSW", "Frag", "MT", "PT", "ML")}, FP=int(c["CLR_FP"]), FN=int(c["CLR_FN"]))
    return o


golden = {}
with tempfile.TemporaryDirectory() as t:
    shutil.copytree("kitti", f"{t}/kitti")
    shutil.copytree("kitti/result", f"{t}/results/ours/data")
    for cls in ("car", "pedestrian"):
        golden["kitti " + cls] = ask(trackeval.datasets.Kitti2DBox({"GT_FOLDER": f"{t}/kitti", "TRACKERS_FOLDER": f"{t}/results", "CLASSES_TO_EVAL": [cls], "PRINT_CONFIG": False, "OUTPUT_FOLDER": f"{t}/o"}), "kitti", cls)
    shutil.copytree("mots/result", f"{t}/mots/ours/data")
    # The benchmark has pedestrians only; a file with cars is its readers' to sort out.
    golden["mots pedestrian"] = ask(trackeval.datasets.MOTSChallenge({
        "GT_FOLDER": "mots", "TRACKERS_FOLDER": f"{t}/mots", "SKIP_SPLIT_FOL": True, "SEQ_INFO": {"MOTS-1": 25}, "PRINT_CONFIG": False, "OUTPUT_FOLDER": f"{t}/o"}), "mots", "pedestrian")
with open("sets.json", "w") as f:
    json.dump(golden, f, indent=1)
    f.write("\n")
