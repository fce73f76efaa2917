package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// This file changes the text of a configuration and leaves everything else in it (comments,
// order, blank lines) as its author wrote it. Every function ends with a text that Parse
// understands, or with an error that says what to do by hand.

// Hidden stands for a secret in a text that people may see.
const Hidden = "***"

// Hide returns text with its secrets replaced by hide(key, value), such as
// hide("mqtt.password", "abc"). A value that hide returns unchanged stays as it is.
func Hide(text []byte, hide func(key, value string) string) ([]byte, error) {
	return rewriteSecrets(text, func(key, value string) (string, error) { return hide(key, value), nil })
}

// Reveal is the inverse: secrets of text that hold Hidden become fill(key, value, old), where
// old is what the configuration before has at that key, "" when nothing.
func Reveal(text, before []byte, fill func(key, value, old string) (string, error)) ([]byte, error) {
	known := map[string]string{}
	if len(before) > 0 {
		list, err := secrets(before)
		if err != nil {
			return nil, err
		}
		for _, s := range list {
			known[s.key] = s.value
		}
	}
	return rewriteSecrets(text, func(key, value string) (string, error) {
		if !strings.Contains(value, Hidden) {
			return value, nil
		}
		return fill(key, value, known[key])
	})
}

func rewriteSecrets(text []byte, f func(key, value string) (string, error)) ([]byte, error) {
	list, err := secrets(text)
	if err != nil {
		return nil, err
	}
	lines := splitLines(text)
	// From the end, so that places stay where they are.
	for _, s := range slices.Backward(list) {
		v, err := f(s.key, s.value)
		if err != nil {
			return nil, &Error{Line: s.line, Column: s.column, Reason: fmt.Sprintf("%s: %v", s.key, err)}
		}
		if v == s.value {
			continue
		}
		if err := replaceScalar(lines, s, v); err != nil {
			return nil, err
		}
	}
	return []byte(strings.Join(lines, "")), nil
}

// scalar is a value in a text.
type scalar struct {
	key, value   string
	line, column int // from 1; the column counts characters
}

// secrets finds the values that a text gives to secret keys.
func secrets(text []byte) ([]scalar, error) {
	body, err := tree(text)
	if err != nil || body == nil {
		return nil, err
	}
	var out []scalar
	var walk func(n ast.Node, t reflect.Type, key string)
	walk = func(n ast.Node, t reflect.Type, key string) {
		switch {
		case t == secretType:
			if n.Type() == ast.NullType {
				return
			}
			if s, ok := n.(ast.ScalarNode); ok {
				value := n.GetToken().Value
				if v, ok := s.GetValue().(string); ok {
					value = v
				}
				p := n.GetToken().Position
				out = append(out, scalar{key, value, p.Line, p.Column})
			}
		case t.Kind() == reflect.Struct:
			for _, mv := range entries(n) {
				if f, _ := field(reflect.New(t).Elem(), keyOf(mv)); f.IsValid() {
					walk(mv.Value, f.Type(), join(key, keyOf(mv)))
				}
			}
		case t.Kind() == reflect.Map:
			for _, mv := range entries(n) {
				walk(mv.Value, t.Elem(), join(key, keyOf(mv)))
			}
		}
	}
	walk(body, reflect.TypeFor[Config](), "")
	slices.SortStableFunc(out, func(a, b scalar) int {
		if a.line != b.line {
			return a.line - b.line
		}
		return a.column - b.column
	})
	return out, nil
}

