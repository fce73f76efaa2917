package main

import (
	"github.com/spf13/cobra"

	"outrider/streams/capture/child"
)

// captureChildCommand is the hidden subcommand in which network cameras are decoded.
func captureChildCommand() *cobra.Command {
	return &cobra.Command{
		Use:    child.Argument,
		Short:  "Decode a camera for another outrider process",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if code := child.Main(c.InOrStdin(), c.ErrOrStderr()); code != 0 {
				return exitCode(code)
			}
			return nil
		},
	}
}
