package sam

import (
	"outrider/models/ort"
	"outrider/pipeline"
)

// EmbeddingOf is the image embedding of f, [C, side, side].
func (m *Model) EmbeddingOf(f *pipeline.Frame) ([]float32, error) {
	p, err := pictureOf(f)
	if err != nil {
		return nil, err
	}
	b, err := m.encoder.get(p)
	if err != nil {
		return nil, err
	}
	data := append([]float32(nil), b.values[0].(*ort.Tensor[float32]).Data...)
	return data, b.release()
}

// CachedFrames is the number of embeddings kept.
func (m *Model) CachedFrames() int {
	m.encoder.mu.Lock()
	defer m.encoder.mu.Unlock()
	return len(m.encoder.cache)
}