// tree parses a text; nil for an empty one.
func tree(text []byte) (ast.Node, error) {
	if len(text) > maxBytes {
		return nil, &Error{Reason: fmt.Sprintf("more than %d bytes", maxBytes)}
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, syntaxError("", err)
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return nil, nil
	}
	if k := file.Docs[0].Body.Type(); k == ast.NullType || k == ast.CommentType {
		return nil, nil
	}
	return file.Docs[0].Body, nil
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

func keyOf(mv *ast.MappingValueNode) string { return strings.Trim(mv.Key.GetToken().Value, `"'`) }

// find returns the entry of a key in a mapping, and the one after it.
func find(n ast.Node, key string) (mv, next *ast.MappingValueNode) {
	list := entries(n)
	for i, e := range list {
		if keyOf(e) != key {
			continue
		}
		if i+1 < len(list) {
			next = list[i+1]
		}
		return e, next
	}
	return nil, nil
}

// splitLines keeps the line ends.
func splitLines(text []byte) []string { return strings.SplitAfter(string(text), "\n") }

// replaceScalar writes value where s stands.
func replaceScalar(lines []string, s scalar, value string) error {
	cannot := &Error{Line: s.line, Column: s.column, Reason: s.key + ": is written over several lines or in a way that cannot be changed here; write it as one plain or quoted line"}
	if s.line < 1 || s.line > len(lines) {
		return cannot
	}
	line := []rune(lines[s.line-1])
	if s.column < 1 || s.column > len(line) {
		return cannot
	}
	head, rest := string(line[:s.column-1]), string(line[s.column-1:])
	n := rawLength(rest, s.value)
	if n < 0 {
		return cannot
	}
	lines[s.line-1] = head + quoted(value) + rest[n:]
	return nil
}

// rawLength is how many bytes at the start of rest write value, -1 when it cannot be told.
func rawLength(rest, value string) int {
	switch {
	case strings.HasPrefix(rest, "'"):
		for i := 1; i < len(rest); i++ {
			if rest[i] != '\'' {
				continue
			}
			if i+1 < len(rest) && rest[i+1] == '\'' {
				i++
				continue
			}
			return i + 1
		}
		return -1
	case strings.HasPrefix(rest, `"`):
		for i := 1; i < len(rest); i++ {
			switch rest[i] {
			case '\\':
				i++
			case '"':
				return i + 1
			}
		}
		return -1
	case value != "" && strings.HasPrefix(rest, value):
		return len(value)
	}
	return -1
}

// quoted writes a string as YAML: plain where that is safe, else in single quotes.
func quoted(s string) string {
	if strings.ContainsAny(s, "\n\r\x00") {
		return fmt.Sprintf("%q", s)
	}
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/"
	safe := s != "" && strings.ContainsRune(plain, rune(s[0])) && !strings.ContainsAny(s, "#'\"{}[],&*!|>%@`") &&
		!strings.Contains(s, ": ") && !strings.HasSuffix(s, ":") && !strings.HasSuffix(s, " ")
	switch strings.ToLower(s) {
	case "true", "false", "yes", "no", "on", "off", "null", "y", "n":
		safe = s == "off" // mqtt.url: off is a string here
	}
	if safe {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// Setting is a key of a camera and its value as YAML text.
type Setting struct{ Key, Value string }

// Quoted makes a setting of a string.
func Quoted(key, value string) Setting { return Setting{key, quoted(value)} }

var errFlow = errors.New("the file has the cameras in one line ({...}): change them in the text")

// AddCamera returns text with one more camera.
func AddCamera(text []byte, name string, settings []Setting) ([]byte, error) {
	body, err := tree(text)
	if err != nil {
		return nil, err
	}
	lines := splitLines(text)
	cams, _ := find(body, "cameras")
	block := func(indent int) []string {
		in := strings.Repeat(" ", indent)
		out := []string{in + name + ":\n"}
		for _, s := range settings {
			out = append(out, in+"  "+s.Key+": "+s.Value+"\n")
		}
		return out
	}
	switch {
	case cams == nil:
		if n := len(lines); lines[n-1] != "" {
			lines[n-1] += "\n"
		}
		if strings.TrimSpace(string(text)) == "{}" {
			lines = nil
		}
		lines = append(append(lines, "cameras:\n"), block(2)...)
	case cams.Value == nil || cams.Value.Type() == ast.NullType:
		at := cams.Key.GetToken().Position.Line
		endLine(lines, at)
		lines = slices.Insert(lines, at, block(2)...)
	case flow(cams.Value):
		return nil, errFlow
	default:
		list := entries(cams.Value)
		last := list[len(list)-1]
		p := last.Key.GetToken().Position
		at := endOfBlock(lines, p.Line, p.Column)
		endLine(lines, at)
		lines = slices.Insert(lines, at, block(p.Column-1)...)
	}
	return []byte(strings.Join(lines, "")), nil
}

// SetCamera returns text with settings of a camera changed or added.
func SetCamera(text []byte, name string, settings []Setting) ([]byte, error) {
	for _, s := range settings {
		body, err := tree(text)
		if err != nil {
			return nil, err
		}
		cams, _ := find(body, "cameras")
		if cams == nil || flow(cams.Value) {
			return nil, errFlow
		}
		cam, _ := find(cams.Value, name)
		if cam == nil {
			return nil, fmt.Errorf("the file has no camera %q: it may have been changed by hand; reload it", name)
		}
		if flow(cam.Value) {
			return nil, errFlow
		}
		lines := splitLines(text)
		if mv, _ := find(cam.Value, s.Key); mv != nil && mv.Value != nil && mv.Value.Type() != ast.NullType {
			at, err := scalarOf(mv, "cameras."+name+"."+s.Key)
			if err != nil {
				return nil, err
			}
			if err := replaceWith(lines, at, s.Value); err != nil {
				return nil, err
			}
		} else {
			indent := cam.Key.GetToken().Position.Column + 1
			if list := entries(cam.Value); len(list) > 0 {
				indent = list[0].Key.GetToken().Position.Column - 1
			}
			at := cam.Key.GetToken().Position.Line
			endLine(lines, at)
			lines = slices.Insert(lines, at, strings.Repeat(" ", indent)+s.Key+": "+s.Value+"\n")
		}
		text = []byte(strings.Join(lines, ""))
	}
	return text, nil
}

func scalarOf(mv *ast.MappingValueNode, key string) (scalar, error) {
	n, ok := mv.Value.(ast.ScalarNode)
	if !ok {
		return scalar{}, &Error{Reason: key + ": is not one value"}
	}
	value := mv.Value.GetToken().Value
	if v, ok := n.GetValue().(string); ok {
		value = v
	}
	p := mv.Value.GetToken().Position
	return scalar{key, value, p.Line, p.Column}, nil
}

// replaceWith is replaceScalar with the new value in YAML already.
func replaceWith(lines []string, s scalar, yaml string) error {
	const mark = "outrider" // safe as it stands, so that it is written plain
	before := lines[s.line-1]
	if err := replaceScalar(lines, s, mark); err != nil {
		return err
	}
	head := string([]rune(before)[:s.column-1])
	lines[s.line-1] = head + yaml + strings.TrimPrefix(lines[s.line-1], head+mark)
	return nil
}

// RemoveCamera returns text without a camera.
func RemoveCamera(text []byte, name string) ([]byte, error) {
	body, err := tree(text)
	if err != nil {
		return nil, err
	}
	cams, _ := find(body, "cameras")
	if cams == nil || flow(cams.Value) {
		return nil, errFlow
	}
	cam, _ := find(cams.Value, name)
	if cam == nil {
		return nil, fmt.Errorf("the file has no camera %q: it may have been changed by hand; reload it", name)
	}
	lines := splitLines(text)
	p := cam.Key.GetToken().Position
	end := endOfBlock(lines, p.Line, p.Column)
	lines = slices.Delete(lines, p.Line-1, end)
	if len(entries(cams.Value)) == 1 { // an empty mapping, not a null
		at := cams.Key.GetToken().Position.Line - 1
		lines[at] = strings.Replace(lines[at], "cameras:", "cameras: {}", 1)
	}
	return []byte(strings.Join(lines, "")), nil
}

func flow(n ast.Node) bool {
	m, ok := n.(*ast.MappingNode)
	return ok && m.IsFlowStyle
}

// endOfBlock is the number of lines up to the end of what belongs to the key at a line and
// column (from 1): the last line that is indented deeper, comments and blank lines after it
// left out.
func endOfBlock(lines []string, line, column int) int {
	end := line
	for i := line; i < len(lines); i++ {
		s := strings.TrimRight(lines[i], " \t\r\n")
		t := strings.TrimLeft(s, " ")
		if t == "" {
			continue
		}
		indent := len(s) - len(t)
		if indent < column-1 || indent == column-1 && !strings.HasPrefix(t, "- ") {
			break
		}
		end = i + 1
	}
	return end
}

// endLine gives the line before position n its line end, which the last line of a file may
// lack.
func endLine(lines []string, n int) {
	if n >= 1 && n <= len(lines) && !strings.HasSuffix(lines[n-1], "\n") {
		lines[n-1] += "\n"
	}
}
