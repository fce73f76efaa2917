package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"outrider/cmd/outrider/config"
	"outrider/docs"
	"outrider/models"
	"outrider/models/clip"
	"outrider/models/ort"
	"outrider/models/pull"
)

// catalogueFlags are those of every command on the catalogue.
type catalogueFlags struct {
	configFile, dir, manifest string
	asJSON                    bool
}

// open reads the catalogue that the configuration and the flags over it name.
func (o *catalogueFlags) open() (*models.Folder, config.Catalogue, error) {
	conf := config.Default()
	if o.configFile != "" {
		var err error
		if conf, err = config.Load(o.configFile, nil); err != nil {
			return nil, conf.Catalogue, err
		}
	}
	c := conf.Catalogue
	if o.dir != "" {
		c.Dir = o.dir
	}
	if o.manifest != "" {
		c.Manifest = o.manifest
	}
	f, err := models.OpenFolder(c.Dir, c.Manifest)
	return f, c, err
}

// find is Folder.Find with an unknown name as a fault of usage.
func (o *catalogueFlags) find(f *models.Folder, name string) (models.Entry, error) {
	e, err := f.Find(name)
	if err != nil {
		return e, &usageError{err}
	}
	return e, nil
}

func modelsCommand() *cobra.Command {
	var o catalogueFlags
	c := &cobra.Command{
		Use:   "models",
		Short: "List, pull, verify, show and measure the models of the catalogue",
		Long: `List, pull, verify, show and measure the models of the catalogue.

Pulled models lie in the folder that "models list" names: catalogue.dir of the configuration, --dir, or the environment's
OUTRIDER_MODELS. A manifest.json there, or --manifest, adds entries and replaces those of the same name.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	f := c.PersistentFlags()
	f.StringVarP(&o.configFile, "config", "c", "", "configuration `file` (YAML)")
	f.StringVar(&o.dir, "dir", "", "`folder` of pulled models")
	f.StringVar(&o.manifest, "manifest", "", "JSON `file` laid over the program's list of models")
	c.AddCommand(modelsListCommand(&o), modelsPullCommand(&o), modelsVerifyCommand(&o), modelsShowCommand(&o), modelsBenchCommand(&o), modelsExportHelpCommand(&o))
	return c
}

func (o *catalogueFlags) addJSON(c *cobra.Command) *cobra.Command {
	c.Flags().BoolVar(&o.asJSON, "json", false, "print JSON")
	return c
}

// listed is an entry and how it stands here.
type listed struct {
	models.Entry
	State models.State `json:"state"`
}

func modelsListCommand(o *catalogueFlags) *cobra.Command {
	return o.addJSON(&cobra.Command{
		Use:   "list",
		Short: "List the models and which of them are here",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			folder, _, err := o.open()
			if err != nil {
				return err
			}
			list := make([]listed, 0, len(folder.Entries))
			for _, e := range folder.Entries {
				list = append(list, listed{e, folder.State(e)})
			}
			if o.asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(list)
			}
			return printList(c.OutOrStdout(), folder.Dir, list)
		},
	})
}

func printList(out io.Writer, dir string, list []listed) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tTASK\tSTATE\tSIZE\tINPUT\tLICENCE\tDESCRIPTION")
	for _, l := range list {
		state := string(l.State)
		if l.State == models.StateAbsent {
			state = "to pull"
			if !l.Published() {
				state = "to export"
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", l.Name, l.Task, state, megabytes(l.Size()), l.Input, l.Licence, l.Description)
	}
	fmt.Fprintf(w, "\nfolder: %s\nto pull: outrider models pull NAME; to export: nobody is known to publish it as ONNX, see outrider models export-help NAME\n", dir)
	return w.Flush()
}

func megabytes(n int64) string {
	if n == 0 {
		return "?"
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

func modelsPullCommand(o *catalogueFlags) *cobra.Command {
	var mirror, proxy string
	var repin bool
	c := &cobra.Command{
		Use:   "pull NAME...",
		Short: "Fetch models into the folder, checked",
		Long: `Fetch models into the folder. A file is taken when it is whole, has the checksum of the catalogue and is an ONNX model;
otherwise nothing of it stays. Where the catalogue has no checksum, the first pull pins the file: its checksum is written
beside it, and later ones must bring the same. An interrupted pull goes on where it stopped.

--mirror takes a server (files at MIRROR/NAME/FILE), file:// or a folder, for instance the one you exported a model to.`,
		Example: `  outrider models pull mobilesam
  outrider models pull fastsam-s --mirror ~/exports
  outrider models pull clip-vit-b32 --mirror https://models.example.net/outrider --proxy http://proxy.example.net:3128`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			folder, conf, err := o.open()
			if err != nil {
				return err
			}
			if mirror == "" {
				mirror = conf.Mirror.Reveal()
			}
			if proxy == "" {
				proxy = conf.Proxy.Reveal()
			}
			var entries []models.Entry
			for _, name := range args {
				e, err := o.find(folder, name)
				if err != nil {
					return err
				}
				entries = append(entries, e)
			}
			return pullModels(c.Context(), &pull.Puller{Folder: folder, Mirror: mirror, Proxy: proxy, Repin: repin}, entries, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().StringVar(&mirror, "mirror", "", "where files are taken from instead: an `address`, file:// or a folder")
	c.Flags().StringVar(&proxy, "proxy", "", "proxy `URL`; default what HTTPS_PROXY and NO_PROXY say")
	c.Flags().BoolVar(&repin, "repin", false, "take a file that differs from the one pinned before")
	return c
}

func pullModels(ctx context.Context, p *pull.Puller, entries []models.Entry, stdout, stderr io.Writer) error {
	var bar *progress
	current := ""
	stop := func() {
		if bar != nil {
			bar.finish()
		}
		bar, current = nil, ""
	}
	p.Notice = func(text string) { stop(); fmt.Fprintln(stderr, text) }
	p.Progress = func(file string, done, total int64) {
		if file != current {
			stop()
			bar, current = newByteProgress(stderr, file, total), file
		}
		bar.set(int(done))
	}
	defer stop()
	for _, e := range entries {
		if err := p.Pull(ctx, e); err != nil {
			return err
		}
		stop()
		if !e.Embedded {
			fmt.Fprintf(stdout, "%s is in %s (licence of the weights: %s)\n", e.Name, p.Folder.Dir, e.Licence)
		}
	}
	return nil
}

// content is one file of a model, read and checked.
type content struct {
	models.File
	Path string `json:"path,omitempty"` // empty: in the program
	data []byte
}

// contents reads the files of e, embedded or pulled, and compares them with what is known of
// them.
func contents(folder *models.Folder, e models.Entry) ([]content, error) {
	var out []content
	paths := map[string]string{}
	if !e.Embedded {
		var err error
		if paths, err = folder.Use(e); err != nil {
			return nil, err
		}
	}
	for _, f := range e.Files {
		c := content{File: f, Path: paths[f.Role]}
		var err error
		if e.Embedded {
			c.data, err = embeddedFile(e.Name, f.Role)
		} else {
			c.data, err = ort.ReadFile(c.Path)
		}
		if err == nil {
			err = f.Verify(c.data)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// embeddedFile is a file of an embedded model, checked by the package that carries it.
func embeddedFile(name, role string) ([]byte, error) {
	if role == models.RoleModel {
		return models.Embedded(name)
	}
	image, text, err := clip.Embedded()
	if role == models.RoleImage {
		return image, err
	}
	return text, err
}

// verdict is what verify says of a model.
type verdict struct {
	Name  string `json:"name"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

func modelsVerifyCommand(o *catalogueFlags) *cobra.Command {
	return o.addJSON(&cobra.Command{
		Use:   "verify [NAME...]",
		Short: "Compare models with their size, checksum or pin; without names, all that are here",
		RunE: func(c *cobra.Command, args []string) error {
			folder, _, err := o.open()
			if err != nil {
				return err
			}
			var entries []models.Entry
			for _, name := range args {
				e, err := o.find(folder, name)
				if err != nil {
					return err
				}
				entries = append(entries, e)
			}
			if len(args) == 0 {
				for _, e := range folder.Entries {
					if folder.State(e) != models.StateAbsent {
						entries = append(entries, e)
					}
				}
			}
			return verifyModels(folder, entries, o.asJSON, c.OutOrStdout())
		},
	})
}

func verifyModels(folder *models.Folder, entries []models.Entry, asJSON bool, out io.Writer) error {
	var verdicts []verdict
	failed := false
	for _, e := range entries {
		v := verdict{Name: e.Name, OK: true}
		files, err := contents(folder, e)
		for _, f := range files {
			if _, e := ort.Inspect(f.data); e != nil {
				err = errors.Join(err, fmt.Errorf("%s: %w", f.Name, e))
			}
		}
		if err != nil {
			v.OK, v.Error, failed = false, err.Error(), true
		}
		verdicts = append(verdicts, v)
	}
	if asJSON {
		if err := json.NewEncoder(out).Encode(verdicts); err != nil {
			return err
		}
	} else {
		for _, v := range verdicts {
			if v.OK {
				fmt.Fprintf(out, "ok    %s\n", v.Name)
			} else {
				fmt.Fprintf(out, "fail  %s: %s\n", v.Name, v.Error)
			}
		}
	}
	if failed {
		return exitCode(exitFailed)
	}
	return nil
}

// shown is a model and what its files say of themselves.
type shown struct {
	listed
	Contents []shownFile `json:"contents,omitempty"`
}

type shownFile struct {
	content
	Info *ort.Info `json:"info"`
}

func modelsShowCommand(o *catalogueFlags) *cobra.Command {
	return o.addJSON(&cobra.Command{
		Use:   "show NAME|FILE",
		Short: "Show a model: where it comes from, its inputs, outputs, shapes and classes",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := o.show(args[0])
			if err != nil {
				return err
			}
			if o.asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(s)
			}
			printShown(c.OutOrStdout(), s)
			return nil
		},
	})
}

func (o *catalogueFlags) show(name string) (shown, error) {
	if isFile(name) {
		data, err := ort.ReadFile(name)
		if err != nil {
			return shown{}, err
		}
		info, err := ort.Inspect(data)
		if err != nil {
			return shown{}, fmt.Errorf("%s: %w", name, err)
		}
		file := models.File{Name: baseName(name), Size: int64(len(data))}
		return shown{listed: listed{Entry: models.Entry{Name: file.Name}}, Contents: []shownFile{{content{File: file, Path: name}, info}}}, nil
	}
	folder, _, err := o.open()
	if err != nil {
		return shown{}, err
	}
	e, err := o.find(folder, name)
	if err != nil {
		return shown{}, err
	}
	s := shown{listed: listed{e, folder.State(e)}}
	if s.State != models.StateEmbedded && s.State != models.StatePulled {
		return s, nil
	}
	files, err := contents(folder, e)
	if err != nil {
		return s, err
	}
	for _, f := range files {
		info, err := ort.Inspect(f.data)
		if err != nil {
			return s, fmt.Errorf("%s: %w", f.Name, err)
		}
		s.Contents = append(s.Contents, shownFile{f, info})
	}
	return s, nil
}

func printShown(out io.Writer, s shown) {
	line := func(name, format string, args ...any) {
		if text := fmt.Sprintf(format, args...); text != "" {
			fmt.Fprintf(out, "%-13s %s\n", name, text)
		}
	}
	line("name", "%s", s.Name)
	if s.State != "" {
		line("description", "%s", s.Description)
		line("task", "%s", s.Task)
		line("licence", "%s", s.Licence)
		line("source", "%s", s.Source)
		line("made for", "%d pixels", s.Input)
		line("classes", "%s", s.Classes)
		line("state", "%s", s.State)
	}
	if s.Unreached {
		line("note", "its addresses and checksums are what others publish; they were not fetched when this program was made")
	}
	for _, f := range s.Contents {
		fmt.Fprintln(out)
		line("file", "%s", f.Name)
		line("path", "%s", f.Path)
		line("size", "%d bytes, %d weights", len(f.data), f.Info.Elements)
		line("SHA-256", "%s", f.SHA256)
		line("made by", "%s, opset %d", f.Info.Producer, f.Info.Opset)
		for _, t := range f.Info.Inputs {
			line("input", "%s", t)
		}
		for _, t := range f.Info.Outputs {
			line("output", "%s", t)
		}
		line("classes", "%s", f.Info.Metadata["names"])
	}
	if len(s.Contents) > 0 {
		return
	}
	for _, f := range s.Files {
		fmt.Fprintln(out)
		line("file", "%s", f.Name)
		line("size", "%s", megabytes(f.Size))
		if f.SHA256 == "" {
			line("SHA-256", "unverified: first use pins it")
		} else {
			line("SHA-256", "%s", f.SHA256)
		}
		if f.URL == "" {
			line("address", "none is known: outrider models export-help %s", s.Name)
		} else {
			line("address", "%s", f.URL)
		}
	}
}

func modelsExportHelpCommand(o *catalogueFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "export-help NAME",
		Short: "Say how to make a model's ONNX files from its official weights",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			folder, _, err := o.open()
			if err != nil {
				return err
			}
			e, err := o.find(folder, args[0])
			if err != nil {
				return err
			}
			text, ok := docs.ModelFamily(e.Family)
			if !ok {
				return fmt.Errorf("docs/models.md has no section on %q, the family of %s", e.Family, e.Name)
			}
			var names []string
			for _, f := range e.Files {
				names = append(names, f.Name)
			}
			fmt.Fprintf(c.OutOrStdout(), "%s\nFor %s the files are called %s. Then:\n\n    outrider models pull %s --mirror FOLDER\n", text, e.Name, strings.Join(names, " and "), e.Name)
			return nil
		},
	}
}

// isFile tells a file from a name of the catalogue, which has neither dots nor slashes.
func isFile(s string) bool {
	return strings.ContainsAny(s, `./\`) || strings.ContainsRune(s, os.PathSeparator)
}
