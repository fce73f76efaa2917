package trackeval

// Data is what the figures are made of: for each frame the truth's and the tracker's objects
// and how alike each pair is. Ids are dense, from 0.
type Data struct {
	Frames   []FrameData
	Truths   int // ids of the truth
	Tracks   int // ids of the tracker
	TruthN   int // objects of the truth in all frames
	TrackN   int // objects of the tracker in all frames
	Sequence string
}

// FrameData is one frame. Similarity is row by row: Similarity[g*len(Track)+t] in [0, 1].
type FrameData struct {
	Truth, Track []int
	Similarity   []float64
}

// eps is TrackEval's: np.finfo('float').eps.
const eps = 2.220446049250313e-16
