package clip

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"outrider/models/ort"
)

// MaxTextBytes is the longest text that EncodeTexts takes. The network reads 75 tokens.
const MaxTextBytes = 4096

// textRows is the most sequences of one run.
const textRows = 16

// textEncoder runs the text network.
type textEncoder struct {
	session    *ort.Session
	sig        textSignature
	width      int
	tokenizer  *Tokenizer
	templates  []string
	vocabulary *Vocabulary // nil for any text
	cache      textCache
	closed     atomic.Bool
}

func newTextEncoder(model []byte, m *Model) (*textEncoder, error) {
	info, err := ort.Inspect(model)
	if err != nil {
		return nil, err
	}
	e := &textEncoder{templates: m.templates(), vocabulary: m.Vocabulary, cache: textCache{max: m.CacheTexts}}
	if e.cache.max == 0 {
		e.cache.max = 256
	}
	if e.sig, err = readTextSignature(info); err != nil {
		return nil, err
	}
	if e.tokenizer, err = NewTokenizer(); err != nil {
		return nil, err
	}
	opts := m.Runtime
	opts.Outputs = []string{e.sig.output}
	if e.session, err = ort.Open(model, opts); err != nil {
		return nil, fmt.Errorf("text encoder: %w", err)
	}
	rows, err := e.run([]string{"person"})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("text encoder: %w", err), e.session.Close())
	}
	e.width = len(rows[0])
	return e, nil
}

// EncodeTexts implements pipeline.TextEncoder: one unit vector a text, in order, shared with
// later calls and not to be changed. A closed vocabulary's encoder reads only the words
// that it knows, and a text without any is a *pipeline.UnknownTextError.
func (m *Model) EncodeTexts(ctx context.Context, texts []string) ([][]float32, error) {
	if m.text == nil {
		return nil, fmt.Errorf("encode texts: %w", m.missing(m.image != nil))
	}
	out := make([][]float32, len(texts))
	for i, t := range texts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		v, err := m.text.encode(t)
		if err != nil {
			return nil, fmt.Errorf("encode text: %w", err)
		}
		out[i] = v
	}
	return out, nil
}

func (e *textEncoder) encode(text string) ([]float32, error) {
	if e.closed.Load() {
		return nil, ErrClosed
	}
	if len(text) > MaxTextBytes {
		return nil, fmt.Errorf("text %.20q... has %d bytes, at most %d are taken", text, len(text), MaxTextBytes)
	}
	read := strings.TrimSpace(text)
	if e.vocabulary != nil {
		known := e.vocabulary.Known(text)
		if len(known) == 0 {
			return nil, e.vocabulary.unknown(text)
		}
		// Pieces of unknown words are tokens too ("xylophone" ends in "phone").
		read = strings.Join(known, " ")
	}
	if read == "" {
		return nil, errors.New("the text is empty")
	}
	if v, ok := e.cache.get(read); ok {
		return v, nil
	}
	sentences := make([]string, len(e.templates))
	for i, t := range e.templates {
		sentences[i] = strings.ReplaceAll(t, "{}", read)
	}
	rows, err := e.run(sentences)
	if err != nil {
		return nil, fmt.Errorf("text %q: %w", text, err)
	}
	v := make([]float32, e.width)
	for _, r := range rows {
		if !normalize(r) {
			return nil, fmt.Errorf("text %q: the text encoder's answer is no direction (zero or not a number)", text)
		}
		for i := range v {
			v[i] += r[i]
		}
	}
	if !normalize(v) {
		return nil, fmt.Errorf("text %q: the answers for its templates cancel out", text)
	}
	e.cache.put(read, v)
	return v, nil
}

// run encodes sentences as they are.
func (e *textEncoder) run(sentences []string) ([][]float32, error) {
	var out [][]float32
	for len(sentences) > 0 {
		n := min(len(sentences), textRows)
		size := n
		if e.sig.batch > 0 {
			size = e.sig.batch
			n = min(n, size)
		}
		rows, err := e.runBatch(sentences[:n], size)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
		sentences = sentences[n:]
	}
	return out, nil
}

// runBatch encodes sentences in a batch of size rows, those left over empty.
func (e *textEncoder) runBatch(sentences []string, size int) ([][]float32, error) {
	ids := make([]int64, size*ContextLength)
	mask := make([]int64, size*ContextLength)
	for i := range size {
		row := ids[i*ContextLength : (i+1)*ContextLength]
		s := ""
		if i < len(sentences) {
			s = sentences[i]
		}
		e.tokenizer.Tokenize(row, s)
		for j := range row {
			mask[i*ContextLength+j] = 1
			if row[j] == EndToken {
				break
			}
		}
	}
	inputs := make([]ort.Value, 0, 2)
	defer func() {
		for _, v := range inputs {
			_ = v.Close()
		}
	}()
	for i := range e.session.Inputs() {
		data := ids
		if i == e.sig.mask {
			data = mask
		}
		v, err := e.tensor(data, size)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, v)
	}
	outs := []ort.Value{nil}
	if err := e.session.Run(inputs, outs); err != nil {
		return nil, err
	}
	defer outs[0].Close()
	t, ok := outs[0].(*ort.Tensor[float32])
	if !ok {
		return nil, errors.New("the answer is not float32")
	}
	width, err := widthOf(t.Shape(), size)
	if err != nil {
		return nil, err
	}
	rows := make([][]float32, len(sentences))
	for i := range rows {
		rows[i] = append([]float32(nil), t.Data[i*width:(i+1)*width]...)
	}
	return rows, nil
}

// tensor makes an input of the element type that the model has.
func (e *textEncoder) tensor(data []int64, rows int) (ort.Value, error) {
	if e.sig.narrow {
		t, err := ort.NewTensor[int32](int64(rows), ContextLength)
		if err != nil {
			return nil, err
		}
		for i, v := range data {
			t.Data[i] = int32(v)
		}
		return t, nil
	}
	t, err := ort.NewTensor[int64](int64(rows), ContextLength)
	if err != nil {
		return nil, err
	}
	copy(t.Data, data)
	return t, nil
}

func (e *textEncoder) close() error {
	e.closed.Store(true)
	if err := e.session.Close(); err != nil {
		return fmt.Errorf("close text encoder: %w", err)
	}
	return nil
}
