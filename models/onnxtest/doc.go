// Package onnxtest writes tiny ONNX models for tests: just enough of the protocol buffer for
// stand-ins of networks with shapes that no model at hand has. A graph is made of [Node],
// [Value] and [Floats] parts and written with [File]. Only tests import it.
package onnxtest
