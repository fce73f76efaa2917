package sam_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"gocv.io/x/gocv"

	"outrider/models/ort"
	"outrider/models/sam"
	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// shared returns a path in the data folder of the design, or skips the test.
func shared(t testing.TB, elem ...string) string {
	t.Helper()
	dir := os.Getenv("OUTRIDER_SHARED")
	if dir == "" {
		root, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
				break
			}
			if root == filepath.Dir(root) {
				t.Skip("no go.mod above the test: cannot find the shared data")
			}
			root = filepath.Dir(root)
		}
		dir = filepath.Join(root, "..", "shared")
	}
	p := filepath.Join(append([]string{dir}, elem...)...)
	if _, err := os.Stat(p); err != nil {
		t.Skipf("needs shared data: %v (set OUTRIDER_SHARED)", err)
	}
	return p
}

// open loads a pair of the contract models.
func open(t testing.TB, m *sam.Model, encoder, decoder string) *sam.Model {
	t.Helper()
	m.EncoderFile, m.DecoderFile = shared(t, "models", "sam-contract", encoder), shared(t, "models", "sam-contract", decoder)
	return initialized(t, m)
}

// initialized loads m's pair for the length of a test.
func initialized(t testing.TB, m *sam.Model) *sam.Model {
	t.Helper()
	if err := ort.Init(); err != nil {
		t.Skip("needs ONNX Runtime: ", err)
	}
	m.Session.Device = ort.DeviceCPU
	if err := m.Initialize(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		if err := m.Close(); err != nil {
			t.Error("second close: ", err)
		}
	})
	return m
}

