package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"outrider/streams/export"
)

type exportOptions struct {
	out      string
	formats  []string
	from, to time.Duration
}

func exportCommand() *cobra.Command {
	var o exportOptions
	c := &cobra.Command{
		Use:   "export FILE.jsonl...",
		Short: "Write the tracks of an offline run as COCO, YOLO, MOT, MOTS, CVAT or CSV",
		Long: `Write what "outrider track" has found in a video in the forms that other tools read. For FILE "walk.jsonl":

  coco   walk.coco.json   instances with RLE masks and track ids
  yolo   walk.yolo/       a label file a frame with polygons, and data.yaml
  mot    walk.mot.txt     MOTChallenge boxes
  mots   walk.mots.txt    MOTS masks; where objects overlap, the smallest has the pixel
  cvat   walk.cvat.xml    CVAT for video 1.1, one polygon an object and frame
  csv    walk.csv         one row an object and frame`,
		Example: `  outrider track walk.avi -o out
  outrider export out/walk.jsonl --format coco,cvat -o out`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runExport(o, args, c.OutOrStdout()) },
	}
	f := c.Flags()
	f.StringVarP(&o.out, "output", "o", "out", "output `folder`, made when missing")
	f.StringSliceVar(&o.formats, "format", nil, "coco, yolo, mot, mots, cvat, csv; several with commas")
	f.DurationVar(&o.from, "start", 0, "start at this `time` of the video")
	f.DurationVar(&o.to, "end", 0, "end at this `time` of the video, 0 for its end")
	return c
}

func runExport(o exportOptions, files []string, stdout io.Writer) error {
	if len(o.formats) == 0 {
		return &usageError{errors.New("no format: give --format coco, yolo, mot, mots, cvat or csv, several with commas")}
	}
	var formats []export.Format
	for _, f := range o.formats {
		formats = append(formats, export.Format(strings.ToLower(strings.TrimSpace(f))))
	}
	if err := export.CheckFormats(formats); err != nil {
		return &usageError{fmt.Errorf("--format: %w", err)}
	}
	if o.from < 0 || o.to < 0 || o.to > 0 && o.to <= o.from {
		return &usageError{fmt.Errorf("--start %v and --end %v: want an end after the start", o.from, o.to)}
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return fmt.Errorf("make the output folder: %w", err)
	}
	for _, path := range files {
		in, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return &usageError{fmt.Errorf("%s: no such file; \"outrider track VIDEO\" writes one", path)}
		}
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(filepath.Base(path), ".jsonl")
		c := export.Converter{Dir: o.out, Name: name, Version: version, From: o.from.Seconds(), To: o.to.Seconds(), Formats: formats}
		n, err := c.Convert(in)
		in.Close()
		if err != nil {
			return fmt.Errorf("export %s: %w", path, err)
		}
		fmt.Fprintf(stdout, "%s: %d frames as %s in %s\n", path, n, strings.Join(o.formats, ", "), o.out)
	}
	return nil
}
