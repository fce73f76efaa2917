package fastsam

import (
	"fmt"
	"strconv"
	"strings"

	"outrider/models/ort"
)

// coefficients is the number of mask coefficients of a segment, and of prototypes.
const coefficients = 32

// boxRows are the rows of the predictions before the class scores: cx, cy, w, h.
const boxRows = 4

// contract is what a fitting model says of itself.
type contract struct {
	input    string
	boxes    string // [B, 4+classes+32, N]
	protos   string // [B, 32, H/4, W/4]
	drivable string // [B, 1, H/4, W/4], empty when there is none
	batch    int    // fixed batch size, 0 when open
	w, h     int    // fixed input size, 0 when open
	names    []string
}

// ContractError is a model that does not fit FastSAM's contract.
type ContractError struct {
	Tensor string // which one
	Want   string
	Got    string
}

func (e *ContractError) Error() string {
	return fmt.Sprintf("the model does not fit: %s: want %s, found %s (want an export of FastSAM, YOLOv8-seg or YOLO11-seg without built-in NMS)", e.Tensor, e.Want, e.Got)
}

const wantInput = "one input, images float32 [batch, 3, height, width]"

// readContract checks what the file says; checkOutputs checks what a run gives.
func readContract(info *ort.Info) (contract, error) {
	var c contract
	if len(info.Inputs) != 1 {
		return c, &ContractError{"inputs", wantInput, fmt.Sprintf("%d: %s", len(info.Inputs), list(info.Inputs))}
	}
	in := info.Inputs[0]
	bad := &ContractError{"input " + strconv.Quote(in.Name), "float32 [batch, 3, height, width]", in.String()}
	if in.Type != "float32" || (in.Shape != nil && len(in.Shape) != 4) {
		return c, bad
	}
	c.input = in.Name
	if s := in.Shape; s != nil {
		if s[1] != 3 && s[1] != -1 {
			return c, bad
		}
		if (s[2] < 0) != (s[3] < 0) {
			bad.Want += " with both sides fixed or both open"
			return c, bad
		}
		if s[2] > 0 {
			if s[2]%Stride != 0 || s[3]%Stride != 0 || s[2] > maxInput || s[3] > maxInput {
				bad.Want += fmt.Sprintf(" with sides that are multiples of %d, at most %d", Stride, maxInput)
				return c, bad
			}
			c.h, c.w = int(s[2]), int(s[3])
		}
		if s[0] > 0 {
			c.batch = int(s[0])
		}
	}
	var err error
	if c.boxes, err = output(info, "output0", 3, "float32 [batch, 4+classes+32, anchors]"); err != nil {
		return c, err
	}
	if c.protos, err = output(info, "output1", 4, "float32 [batch, 32, height/4, width/4]"); err != nil {
		return c, err
	}
	if t, ok := ort.Find(info.Outputs, "drivable"); ok && t.Type == "float32" && len(t.Shape) == 4 {
		c.drivable = t.Name
	}
	c.names = classNames(info.Metadata["names"])
	return c, nil
}

// maxInput bounds the sides of the network's input.
const maxInput = 4096

// output finds an output by its usual name, else the only one of that rank.
func output(info *ort.Info, name string, rank int, want string) (string, error) {
	t, ok := ort.Find(info.Outputs, name)
	if !ok {
		n := 0
		for _, o := range info.Outputs {
			if len(o.Shape) == rank && o.Name != "drivable" {
				t = o
				n++
			}
		}
		if n != 1 {
			return "", &ContractError{"output " + strconv.Quote(name), want, "outputs " + list(info.Outputs)}
		}
	}
	if t.Type != "float32" || (t.Shape != nil && len(t.Shape) != rank) {
		return "", &ContractError{"output " + strconv.Quote(t.Name), want, t.String()}
	}
	return t.Name, nil
}

func list(ts []ort.TensorInfo) string {
	s := make([]string, len(ts))
	for i, t := range ts {
		s[i] = t.String()
	}
	return strings.Join(s, ", ")
}

// checkOutputs compares what a run of a batch x 3 x h x w input gave with the contract and
// returns the number of classes.
func (c contract) checkOutputs(batch, w, h int, outputs []ort.Value) (classes int, err error) {
	b, p := outputs[0].Shape(), outputs[1].Shape()
	n3 := w*h/64 + w*h/256 + w*h/1024
	n4 := n3 + w*h/4096 // networks with a fourth scale
	ok := len(b) == 3 && b[0] == int64(batch) && b[1] > boxRows+coefficients && (b[2] == int64(n3) || b[2] == int64(n4))
	if ok && len(c.names) > 0 {
		ok = b[1] == int64(boxRows+len(c.names)+coefficients)
	}
	at := fmt.Sprintf(" for a %dx%d input", w, h)
	if !ok {
		rows := "4+classes+32"
		if len(c.names) > 0 {
			rows = strconv.Itoa(boxRows + len(c.names) + coefficients)
		}
		return 0, &ContractError{"output " + strconv.Quote(c.boxes), fmt.Sprintf("[%d, %s, %d]%s", batch, rows, n3, at), ort.FormatShape(b)}
	}
	if len(p) != 4 || p[0] != int64(batch) || p[1] != coefficients || p[2] != int64(h/4) || p[3] != int64(w/4) {
		return 0, &ContractError{"output " + strconv.Quote(c.protos), fmt.Sprintf("[%d, %d, %d, %d]%s", batch, coefficients, h/4, w/4, at), ort.FormatShape(p)}
	}
	if len(outputs) > 2 {
		if d := outputs[2].Shape(); len(d) != 4 || d[0] != int64(batch) || d[1] != 1 || d[2] != p[2] || d[3] != p[3] {
			return 0, &ContractError{"output " + strconv.Quote(c.drivable), fmt.Sprintf("[%d, 1, %d, %d]%s", batch, h/4, w/4, at), ort.FormatShape(d)}
		}
	}
	return int(b[1]) - boxRows - coefficients, nil
}

// classNames reads what Ultralytics writes into its exports, like {0: 'person', 1: "cat's"}.
// It is nil when s is anything else.
func classNames(s string) []string {
	s, ok := strings.CutPrefix(strings.TrimSpace(s), "{")
	if !ok {
		return nil
	}
	var names []string
	for {
		s = strings.TrimLeft(s, " ,\n")
		if s == "}" {
			return names
		}
		key, rest, ok := strings.Cut(s, ":")
		if n, err := strconv.Atoi(strings.TrimSpace(key)); !ok || err != nil || n != len(names) {
			return nil
		}
		rest = strings.TrimLeft(rest, " ")
		if rest == "" || (rest[0] != '\'' && rest[0] != '"') {
			return nil
		}
		end := strings.IndexByte(rest[1:], rest[0])
		if end < 0 {
			return nil
		}
		names = append(names, rest[1:1+end])
		s = rest[end+2:]
	}
}
