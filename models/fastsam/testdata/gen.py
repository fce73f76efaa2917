"""Makes the tiny models of the tests of package fastsam. Needs the package onnx.

echo.onnx answers what the picture says: its predictions and prototypes are the values of a
64x64 picture, scaled; so a test can make it say anything. The others are shapes without
content, all but good.onnx and classes.onnx wrong in one way.
"""
import os

import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh

here = os.path.dirname(os.path.abspath(__file__))


def save(name, nodes, inputs, outputs, init=(), meta=None):
    g = h.make_graph(nodes, name, inputs, outputs, list(init))
    m = h.make_model(g, opset_imports=[h.make_opsetid("", 17)], ir_version=8)
    if meta:
        h.set_model_props(m, meta)
    onnx.save(m, os.path.join(here, name + ".onnx"))


def value(name, shape, t=T.FLOAT):
    return h.make_tensor_value_info(name, t, shape)


def const(name, shape, t=T.FLOAT):
    """A node that gives zeros of that shape."""
    return [
        h.make_node("Constant", [], [name + "_shape"], value=nh.from_array(np.array(shape, np.int64))),
        h.make_node("ConstantOfShape", [name + "_shape"], [name], value=h.make_tensor("v", t, [1], [0])),
    ]


def zeros(name, image=(1, 3, 64, 64), boxes=(1, 37, 84), protos=(1, 32, 16, 16), it=T.FLOAT, ot=T.FLOAT,
          names=("output0", "output1"), declare=True, meta=None, extra_input=False, drop=0):
    nodes = const(names[0], boxes, ot) + const(names[1], protos)
    outs = [value(names[0], boxes if declare else None, ot), value(names[1], protos if declare else None)]
    ins = [value("images", image, it)]
    if extra_input:
        ins.append(value("scale", [1]))
    if drop:
        nodes, outs = nodes[:2], outs[:1]
    save(name, nodes, ins, outs, meta=meta)


zeros("good")
zeros("renamed", names=("boxes", "protos"))
zeros("undeclared", boxes=(1, 84, 37), declare=False)
zeros("classes", boxes=(1, 39, 84), meta={"names": "{0: 'person', 1: \"cat's\", 2: 'car'}"})
zeros("names", boxes=(1, 38, 84), meta={"names": "{0: 'person', 1: 'cat', 2: 'car'}"})
zeros("transposed", boxes=(1, 84, 37))
zeros("nms", boxes=(1, 300, 38))
zeros("few", boxes=(1, 36, 84))
zeros("protos", protos=(1, 16, 16, 16))
zeros("stride", protos=(1, 32, 32, 32))
zeros("nhwc", image=(1, 64, 64, 3))
zeros("odd", image=(1, 3, 60, 60))
zeros("half", it=T.FLOAT16)
zeros("double", ot=T.DOUBLE)
zeros("inputs", extra_input=True)
zeros("detector", drop=1)
zeros("batch", image=(2, 3, 64, 64), boxes=(2, 37, 84), protos=(2, 32, 16, 16))

# echo: RGB planes flattened; the first 37*84 values are the predictions, then 32*16*16 are
# the prototypes, then 16*16 the drivable logits.
n0, n1, n2 = 37 * 84, 32 * 16 * 16, 16 * 16
scale = np.concatenate([np.full((4, 1), 64), np.ones((1, 1)), np.full((32, 1), 2)]).astype(np.float32)
shift = np.concatenate([np.zeros((5, 1)), np.full((32, 1), -1)]).astype(np.float32)


def part(name, a, b, shape):
    return [
        h.make_node("Slice", ["flat", f"{name}_a", f"{name}_b"], [f"{name}_cut"]),
        h.make_node("Reshape", [f"{name}_cut", f"{name}_shape"], [f"{name}_raw"]),
    ], [
        nh.from_array(np.array([a], np.int64), f"{name}_a"),
        nh.from_array(np.array([b], np.int64), f"{name}_b"),
        nh.from_array(np.array(shape, np.int64), f"{name}_shape"),
    ]


nodes = [h.make_node("Reshape", ["images", "all"], ["flat"])]
init = [nh.from_array(np.array([-1], np.int64), "all"), nh.from_array(scale, "scale"), nh.from_array(shift, "shift"),
        nh.from_array(np.array(2, np.float32), "two"), nh.from_array(np.array(1, np.float32), "one")]
for name, a, b, shape in (("p", 0, n0, (1, 37, 84)), ("m", n0, n0 + n1, (1, 32, 16, 16)), ("d", n0 + n1, n0 + n1 + n2, (1, 1, 16, 16))):
    n, i = part(name, a, b, shape)
    nodes += n
    init += i
nodes += [
    h.make_node("Mul", ["p_raw", "scale"], ["p_scaled"]), h.make_node("Add", ["p_scaled", "shift"], ["output0"]),
    h.make_node("Mul", ["m_raw", "two"], ["m_scaled"]), h.make_node("Sub", ["m_scaled", "one"], ["output1"]),
    h.make_node("Mul", ["d_raw", "two"], ["d_scaled"]), h.make_node("Sub", ["d_scaled", "one"], ["drivable"]),
]
save("echo", nodes, [value("images", (1, 3, 64, 64))],
     [value("output0", (1, 37, 84)), value("output1", (1, 32, 16, 16)), value("drivable", (1, 1, 16, 16))], init)
