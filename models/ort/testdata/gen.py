"""Makes the tiny models of the tests of package ort. Needs the package onnx."""
import os

import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh

here = os.path.dirname(os.path.abspath(__file__))


def save(name, nodes, inputs, outputs, init=(), **kw):
    g = h.make_graph(nodes, name, inputs, outputs, list(init))
    m = h.make_model(g, opset_imports=[h.make_opsetid("", 17)], ir_version=8, producer_name="gen.py", **kw)
    h.set_model_props(m, {"names": "{0: 'object'}"})
    onnx.save(m, os.path.join(here, name + ".onnx"))
    return m


def value(name, shape, t=T.FLOAT):
    return h.make_tensor_value_info(name, t, shape)


# affine: y = 2x + 1 over any [n, 3]; z = the sum of each row; idx = int64 of x. "two" is
# listed among the inputs as old exporters do.
two, one = nh.from_array(np.array(2, np.float32), "two"), nh.from_array(np.array(1, np.float32), "one")
axes = nh.from_array(np.array([1], np.int64), "axes")
save("affine", [
    h.make_node("Mul", ["x", "two"], ["t"]), h.make_node("Add", ["t", "one"], ["y"]),
    h.make_node("ReduceSum", ["x", "axes"], ["z"]), h.make_node("Cast", ["x"], ["idx"], to=T.INT64),
], [value("x", ["n", 3]), value("two", [])], [value("y", ["n", 3]), value("z", ["n", 1]), value("idx", ["n", 3], T.INT64)],
    [two, one, axes])

# external: the weight lies in another file, outside the folder.
w = nh.from_array(np.zeros(4, np.float32), "w")
w.ClearField("raw_data")
w.data_location = T.EXTERNAL
w.external_data.add(key="location", value="../../../../etc/hostname")
save("external", [h.make_node("Add", ["x", "w"], ["y"])], [value("x", [4])], [value("y", [4])], [w])

# memory: the mark by which ONNX Runtime takes a location for an address of its own memory.
m = nh.from_array(np.zeros(4, np.float32), "w")
m.ClearField("raw_data")
m.data_location = T.EXTERNAL
for k, v in (("location", "*/_ORT_MEM_ADDR_/*"), ("offset", "4096"), ("length", "16")):
    m.external_data.add(key=k, value=v)
save("memory", [h.make_node("Add", ["x", "w"], ["y"])], [value("x", [4])], [value("y", [4])], [m])

# sparse: a constant of which the values lie in another file.
sp = h.make_sparse_tensor(w, nh.from_array(np.arange(4), "i"), [4])
sp.values.dims[:] = [4]
save("sparse", [h.make_node("Constant", [], ["c"], sparse_value=sp), h.make_node("Add", ["x", "c"], ["y"])],
     [value("x", [4])], [value("y", [4])])

# function: a function whose attribute's default lies in another file.
fn = h.make_function("local", "F", ["x"], ["y"], [h.make_node("Identity", ["x"], ["y"])], [h.make_opsetid("", 17)],
                     attribute_protos=[h.make_attribute("v", w)])
save("function", [h.make_node("F", ["x"], ["y"], domain="local")], [value("x", [4])], [value("y", [4])], functions=[fn])

# engine: a node that names the file of a compiled engine.
save("engine", [h.make_node("EPContext", ["x"], ["y"], domain="com.microsoft", embed_mode=0, ep_cache_context="../../engine")],
     [value("x", [4])], [value("y", [4])])

# shape: an input of 2^60 elements.
save("shape", [h.make_node("Relu", ["x"], ["y"])], [value("x", [1 << 30, 1 << 30])], [value("y", None)])

# nested: the same within a constant of the branch of an If.
branch = h.make_graph([h.make_node("Constant", [], ["y"], value=w)], "branch", [], [value("y", [4])])
save("nested", [h.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)],
     [value("x", [], T.BOOL)], [value("y", [4])])

# huge: a weight that claims 2^62 elements.
big = T()
big.name, big.data_type = "w", T.FLOAT
big.dims.extend([1 << 31, 1 << 31])
big.raw_data = b"\0\0\0\0"
save("huge", [h.make_node("Add", ["x", "w"], ["y"])], [value("x", [4])], [value("y", [4])], [big])

# unknown: an operator that nobody has.
save("unknown", [h.make_node("Frobnicate", ["x"], ["y"])], [value("x", [4])], [value("y", [4])])
