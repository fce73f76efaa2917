package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"outrider/models"
	"outrider/models/ort"
)

// probe runs a network by itself on made-up input.
type probe struct {
	session *ort.Session
	in, out []ort.Value
	bound   *ort.Binding
}

// newProbe loads a network and runs it once. Open sides of pictures are w x h, other open
// sides 1.
func newProbe(data []byte, o ort.Options, w, h int) (*probe, error) {
	s, err := ort.Open(data, o)
	if err != nil {
		return nil, err
	}
	p := &probe{session: s}
	if err := p.bind(w, h); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *probe) bind(w, h int) error {
	for _, t := range p.session.Inputs() {
		v, err := madeUp(t, w, h)
		if err != nil {
			return err
		}
		p.in = append(p.in, v)
	}
	// The first run makes the output tensors, which the others write again.
	out := make([]ort.Value, len(p.session.Outputs()))
	if err := p.session.Run(p.in, out); err != nil {
		return err
	}
	p.out = out
	var err error
	p.bound, err = p.session.Bind(p.in, p.out)
	return err
}

// madeUp is a tensor of t's type and shape.
func madeUp(t ort.TensorInfo, w, h int) (ort.Value, error) {
	shape := concrete(t.Shape, w, h)
	switch t.Type {
	case "float32":
		v, err := ort.NewTensor[float32](shape...)
		if err != nil {
			return nil, err
		}
		for i := range v.Data { // a plain picture would make no difference, but prove it
			v.Data[i] = float32(i%255) / 255
		}
		if t.Name == "orig_im_size" { // of SAM's decoders: the masks' size
			for i := range v.Data {
				v.Data[i] = 256
			}
		}
		return v, nil
	case "int64":
		return ort.NewTensor[int64](shape...)
	case "int32":
		return ort.NewTensor[int32](shape...)
	}
	return nil, fmt.Errorf("input %s: elements of this type cannot be made up", t)
}

// concrete fills the open sides of a shape: [?, 3, ?, ?] and [?, ?, 3] are pictures.
func concrete(shape []int64, w, h int) []int64 {
	out := slices.Clone(shape)
	for i, d := range out {
		if d > 0 {
			continue
		}
		n := len(out)
		switch {
		case n == 4 && out[1] == 3 && i >= 2, n >= 3 && out[n-1] == 3 && i == n-2, n >= 3 && out[n-1] == 3 && i == n-3:
			out[i] = int64(w)
			if n == 4 && out[1] == 3 && i == 2 || out[n-1] == 3 && i == n-3 {
				out[i] = int64(h)
			}
		default:
			out[i] = 1
		}
	}
	return out
}

func (p *probe) run() error { return p.bound.Run() }

func (p *probe) close() {
	if p.bound != nil {
		_ = p.bound.Close()
	}
	for _, v := range append(p.in, p.out...) {
		if v != nil {
			_ = v.Close()
		}
	}
	_ = p.session.Close()
}

type modelsBenchOptions struct {
	catalogueFlags
	device  string
	threads int
	rounds  int
	input   int
}

