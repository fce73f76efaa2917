package main

import (
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
	"gocv.io/x/gocv"
)

func versionCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the versions of the program and of what it is built with",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			v := struct {
				Outrider string `json:"outrider"`
				Go       string `json:"go"`
				OpenCV   string `json:"opencv"`
				Platform string `json:"platform"`
			}{version, runtime.Version(), gocv.OpenCVVersion(), runtime.GOOS + "/" + runtime.GOARCH}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(v)
			}
			fmt.Fprintf(c.OutOrStdout(), "outrider %s (%s, OpenCV %s, %s)\n", v.Outrider, v.Go, v.OpenCV, v.Platform)
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
