package main

import (
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"outrider/cmd/outrider/config"
)

func configCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Check and print configurations",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use:   "check FILE",
		Short: "Say whether a configuration is valid; errors name line, column and the nearest known key",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			conf, err := config.Load(args[0], nil)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s is valid: %d cameras\n", args[0], len(conf.Cameras))
			return nil
		},
	}, &cobra.Command{
		Use:   "print [FILE]",
		Short: "Print the configuration as the program sees it, defaults filled in, secrets as ***",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			conf := config.Default()
			if len(args) == 1 {
				var err error
				if conf, err = config.Load(args[0], nil); err != nil {
					return err
				}
			}
			b, err := yaml.Marshal(conf)
			if err != nil {
				return fmt.Errorf("print configuration: %w", err)
			}
			_, err = c.OutOrStdout().Write(b)
			return err
		},
	})
	return c
}