func modelsBenchCommand(flags *catalogueFlags) *cobra.Command {
	var o modelsBenchOptions
	c := &cobra.Command{
		Use:   "bench NAME|FILE...",
		Short: "Measure networks side by side with the embedded one, as a ratio",
		Long: `Measure networks side by side with the embedded one, in turns, so that a machine that changes its speed changes both.
Times are medians of one inference by itself, on a square picture of the size that the model was made for (the embedded
one: 640); the ratio is to the embedded one.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.catalogueFlags = catalogueFlags{configFile: flags.configFile, dir: flags.dir, manifest: flags.manifest, asJSON: o.asJSON}
			return o.bench(c.Context(), args, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&o.device, "device", "auto", "where they run: auto, cpu, cuda[:n], tensorrt[:n], openvino, coreml")
	f.IntVar(&o.threads, "threads", 0, "threads, 0 for what suits the machine")
	f.IntVar(&o.rounds, "rounds", 20, "inferences of each")
	f.IntVar(&o.input, "input", 0, "side of the picture in `pixels` where a network leaves it open; default what it was made for")
	f.BoolVar(&o.asJSON, "json", false, "print JSON")
	return c
}

// measured is a line of models bench.
type measured struct {
	Model     string  `json:"model"`
	File      string  `json:"file"`
	Device    string  `json:"device"`
	Input     string  `json:"input"`
	MS        float64 `json:"ms"`         // median of one inference
	DefaultMS float64 `json:"default_ms"` // of the embedded model, in turns with it
	Ratio     float64 `json:"ratio"`
}

func (o *modelsBenchOptions) bench(ctx context.Context, names []string, stdout, stderr io.Writer) error {
	if o.rounds < 1 || o.rounds > 10000 {
		return usagef("--rounds %d: want 1 to 10000", o.rounds)
	}
	if o.input < 0 || o.input > 4096 || o.input%32 != 0 {
		return usagef("--input %d: want a multiple of 32 up to 4096", o.input)
	}
	if _, err := ort.ParseDevice(o.device); err != nil {
		return &usageError{err}
	}
	folder, _, err := o.open()
	if err != nil {
		return err
	}
	def, err := models.Default()
	if err != nil {
		return err
	}
	run := ort.Options{Device: o.device, Threads: o.threads}
	base, err := newProbe(def, run, 640, 640)
	if err != nil {
		return err
	}
	defer base.close()
	var list []measured
	for _, name := range names {
		e, files, err := o.files(folder, name)
		if err != nil {
			return err
		}
		for _, f := range files {
			fmt.Fprintln(stderr, "measuring", f.Name)
			m, err := o.measure(ctx, e, f, base, run)
			if err != nil {
				return fmt.Errorf("%s: %w", f.Name, err)
			}
			list = append(list, m)
		}
	}
	if o.asJSON {
		return json.NewEncoder(stdout).Encode(list)
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MODEL\tFILE\tDEVICE\tINPUT\tMEDIAN\tEMBEDDED\tRATIO")
	for _, m := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%.1f ms\t%.1f ms\t%.2f\n", m.Model, m.File, m.Device, m.Input, m.MS, m.DefaultMS, m.Ratio)
	}
	return w.Flush()
}

// files are those of a name of the catalogue or the one file.
func (o *modelsBenchOptions) files(folder *models.Folder, name string) (models.Entry, []content, error) {
	if isFile(name) {
		data, err := ort.ReadFile(name)
		return models.Entry{Name: baseName(name), Input: 640}, []content{{File: models.File{Name: name}, data: data}}, err
	}
	e, err := o.find(folder, name)
	if err != nil {
		return e, nil, err
	}
	files, err := contents(folder, e)
	return e, files, err
}

// measure times a network in turns with the embedded one.
func (o *modelsBenchOptions) measure(ctx context.Context, e models.Entry, f content, base *probe, run ort.Options) (measured, error) {
	side := e.Input
	if o.input > 0 {
		side = o.input
	}
	p, err := newProbe(f.data, run, side, side)
	if err != nil {
		return measured{}, err
	}
	defer p.close()
	var mine, theirs []time.Duration
	timed := func(p *probe, list *[]time.Duration) error {
		start := time.Now()
		err := p.run()
		*list = append(*list, time.Since(start))
		return err
	}
	for range o.rounds {
		if err := ctx.Err(); err != nil {
			return measured{}, err
		}
		if err := timed(base, &theirs); err != nil {
			return measured{}, err
		}
		if err := timed(p, &mine); err != nil {
			return measured{}, err
		}
	}
	m := measured{Model: e.Name, File: f.Name, Device: p.session.Provider().String(), MS: median(mine), DefaultMS: median(theirs)}
	m.Ratio = m.MS / m.DefaultMS
	m.Input = ort.FormatShape(p.in[0].Shape())
	return m, nil
}

// median is in milliseconds.
func median(d []time.Duration) float64 {
	slices.Sort(d)
	return float64(d[len(d)/2].Microseconds()) / 1000
}
