package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"outrider/streams/export"
)

func evalCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "eval",
		Short: "Measure quality on data with ground truth",
		Long: `Measure quality on data with ground truth, with the figures of the field. docs/evaluation.md says what each figure
means and which layouts of data are read.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(evalTrackCommand(), evalVOSCommand(), evalTextCommand(), evalRoadCommand())
	return c
}

// writeReport writes v as JSON to a file, or to stdout for "-".
func writeReport(path string, stdout io.Writer, v any) error {
	write := func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
	if path == "-" {
		return write(stdout)
	}
	if err := export.WriteFile(path, func(w *bufio.Writer) error { return write(w) }); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