// photo reads a JPEG with the decoder that the reference used: image/jpeg enlarges the colour
// planes in another way.
func photo(t testing.TB, path string) *pipeline.Frame {
	t.Helper()
	m := gocv.IMRead(path, gocv.IMReadColor)
	defer m.Close()
	if m.Empty() {
		t.Fatalf("cannot read %s", path)
	}
	f, err := pipeline.NewFrame("test", m.Cols(), m.Rows(), m.ToBytes())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

type goldenPrompt struct {
	Points        [][2]float64
	Labels        []int
	Box           *[4]float64
	MaskInputFrom *string `json:"mask_input_from"`
	Multimask     bool
	HQTokenOnly   bool `json:"hq_token_only"`
	IoU           []float64
	Masks         []mask.RLE
	LowRes        string       `json:"low_res"`
	LogitSamples  [][4]float64 `json:"logit_samples"` // mask, y, x, value
}

type goldenEverything struct {
	Config struct {
		PointsPerSide        int     `json:"points_per_side"`
		PredIoUThresh        float64 `json:"pred_iou_thresh"`
		StabilityScoreThresh float64 `json:"stability_score_thresh"`
		BoxNMSThresh         float64 `json:"box_nms_thresh"`
	}
	Masks []struct {
		RLE          mask.RLE
		Area         int
		Bbox         [4]float64 // x, y, w, h; of the last pixel, not the one after
		PredictedIoU float64    `json:"predicted_iou"`
		Stability    float64    `json:"stability_score"`
		Point        [2]float64
	}
}

type golden struct {
	Image            string
	Width, Height    int
	EmbeddingSamples [][4]float64 `json:"embedding_samples"` // channel, y, x, value
	Prompts          []goldenPrompt
	Everything       []goldenEverything
}

func readGolden(t testing.TB, name string) []golden {
	t.Helper()
	b, err := os.ReadFile(shared(t, "data", "sam", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var g []golden
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// readLowRes reads an archive of float16 arrays.
func readLowRes(t testing.TB, name string) map[string][]float32 {
	t.Helper()
	z, err := zip.OpenReader(shared(t, "data", "sam", name+"-lowres.npz"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	out := map[string][]float32{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		r.Close()
		if err != nil {
			t.Fatal(err)
		}
		n := int(binary.LittleEndian.Uint16(b[8:])) + 10
		if !bytes.Contains(b[:n], []byte("'<f2'")) {
			t.Fatalf("%s: not float16: %s", f.Name, b[:n])
		}
		var v []float32
		for b = b[n:]; len(b) >= 2; b = b[2:] {
			v = append(v, half(binary.LittleEndian.Uint16(b)))
		}
		out[f.Name[:len(f.Name)-len(".npy")]] = v
	}
	return out
}

func half(h uint16) float32 {
	sign, exp, frac := float64(1), int(h>>10&31), float64(h&1023)
	if h>>15 != 0 {
		sign = -1
	}
	if exp == 0 {
		return float32(sign * frac * math.Pow(2, -24))
	}
	return float32(sign * (1024 + frac) * math.Pow(2, float64(exp-25)))
}

// prompt makes our prompt; given are the logits of earlier answers by key.
func (g *goldenPrompt) prompt(given map[string][]float32) sam.Prompt {
	p := sam.Prompt{Labels: g.Labels, Multimask: g.Multimask}
	for _, q := range g.Points {
		p.Points = append(p.Points, pipeline.Point{X: q[0], Y: q[1]})
	}
	if b := g.Box; b != nil {
		p.Box = &pipeline.Box{X1: b[0], Y1: b[1], X2: b[2], Y2: b[3]}
	}
	if g.MaskInputFrom != nil {
		p.Mask = given[*g.MaskInputFrom]
	}
	return p
}

// Every kind of prompt, against the reference predictor's answers on the same weights.
func TestAgainstTheReferencePredictors(t *testing.T) {
	for _, c := range []struct {
		name     string
		encoder  string
		decoder  string
		accepted func(*goldenPrompt) bool
	}{
		{"sam", "sam-encoder.onnx", "sam-decoder-multi.onnx", func(*goldenPrompt) bool { return true }},
		{"hq", "hq-encoder.onnx", "hq-decoder.onnx", func(p *goldenPrompt) bool { return !p.HQTokenOnly }},
		{"hq", "hq-encoder.onnx", "hq-decoder-hqonly.onnx", func(p *goldenPrompt) bool { return p.HQTokenOnly }},
	} {
		t.Run(c.decoder, func(t *testing.T) {
			m := open(t, &sam.Model{}, c.encoder, c.decoder)
			low := readLowRes(t, c.name)
			answered := map[string][]float32{}
			for _, g := range readGolden(t, c.name) {
				f := photo(t, shared(t, "data", "sam", g.Image))
				embed, err := m.EmbeddingOf(f)
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range g.EmbeddingSamples {
					if got := embed[(int(s[0])*64+int(s[1]))*64+int(s[2])]; math.Abs(float64(got)-s[3]) > 1e-3 {
						t.Errorf("%s: embedding at %v is %g", g.Image, s, got)
					}
				}
				worstLogit, worstIoU, worstMask := 0.0, 0.0, 1.0
				for i := range g.Prompts {
					if !c.accepted(&g.Prompts[i]) {
						continue
					}
					name := fmt.Sprintf("%s prompt %d", g.Image, i)
					want := &g.Prompts[i]
					if from := want.MaskInputFrom; from != nil && answered[*from] == nil {
						answered[*from] = low[*from][:256*256] // of the other decoder
					}
					got, err := m.Predict(t.Context(), f, want.prompt(answered))
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					a := got[0]
					if len(a.Masks) != len(want.Masks) {
						t.Fatalf("%s: %d masks, want %d", name, len(a.Masks), len(want.Masks))
					}
					answered[want.LowRes] = a.LowRes[0]
					for k := range a.Masks {
						for j, v := range low[want.LowRes][k*256*256:][:256*256] {
							// float16 has eleven bits
							if d := math.Abs(float64(a.LowRes[k][j] - v)); d > 1e-3+math.Abs(float64(v))/2048 {
								t.Fatalf("%s: low-resolution logit %d of mask %d is %g, want %g", name, j, k, a.LowRes[k][j], v)
							}
						}
						worstIoU = math.Max(worstIoU, math.Abs(a.IoU[k]-want.IoU[k]))
						ref := mustMask(t, want.Masks[k])
						worstMask = math.Min(worstMask, mask.IoU(a.Masks[k], ref))
						logits := m.Logits(f.Width, f.Height, a.LowRes[k])
						for _, s := range want.LogitSamples {
							if int(s[0]) == k {
								d := math.Abs(float64(logits[int(s[1])*f.Width+int(s[2])]) - s[3])
								worstLogit = math.Max(worstLogit, d)
							}
						}
					}
				}
				t.Logf("%s: worst logit %.5f, predicted IoU %.5f, mask IoU %.5f", g.Image, worstLogit, worstIoU, worstMask)
				if worstLogit > 1e-3 || worstIoU > 1e-3 || worstMask < 0.999 {
					t.Errorf("%s: worst logit off by %g, predicted IoU by %g, mask IoU %g", g.Image, worstLogit, worstIoU, worstMask)
				}
			}
		})
	}
}

func mustMask(t testing.TB, r mask.RLE) *mask.Mask {
	t.Helper()
	m, err := r.Mask()
	if err != nil {
		t.Fatal(err)
	}
	return m
}
