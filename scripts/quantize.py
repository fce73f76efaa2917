"""Makes models/weights/everything-nano-int8.onnx: the embedded network with 8-bit convolutions (QDQ), and measures it.

    pip install onnx onnxruntime pillow
    python scripts/quantize.py models/weights/everything-nano.onnx DATA int8.onnx
    python scripts/quantize.py --measure models/weights/everything-nano.onnx DATA int8.onnx [MORE.onnx ...]

DATA holds images/, ids/ (16-bit id maps of the segments) and index.json, a list of {"image", "ids"}. Twelve pictures calibrate
the ranges; --measure takes the others and prints, for each network, the mean over all true segments of the best mask's IoU
(in points), recall at IoU 0.5, average recall (.5:.95), how well the first network's confident masks are met, and the time
of one inference as a ratio to the first, all in turns. docs/performance.md has the figures.
"""
import argparse
import json
import os
import random
import sys
import tempfile
import time

import numpy as np
import onnx
import onnxruntime as ort
from PIL import Image

INPUT, CALIBRATE = 640, 12
# The first stages work on a few channels at high resolution: in 8 bits they cost the most quality.
FLOAT = tuple(f"/bb/features.{i}/" for i in range(4))
OPS = ["Conv", "Add", "Concat", "MaxPool", "Resize", "Mul"]


