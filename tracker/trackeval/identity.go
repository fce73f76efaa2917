package trackeval

import "math"

// Identity holds the identity figures (Ristani 2016) at IoU 0.5: over the whole sequence each
// id of the truth is given the one track that is on it longest.
type Identity struct{ IDTP, IDFN, IDFP int }

// IDF1 is 2 IDTP / (2 IDTP + IDFP + IDFN).
func (i *Identity) IDF1() float64 {
	return float64(i.IDTP) / math.Max(1, float64(i.IDTP)+0.5*float64(i.IDFP)+0.5*float64(i.IDFN))
}

// IDR is the recall of identities.
func (i *Identity) IDR() float64 { return float64(i.IDTP) / math.Max(1, float64(i.IDTP+i.IDFN)) }

// IDP is the precision of identities.
func (i *Identity) IDP() float64 { return float64(i.IDTP) / math.Max(1, float64(i.IDTP+i.IDFP)) }

// EvalIdentity measures one sequence.
func EvalIdentity(d *Data) *Identity {
	if d.TrackN == 0 || d.TruthN == 0 {
		return &Identity{IDFN: d.TruthN, IDFP: d.TrackN}
	}
	common := make([]float64, d.Truths*d.Tracks)
	for i := range d.Frames {
		f := &d.Frames[i]
		for g, gid := range f.Truth {
			for t, tid := range f.Track {
				if f.Similarity[g*len(f.Track)+t] >= threshold {
					common[gid*d.Tracks+tid]++
				}
			}
		}
	}
	var l lsa
	tp := 0.0
	for g, t := range l.maximize(common, d.Truths, d.Tracks) {
		if t >= 0 {
			tp += common[g*d.Tracks+t]
		}
	}
	return &Identity{IDTP: int(tp), IDFN: d.TruthN - int(tp), IDFP: d.TrackN - int(tp)}
}

// CombineIdentity joins the figures of several sequences.
func CombineIdentity(is []*Identity) *Identity {
	s := &Identity{}
	for _, i := range is {
		s.IDTP += i.IDTP
		s.IDFN += i.IDFN
		s.IDFP += i.IDFP
	}
	return s
}
