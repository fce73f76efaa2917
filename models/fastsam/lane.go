package fastsam

import (
	"errors"
	"fmt"
	"image"

	"gocv.io/x/gocv"

	"outrider/models/levels"
	"outrider/models/ort"
	"outrider/pipeline"
)

// lane is all that one inference needs: tensors bound to the session, the scratch picture of
// the letterbox, the decoder's memory. It serves batches of one number of frames of one
// size, because the grey margins are painted once. One goroutine at a time.
type lane struct {
	key     laneKey
	box     Letterbox
	input   *ort.Tensor[float32]
	outputs []ort.Value // boxes, prototypes, and drivable when it is wanted
	boxes   *ort.Tensor[float32]
	protos  *ort.Tensor[float32]
	drive   *ort.Tensor[float32] // nil when not wanted
	binding *ort.Binding
	resized gocv.Mat
	classes int

	decoder decoder
	tree    levels.Tree
}

type laneKey struct{ frameW, frameH, batch int }

// newLane allocates a lane and runs the network once: its outputs' shapes are not known
// before, and the first run of a shape is slow anyway.
func newLane(s *ort.Session, c contract, key laneKey, box Letterbox) (*lane, error) {
	l := &lane{key: key, box: box, resized: gocv.NewMatWithSize(box.NewH, box.NewW, gocv.MatTypeCV8UC3)}
	if err := l.bind(s, c); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

// bind makes the tensors and attaches them to the session.
func (l *lane) bind(s *ort.Session, c contract) (err error) {
	if l.input, err = ort.NewTensor[float32](int64(l.key.batch), 3, int64(l.box.H), int64(l.box.W)); err != nil {
		return err
	}
	for i := range l.input.Data {
		l.input.Data[i] = float32(114) / 255
	}
	first := make([]ort.Value, len(s.Outputs()))
	defer func() {
		for _, v := range first {
			if v != nil {
				_ = v.Close()
			}
		}
	}()
	if err := s.Run([]ort.Value{l.input}, first); err != nil {
		return err
	}
	if l.classes, err = c.checkOutputs(l.key.batch, l.box.W, l.box.H, first); err != nil {
		return err
	}
	for _, v := range first {
		t, err := ort.NewTensor[float32](v.Shape()...)
		if err != nil {
			return err
		}
		l.outputs = append(l.outputs, t)
	}
	l.boxes, l.protos = l.outputs[0].(*ort.Tensor[float32]), l.outputs[1].(*ort.Tensor[float32])
	if len(l.outputs) > 2 {
		l.drive = l.outputs[2].(*ort.Tensor[float32])
	}
	l.binding, err = s.Bind([]ort.Value{l.input}, l.outputs)
	return err
}

// prepare letterboxes a frame into the i-th place of the batch. The frame has the lane's size.
func (l *lane) prepare(i int, f *pipeline.Frame) error {
	src := f.Data
	if l.box.NewW != f.Width || l.box.NewH != f.Height {
		m, err := gocv.NewMatFromBytes(f.Height, f.Width, gocv.MatTypeCV8UC3, f.Data)
		if err != nil {
			return fmt.Errorf("letterbox: %w", err)
		}
		gocv.Resize(m, &l.resized, image.Pt(l.box.NewW, l.box.NewH), 0, 0, gocv.InterpolationLinear)
		if err := m.Close(); err != nil {
			return fmt.Errorf("letterbox: %w", err)
		}
		if src, err = l.resized.DataPtrUint8(); err != nil {
			return fmt.Errorf("letterbox: %w", err)
		}
		if len(src) != 3*l.box.NewW*l.box.NewH {
			return errors.New("letterbox: OpenCV could not resize the frame")
		}
	}
	plane := l.box.W * l.box.H
	pack(src, l.box.NewW, l.box.NewH, l.input.Data[3*plane*i:], l.box.Top*l.box.W+l.box.Left, l.box.W, plane)
	return nil
}

// run runs the network on what was prepared.
func (l *lane) run() error { return l.binding.Run() }

// predictions are the network's boxes for the i-th frame.
func (l *lane) predictions(i int) predictions {
	s := l.boxes.Shape()
	size := int(s[1] * s[2])
	return predictions{data: l.boxes.Data[i*size : (i+1)*size], classes: l.classes, n: int(s[2])}
}

// prototypes are the network's mask prototypes for the i-th frame.
func (l *lane) prototypes(i int) prototypes {
	s := l.protos.Shape()
	size := int(s[1] * s[2] * s[3])
	return prototypes{data: l.protos.Padded()[i*size:], n: int(s[1]), h: int(s[2]), w: int(s[3])}
}

// decode fills r with the segments of the i-th frame.
func (l *lane) decode(i int, r *result, s settings, names []string) {
	protos := l.prototypes(i)
	l.decoder.decode(r, l.predictions(i), protos, l.box, s, names)
	l.tree.Build(r.Segments)
	if l.drive != nil {
		size := protos.w * protos.h
		r.setDrivable(l.drive.Data[i*size:(i+1)*size], l.box, protos)
	}
}

func (l *lane) close() error {
	var errs []error
	if l.binding != nil {
		errs = append(errs, l.binding.Close())
	}
	if l.input != nil {
		errs = append(errs, l.input.Close())
	}
	for _, v := range l.outputs {
		errs = append(errs, v.Close())
	}
	return errors.Join(append(errs, l.resized.Close())...)
}