def letterbox(data, entry, square=False):
    """The network's input, and where the picture lies in it: left, top, new width and height, own width and height."""
    im = Image.open(os.path.join(data, "images", entry["image"])).convert("RGB")
    w, h = im.size
    r = INPUT / max(w, h)
    nw, nh = round(w * r), round(h * r)
    W, H = (INPUT, INPUT) if square else (-(-nw // 32) * 32, -(-nh // 32) * 32)
    left, top = (W - nw) // 2, (H - nh) // 2
    x = np.full((H, W, 3), 114, np.uint8)
    x[top:top + nh, left:left + nw] = np.asarray(im.resize((nw, nh), Image.BILINEAR))
    return np.ascontiguousarray(x.transpose(2, 0, 1)[None], np.float32) / np.float32(255), (left, top, nw, nh, w, h)


def split(data):
    index = json.load(open(os.path.join(data, "index.json")))
    random.Random(1).shuffle(index)
    return index[:CALIBRATE], index[CALIBRATE:]


def quantize(model, data, out):
    from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.entries = iter(split(data)[0])

        def get_next(self):
            entry = next(self.entries, None)
            return entry and {"images": letterbox(data, entry, square=True)[0]}

    with tempfile.TemporaryDirectory() as tmp:
        # Constants folded and half-precision weights widened, as ONNX Runtime does when it loads the model.
        folded = os.path.join(tmp, "float32.onnx")
        so = ort.SessionOptions()
        so.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
        so.optimized_model_filepath = folded
        ort.InferenceSession(model, so, providers=["CPUExecutionProvider"])
        graph = onnx.load(folded).graph
        # Everything before the last convolutions: what follows mixes pixels with scores of 0..1 in one tensor.
        maker = {o: n for n in graph.node for o in n.output}
        last = [n for n in graph.node if n.op_type == "Conv" and n.name.startswith(("/cls.", "/box.", "/coef.", "/proto/proto.1/"))]
        body, todo = set(), [i for n in last for i in n.input]
        while todo:
            n = maker.get(todo.pop())
            if n is not None and n.name not in body:
                body.add(n.name)
                todo += n.input
        keep = {n for n in body if not n.startswith(FLOAT)}
        quantize_static(folded, out, Reader(), quant_format=QuantFormat.QDQ, per_channel=True, activation_type=QuantType.QUInt8,
                        weight_type=QuantType.QInt8, calibrate_method=CalibrationMethod.Percentile, op_types_to_quantize=OPS,
                        nodes_to_exclude=[n.name for n in graph.node if n.name not in keep],
                        extra_options={"WeightSymmetric": True, "ActivationSymmetric": False, "CalibPercentile": 99.99})
    # What the original says of itself stays: names, stride, licence.
    made, source = onnx.load(out), onnx.load(model, load_external_data=False)
    del made.metadata_props[:]
    made.metadata_props.extend(source.metadata_props)
    made.producer_name = "outrider scripts/quantize.py"
    onnx.save(made, out)


def session(path):
    so = ort.SessionOptions()
    so.intra_op_num_threads, so.inter_op_num_threads = 2, 1
    so.add_session_config_entry("session.intra_op.allow_spinning", "0")
    so.add_session_config_entry("session.set_denormal_as_zero", "1")
    return ort.InferenceSession(path, so, providers=["CPUExecutionProvider"])


def iou(a, b):
    a, b = (m.reshape(len(m), -1).astype(np.float32) for m in (a, b))
    inter = a @ b.T
    return inter / (a.sum(1)[:, None] + b.sum(1)[None] - inter + 1e-9)


def masks(s, x, confidence=0.05, overlap=0.7, most=100):
    """Masks at prototype resolution, best score first, and their scores."""
    p, protos = (o[0] for o in s.run(["output0", "output1"], {"images": x}))
    p = p[:, p[4] > confidence].T
    box = np.concatenate([p[:, :2] - p[:, 2:4] / 2, p[:, :2] + p[:, 2:4] / 2], 1)
    area = (box[:, 2:] - box[:, :2]).prod(1)
    order, kept = np.argsort(-p[:, 4], kind="stable"), []
    while len(order) and len(kept) < most:
        i, rest = order[0], order[1:]
        kept.append(i)
        inter = np.clip(np.minimum(box[i, 2:], box[rest, 2:]) - np.maximum(box[i, :2], box[rest, :2]), 0, None).prod(1)
        order = rest[inter / (area[i] + area[rest] - inter + 1e-9) <= overlap]
    H, W = protos.shape[1:]
    yy, xx = np.mgrid[:H, :W] + 0.5
    m = (p[kept, 5:] @ protos.reshape(len(protos), -1)).reshape(-1, H, W) > 0
    for k, (x1, y1, x2, y2) in enumerate(box[kept] / 4):
        m[k] &= (xx > x1) & (xx < x2) & (yy > y1) & (yy < y2)
    return m, p[kept, 4]


def truth(data, entry, place, shape):
    """The true segments of at least 16 cells on the masks' raster."""
    left, top, nw, nh, w, h = place
    ids = np.asarray(Image.open(os.path.join(data, "ids", entry["ids"])))
    yy = ((np.arange(shape[0]) * 4 + 2 - top) * h / nh).astype(int)
    xx = ((np.arange(shape[1]) * 4 + 2 - left) * w / nw).astype(int)
    inside = ((yy >= 0) & (yy < h))[:, None] & ((xx >= 0) & (xx < w))[None]
    r = np.where(inside, ids[np.clip(yy, 0, h - 1)][:, np.clip(xx, 0, w - 1)], 0)
    return np.array([r == i for i in np.unique(r) if i and (r == i).sum() >= 16])


def measure(networks, data):
    sessions = [session(n) for n in networks]
    best, agree, times = ([[] for _ in networks] for _ in range(3))
    entries = split(data)[1]
    for entry in entries:
        x, place = letterbox(data, entry)
        first = None
        for k, s in enumerate(sessions):
            m, score = masks(s, x)
            first = m[score > 0.25] if first is None else first
            true = truth(data, entry, place, m.shape[1:])
            if len(true):
                best[k] += list(iou(true, m).max(1)) if len(m) else [0] * len(true)
            if len(first):
                agree[k] += list(iou(first, m).max(1)) if len(m) else [0] * len(first)
    x = np.random.default_rng(1).random((1, 3, 384, 640), np.float32)
    for _ in range(40):
        for k, s in enumerate(sessions):
            start = time.perf_counter()
            s.run(["output0", "output1"], {"images": x})
            times[k].append(time.perf_counter() - start)
    print(f"{len(entries)} pictures, {len(best[0])} segments; time at 384x640, 2 threads")
    for k, n in enumerate(networks):
        b, t = np.array(best[k]), np.array(times[k][5:])
        ratio = np.median(t / np.array(times[0][5:]))
        ar = np.mean([(b >= q).mean() for q in np.arange(.5, 1, .05)])
        print(f"{n}: {os.path.getsize(n) / 1e6:.1f} MB, mIoU {100 * b.mean():.1f}, recall {100 * (b >= .5).mean():.1f}, AR {100 * ar:.1f}, "
              f"agreement {100 * np.mean(agree[k]):.1f}, {1e3 * np.min(t):.0f} ms at best, ratio {ratio:.2f}", flush=True)


if __name__ == "__main__":
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--measure", action="store_true")
    ap.add_argument("model")
    ap.add_argument("data")
    ap.add_argument("out", nargs="+")
    a = ap.parse_args()
    if a.measure:
        measure([a.model] + a.out, a.data)
    elif len(a.out) == 1:
        quantize(a.model, a.data, a.out[0])
    else:
        sys.exit("one file to write")
