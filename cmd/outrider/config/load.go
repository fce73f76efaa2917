package config

import (
	"encoding"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits against hostile or broken files.
const (
	maxBytes = 1 << 20
	maxDepth = 32
)

// Error is a fault in the configuration: where it is and what to do about it.
type Error struct {
	File         string
	Line, Column int // from 1; 0 when the fault has no place
	Reason       string
}

func (e *Error) Error() string {
	switch {
	case e.Line > 0:
		return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Reason)
	case e.File != "":
		return e.File + ": " + e.Reason
	default:
		return e.Reason
	}
}

// Load reads and validates a file. getenv supplies ${NAME}; nil means os.Getenv's set.
func Load(path string, getenv func(string) (string, bool)) (Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return Config{}, fmt.Errorf("open configuration: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return Config{}, fmt.Errorf("read configuration %s: %w", path, err)
	}
	return Parse(path, b, getenv)
}

// Parse reads and validates YAML text; name stands for the file in errors. On an error the
// Config is not to be used.
func Parse(name string, data []byte, getenv func(string) (string, bool)) (Config, error) {
	if getenv == nil {
		getenv = os.LookupEnv
	}
	c := Default()
	if len(data) > maxBytes {
		return c, &Error{File: name, Reason: fmt.Sprintf("more than %d bytes", maxBytes)}
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return c, syntaxError(name, err)
	}
	if len(file.Docs) > 1 {
		return c, &Error{File: name, Reason: "holds several documents, want one"}
	}
	if len(file.Docs) == 1 && file.Docs[0].Body != nil && file.Docs[0].Body.Type() != ast.NullType && file.Docs[0].Body.Type() != ast.CommentType {
		l := &loader{name: name, getenv: getenv}
		l.node(file.Docs[0].Body, reflect.ValueOf(&c).Elem(), "", 0)
		if l.err != nil {
			return c, l.err
		}
	}
	if err := c.Validate(); err != nil {
		var e *Error
		if errors.As(err, &e) {
			e.File = name
			return c, e
		}
		return c, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

// loader copies a YAML tree into a struct, checking every key against the struct's own.
type loader struct {
	name   string
	getenv func(string) (string, bool)
	err    *Error // the first fault
}

func (l *loader) fail(n ast.Node, format string, args ...any) {
	if l.err != nil {
		return
	}
	e := &Error{File: l.name, Reason: fmt.Sprintf(format, args...)}
	if t := n.GetToken(); t != nil && t.Position != nil {
		e.Line, e.Column = t.Position.Line, t.Position.Column
	}
	l.err = e
}

var (
	secretType = reflect.TypeFor[Secret]()
	cameraType = reflect.TypeFor[Camera]()
)

func (l *loader) node(n ast.Node, v reflect.Value, path string, depth int) {
	if l.err != nil {
		return
	}
	if depth > maxDepth {
		l.fail(n, "nested more than %d deep", maxDepth)
		return
	}
	switch n.Type() {
	case ast.AliasType, ast.AnchorType, ast.MergeKeyType, ast.TagType:
		l.fail(n, "anchors, aliases and tags are not taken: write the value out")
		return
	case ast.NullType: // "key:" without a value keeps the default
		return
	}
	if t, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok { // Duration, Size
		if s, ok := l.scalar(n, path); ok {
			if err := t.UnmarshalText([]byte(s)); err != nil {
				l.fail(n, "%s: %v", path, err)
			}
		}
		return
	}
	switch {
	case v.Kind() == reflect.Struct:
		l.mapping(n, path, func(key string, k, val ast.Node) {
			f, known := field(v, key)
			if !f.IsValid() {
				l.fail(k, "unknown key %q%s", join(path, key), nearest(key, known))
				return
			}
			l.node(val, f, join(path, key), depth+1)
		})
	case v.Kind() == reflect.Map:
		m := reflect.MakeMap(v.Type())
		l.mapping(n, path, func(key string, k, val ast.Node) {
			e := reflect.New(v.Type().Elem()).Elem()
			if e.Type() == cameraType {
				e.Set(reflect.ValueOf(DefaultCamera()))
			}
			if val.Type() == ast.NullType {
				l.fail(k, "%s has no value", join(path, key))
				return
			}
			l.node(val, e, join(path, key), depth+1)
			m.SetMapIndex(reflect.ValueOf(key), e)
		})
		v.Set(m)
	case v.Kind() == reflect.Slice:
		seq, ok := n.(*ast.SequenceNode)
		if !ok {
			l.fail(n, "%s: want a list, got %s", path, kindName(n))
			return
		}
		s := reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values))
		for i, e := range seq.Values {
			l.node(e, s.Index(i), fmt.Sprintf("%s[%d]", path, i), depth+1)
		}
		v.Set(s)
	default:
		l.leaf(n, v, path)
	}
}

