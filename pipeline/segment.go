package pipeline

import "outrider/pipeline/mask"

// Segment is one piece of a frame as the model cut it.
type Segment struct {
	Box   Box        // frame pixels
	Mask  *mask.Mask // never nil; every segment of a frame lies on one grid
	Score float64    // 0..1

	// Parent is the index, in the frame's segments, of the smallest segment that holds this
	// one (at least 95 % inside, area ratio at most 0.8), -1 for a root. Level counts the
	// ancestors: 0 for a root.
	Parent int
	Level  int

	// Label and Similarity are set by closed-set models that name what they cut; empty for
	// segment-everything models.
	Label      string
	Embedding  []float32 // unit vector, nil until somebody asked for it
	Similarity float64
}

// Segmentation is what a Segmenter says of one frame.
//
// It owns the memory of its masks; Release gives all of it back at once, after which no
// Segment of it may be read. Masks that must live longer are copied.
type Segmentation struct {
	Segments []Segment  // best score first
	Grid     mask.Grid  // the grid of all masks
	Drivable *mask.Mask // drivable surface on the same grid, nil when the model has no such output

	// Free is called by Release, set by the segmenter that owns the memory; nil when the
	// garbage collector owns it.
	Free func()
}

// Release gives the memory back. Call it once.
func (s *Segmentation) Release() {
	if s != nil && s.Free != nil {
		s.Free()
	}
}
