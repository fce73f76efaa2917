package trackeval

// Scores are all the figures of one sequence, or of several joined.
type Scores struct {
	HOTA     *HOTA
	CLEAR    *CLEAR
	Identity *Identity
}

// Eval measures one sequence with every figure.
func Eval(d *Data) Scores { return Scores{EvalHOTA(d), EvalCLEAR(d), EvalIdentity(d)} }

// Combine joins the figures of several sequences as TrackEval does: counts add up, rates are
// made of them.
func Combine(all []Scores) Scores {
	var h []*HOTA
	var c []*CLEAR
	var i []*Identity
	for _, s := range all {
		h, c, i = append(h, s.HOTA), append(c, s.CLEAR), append(i, s.Identity)
	}
	return Scores{CombineHOTA(h), CombineCLEAR(c), CombineIdentity(i)}
}

// Figures are what tables print. Rates are in percent; HOTA and its parts are means over the
// thresholds.
type Figures struct {
	HOTA  float64 `json:"hota"`
	DetA  float64 `json:"det_a"`
	AssA  float64 `json:"ass_a"`
	DetRe float64 `json:"det_re"`
	DetPr float64 `json:"det_pr"`
	AssRe float64 `json:"ass_re"`
	AssPr float64 `json:"ass_pr"`
	LocA  float64 `json:"loc_a"`
	MOTA  float64 `json:"mota"`
	MOTP  float64 `json:"motp"`
	IDF1  float64 `json:"idf1"`
	IDR   float64 `json:"idr"`
	IDP   float64 `json:"idp"`
	IDSW  int     `json:"idsw"`
	Frag  int     `json:"frag"`
	FP    int     `json:"fp"`
	FN    int     `json:"fn"`
	MT    int     `json:"mt"`
	PT    int     `json:"pt"`
	ML    int     `json:"ml"`

	ByAlpha [Alphas]float64 `json:"hota_by_alpha"` // at 0.05, 0.10, ... 0.95
}

// Figures returns the figures of s.
func (s Scores) Figures() Figures {
	h, c, i := s.HOTA, s.CLEAR, s.Identity
	f := Figures{
		HOTA: 100 * Mean(h.Value), DetA: 100 * Mean(h.DetA), AssA: 100 * Mean(h.AssA), DetRe: 100 * Mean(h.DetRe), DetPr: 100 * Mean(h.DetPr),
		AssRe: 100 * Mean(h.AssRe), AssPr: 100 * Mean(h.AssPr), LocA: 100 * Mean(h.LocA),
		MOTA: 100 * c.MOTA(), MOTP: 100 * c.MOTP(), IDF1: 100 * i.IDF1(), IDR: 100 * i.IDR(), IDP: 100 * i.IDP(),
		IDSW: c.IDSW, Frag: c.Frag, FP: c.FP, FN: c.FN, MT: c.MT, PT: c.PT, ML: c.ML,
	}
	for a, v := range h.Value {
		f.ByAlpha[a] = 100 * v
	}
	return f
}

// MeanFigures is the mean of the rates, so that no set rules by its size, and the sum of the
// counts.
func MeanFigures(fs []Figures) Figures {
	var m Figures
	for _, f := range fs {
		n := float64(len(fs))
		for _, p := range [...]struct {
			to   *float64
			from float64
		}{
			{&m.HOTA, f.HOTA}, {&m.DetA, f.DetA}, {&m.AssA, f.AssA}, {&m.DetRe, f.DetRe}, {&m.DetPr, f.DetPr}, {&m.AssRe, f.AssRe},
			{&m.AssPr, f.AssPr}, {&m.LocA, f.LocA}, {&m.MOTA, f.MOTA}, {&m.MOTP, f.MOTP}, {&m.IDF1, f.IDF1}, {&m.IDR, f.IDR}, {&m.IDP, f.IDP},
		} {
			*p.to += p.from / n
		}
		for _, p := range [...]struct {
			to   *int
			from int
		}{{&m.IDSW, f.IDSW}, {&m.Frag, f.Frag}, {&m.FP, f.FP}, {&m.FN, f.FN}, {&m.MT, f.MT}, {&m.PT, f.PT}, {&m.ML, f.ML}} {
			*p.to += p.from
		}
		for a, v := range f.ByAlpha {
			m.ByAlpha[a] += v / n
		}
	}
	return m
}