func (l *loader) mapping(n ast.Node, path string, each func(key string, k, v ast.Node)) {
	var values []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{m}
	default:
		where := path
		if where == "" {
			where = "the configuration"
		}
		l.fail(n, "%s: want keys and values, got %s", where, kindName(n))
		return
	}
	for _, mv := range values {
		key := strings.Trim(mv.Key.GetToken().Value, `"'`)
		if mv.Key.Type() == ast.MergeKeyType {
			l.fail(mv.Key, "anchors, aliases and tags are not taken: write the value out")
			return
		}
		if mv.Value == nil {
			continue
		}
		each(key, mv.Key, mv.Value)
	}
}

// scalar returns the text of a scalar node with ${NAME} filled in.
func (l *loader) scalar(n ast.Node, path string) (string, bool) {
	s, ok := n.(ast.ScalarNode)
	if !ok {
		l.fail(n, "%s: want one value, got %s", path, kindName(n))
		return "", false
	}
	text := n.GetToken().Value
	if v, ok := s.GetValue().(string); ok {
		text = v
	}
	text, err := expand(text, l.getenv)
	if err != nil {
		l.fail(n, "%s: %v", path, err)
		return "", false
	}
	return text, true
}

func (l *loader) leaf(n ast.Node, v reflect.Value, path string) {
	text, ok := l.scalar(n, path)
	if !ok {
		return
	}
	if v.Type() == secretType {
		if p, ok := strings.CutPrefix(text, "file:"); ok {
			b, err := os.ReadFile(p)
			if err != nil {
				l.fail(n, "%s: %v", path, err)
				return
			}
			text = strings.TrimRight(string(b), "\r\n")
		}
	}
	if v.Kind() == reflect.String {
		v.SetString(text)
		return
	}
	if err := yaml.Unmarshal([]byte(text), v.Addr().Interface()); err != nil {
		l.fail(n, "%s: %q is not %s", path, text, wanted(v.Kind()))
	}
}

var variable = regexp.MustCompile(`\$\{([^}]*)\}`)

// expand fills in environment variables; an unset one is an error, since an empty password
// would fail later and elsewhere.
func expand(s string, getenv func(string) (string, bool)) (string, error) {
	var missing string
	out := variable.ReplaceAllStringFunc(s, func(m string) string {
		name := m[2 : len(m)-1]
		v, ok := getenv(name)
		if !ok && missing == "" {
			missing = name
		}
		return v
	})
	if missing != "" {
		return "", fmt.Errorf("environment variable %s is not set", missing)
	}
	return out, nil
}

func field(v reflect.Value, key string) (reflect.Value, []string) {
	var known []string
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("yaml")
		if name == key {
			return v.Field(i), nil
		}
		known = append(known, name)
	}
	return reflect.Value{}, known
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func kindName(n ast.Node) string {
	switch n.Type() {
	case ast.MappingType, ast.MappingValueType:
		return "keys and values"
	case ast.SequenceType:
		return "a list"
	default:
		return "the value " + fmt.Sprintf("%q", n.GetToken().Value)
	}
}

func wanted(k reflect.Kind) string {
	switch k {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	default:
		return "a number"
	}
}

// syntaxError turns the parser's error into ours.
func syntaxError(name string, err error) *Error {
	e := &Error{File: name, Reason: err.Error()}
	var pos interface{ GetToken() *token.Token }
	if errors.As(err, &pos) {
		if t := pos.GetToken(); t != nil && t.Position != nil {
			e.Line, e.Column = t.Position.Line, t.Position.Column
		}
	}
	var msg interface{ GetMessage() string }
	if errors.As(err, &msg) {
		e.Reason = msg.GetMessage()
	}
	return e
}
