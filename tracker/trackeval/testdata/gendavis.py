"""Makes davis.json: TrackEval 1.3.0's J and F (DAVIS' own) on sequences of DAVIS 2016, VIDEO/masks
below the folder given, where each frame's result is the truth of the frame before. Only figures
are written. Needs numpy, trackeval, pycocotools, scikit-image, opencv, pillow."""
import glob, json, os, sys
import numpy as np
from PIL import Image
from pycocotools import mask as coco
from trackeval.metrics import JAndF

out = {}
for d in sorted(glob.glob(os.path.join(sys.argv[1], "*", "masks"))):
    m = [coco.encode(np.asfortranarray((np.array(Image.open(p).convert("L")) > 0).astype(np.uint8))) for p in sorted(glob.glob(d + "/*.png"))]
    want, got = m[1:-1], m[:-2]
    n = len(want)
    one = [np.array([0])] * n
    r = JAndF().eval_sequence(dict(num_timesteps=n, num_tracker_ids=1, num_gt_ids=1, gt_dets=[[x] for x in want], tracker_dets=[[x] for x in got],
                                   gt_ids=one, tracker_ids=one))
    out[d.split(os.sep)[-2]] = {k: float(v) for k, v in r.items() if k != "num_gt_tracks"}
with open("davis.json", "w") as f:
    json.dump(out, f, indent=1)
    f.write("\n")
