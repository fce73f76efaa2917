package camfile

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// node is a value of a YAML file that knows where it stands.
type node struct {
	file, field string
	line        int
	n           ast.Node
}

// parse reads YAML, OpenCV's dialect too.
func parse(name string, data []byte) (root node, err error) {
	// OpenCV opens its files with "%YAML:1.0", which YAML does not know; a comment keeps the line.
	if bytes.HasPrefix(data, []byte("%YAML:")) {
		data = append([]byte("#"), data[1:]...)
	}
	// The YAML library indexes beyond the end of some broken input; a file must not end the program.
	defer func() {
		if p := recover(); p != nil {
			err = &Error{File: name, Reason: fmt.Sprintf("not YAML: %v", p)}
		}
	}()
	if depth(data) > maxDepth {
		return node{}, &Error{File: name, Reason: fmt.Sprintf("nested more than %d deep: not a camera calibration", maxDepth)}
	}
	f, err := parser.ParseBytes(data, 0)
	if err != nil {
		e := &Error{File: name, Reason: err.Error()}
		var at interface{ GetToken() *token.Token }
		if errors.As(err, &at) && at.GetToken() != nil && at.GetToken().Position != nil {
			e.Line = at.GetToken().Position.Line
		}
		var msg interface{ GetMessage() string }
		if errors.As(err, &msg) {
			e.Reason = msg.GetMessage()
		}
		return node{}, e
	}
	for _, d := range f.Docs {
		if d.Body != nil && (d.Body.Type() == ast.MappingType || d.Body.Type() == ast.MappingValueType) {
			return node{file: name, n: d.Body}, nil
		}
	}
	return node{}, &Error{File: name, Reason: "no keys and values: not a camera calibration"}
}

// maxDepth bounds nesting: the parser recurses.
const maxDepth = 32

// depth is an upper bound of how deep a text nests: by brackets, and by dashes in a row.
func depth(data []byte) int {
	deepest, open := 0, 0
	for _, line := range bytes.Split(data, []byte("\n")) {
		dashes := 0
		for _, c := range line {
			switch c {
			case '[', '{':
				open++
			case ']', '}':
				open = max(0, open-1)
			case '-', '?', ':':
				dashes++
			}
			deepest = max(deepest, open)
		}
		if len(bytes.TrimLeft(line, "- ?:")) == 0 && dashes > maxDepth && len(bytes.Trim(line, "-")) > 0 {
			return dashes
		}
	}
	return deepest
}

func (n node) fail(format string, args ...any) error {
	return &Error{File: n.file, Line: n.line, Field: n.field, Reason: fmt.Sprintf(format, args...)}
}

func entries(n ast.Node) []*ast.MappingValueNode {
	switch m := n.(type) {
	case *ast.MappingNode:
		return m.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}
	}
	return nil
}

// get returns the value of a key; ok is false when it is missing or null.
func (n node) get(key string) (v node, ok bool) {
	for _, e := range entries(n.n) {
		t := e.Key.GetToken()
		if t == nil || strings.Trim(t.Value, `"'`) != key || e.Value == nil {
			continue
		}
		v = node{file: n.file, field: key, n: e.Value}
		if n.field != "" {
			v.field = n.field + "." + key
		}
		if t.Position != nil {
			v.line = t.Position.Line
		}
		if tag, ok := v.n.(*ast.TagNode); ok { // !!opencv-matrix
			v.n = tag.Value
		}
		return v, v.n != nil && v.n.Type() != ast.NullType
	}
	return node{}, false
}

func (n node) has(key string) bool {
	_, ok := n.get(key)
	return ok
}

func (n node) need(key string) (node, error) {
	v, ok := n.get(key)
	if !ok {
		field := key
		if n.field != "" {
			field = n.field + "." + key
		}
		return v, &Error{File: n.file, Line: n.line, Field: field, Reason: "missing"}
	}
	return v, nil
}

// keys are the keys of a mapping, in order.
func (n node) keys() []node {
	var k []node
	for _, e := range entries(n.n) {
		if t := e.Key.GetToken(); t != nil {
			key := strings.Trim(t.Value, `"'`)
			if v, ok := n.get(key); ok {
				k = append(k, v)
			}
		}
	}
	return k
}

// text is the value as it is written.
func (n node) text() (string, error) {
	if _, ok := n.n.(ast.ScalarNode); !ok || n.n.GetToken() == nil {
		return "", n.fail("want one value")
	}
	return strings.Trim(strings.TrimSpace(n.n.GetToken().Value), `"'`), nil
}

func (n node) number() (float64, error) {
	s, err := n.text()
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, n.fail("%q is not a number", s)
	}
	return v, nil
}

func (n node) side() (int, error) {
	v, err := n.number()
	if err != nil {
		return 0, err
	}
	if v < 2 || v > 1<<16 || v != math.Trunc(v) {
		return 0, n.fail("%v is not a picture's width or height", v)
	}
	return int(v), nil
}

// numbers is a list of want numbers, of any length when want is negative.
func (n node) numbers(want int) ([]float64, error) {
	seq, ok := n.n.(*ast.SequenceNode)
	if !ok {
		return nil, n.fail("want a list of numbers")
	}
	v := make([]float64, len(seq.Values))
	for i, e := range seq.Values {
		m := node{file: n.file, line: n.line, field: fmt.Sprintf("%s[%d]", n.field, i), n: e}
		if t := e.GetToken(); t != nil && t.Position != nil {
			m.line = t.Position.Line
		}
		x, err := m.number()
		if err != nil {
			return nil, err
		}
		v[i] = x
	}
	if want >= 0 && len(v) != want {
		return nil, n.fail("%d numbers, want %d", len(v), want)
	}
	return v, nil
}

// matrix is the data of a mapping of rows, cols and data; 0 rows or cols are as many as there are.
func (n node) matrix(rows, cols int) ([]float64, error) {
	count := 1.0
	for _, d := range []struct {
		key  string
		want int
	}{{"rows", rows}, {"cols", cols}} {
		v, err := n.need(d.key)
		if err != nil {
			return nil, err
		}
		x, err := v.number()
		if err != nil {
			return nil, err
		}
		if d.want > 0 && x != float64(d.want) {
			return nil, v.fail("%v, want %d", x, d.want)
		}
		count *= x
	}
	d, err := n.need("data")
	if err != nil {
		return nil, err
	}
	list, err := d.numbers(-1)
	if err == nil && float64(len(list)) != count {
		return nil, d.fail("%d numbers, want rows x cols = %v", len(list), count)
	}
	return list, err
}

// size reads width and height under the given keys.
func (n node) size(width, height string) (w, h int, err error) {
	v, err := n.need(width)
	if err != nil {
		return 0, 0, err
	}
	if w, err = v.side(); err != nil {
		return 0, 0, err
	}
	if v, err = n.need(height); err != nil {
		return 0, 0, err
	}
	h, err = v.side()
	return w, h, err
}

// focal sets focal lengths and principal point from a 3x3 matrix by rows.
func (n node) focal(c *Calibration, k []float64) error {
	if k[0] == 0 {
		return n.fail("the focal length is 0: this camera has not been calibrated")
	}
	if k[1] != 0 {
		return n.fail("the axes are skewed (%v): not supported", k[1])
	}
	if k[3] != 0 || k[6] != 0 || k[7] != 0 || k[8] != 1 {
		return n.fail("not a camera matrix: want [fx, 0, cx, 0, fy, cy, 0, 0, 1]")
	}
	in := &c.Intrinsics
	in.FX, in.CX, in.FY, in.CY = k[0], k[2]+pixelCentre, k[4], k[5]+pixelCentre
	return nil
}
