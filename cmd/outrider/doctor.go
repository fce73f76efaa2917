package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"gocv.io/x/gocv"

	"outrider/cmd/outrider/config"
	"outrider/models/ort"
	"outrider/pipeline"
	"outrider/streams/capture/decode"
)

// finding is one line of the doctor.
type finding struct {
	Name   string `json:"name"`
	State  string `json:"state"` // ok, warn, fail
	Detail string `json:"detail"`
	Mend   string `json:"mend,omitempty"`
}

const (
	stateOK   = "ok"
	stateWarn = "warn"
	stateFail = "fail"
)

func doctorCommand() *cobra.Command {
	var asJSON bool
	var configFile, health string
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Say what is installed and usable, with the mend for what is not",
		Long: `Say what is installed and usable: OpenCV and its back ends, ONNX Runtime and its providers, the models, sample video,
ports, broker and data folder, each line with the mend. The exit code is 1 when something needed is broken.

With --health URL it only asks a running service whether it is well (for containers).`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if health != "" {
				return askHealth(c.Context(), health)
			}
			conf := config.Default()
			if configFile != "" {
				var err error
				if conf, err = config.Load(configFile, nil); err != nil {
					return err
				}
			}
			found := examine(c.Context(), conf)
			if asJSON {
				if err := json.NewEncoder(c.OutOrStdout()).Encode(found); err != nil {
					return err
				}
			} else {
				printFindings(c.OutOrStdout(), found)
			}
			for _, f := range found {
				if f.State == stateFail {
					return exitCode(exitFailed)
				}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().StringVarP(&configFile, "config", "c", "", "configuration `file` to examine for")
	c.Flags().StringVar(&health, "health", "", "only ask this `URL` of a running service")
	return c
}

func printFindings(w io.Writer, found []finding) {
	for _, f := range found {
		fmt.Fprintf(w, "%-5s %-22s %s\n", f.State, f.Name, f.Detail)
		if f.Mend != "" && f.State != stateOK {
			fmt.Fprintf(w, "%-5s %-22s -> %s\n", "", "", f.Mend)
		}
	}
}

func askHealth(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return usagef("--health %q: %w", address, err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask %s: %w", address, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("ask %s: %s", address, res.Status)
	}
	return nil
}

func examine(ctx context.Context, conf config.Config) []finding {
	var out []finding
	add := func(name, state, detail, mend string) {
		out = append(out, finding{name, state, detail, mend})
	}
	add("outrider", stateOK, fmt.Sprintf("%s, %s, %s/%s, %d cores", version, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU()), "")
	add("OpenCV", stateOK, gocv.OpenCVVersion(), "")
	for _, b := range []struct {
		name string
		api  decode.API
		use  string
	}{{"FFmpeg", decode.FFmpeg, "files, RTSP and HTTP"}, {"GStreamer", decode.GStreamer, "gst: sources"}, {"V4L2", decode.V4L2, "USB cameras"}} {
		if decode.HasBackend(b.api) {
			add("OpenCV "+b.name, stateOK, b.use, "")
		} else {
			add("OpenCV "+b.name, stateWarn, "not built in: no "+b.use, "install the distribution's libopencv-dev, which has it")
		}
	}
	out = append(out, examineORT(conf)...)
	out = append(out, examineModels(ctx, conf)...)
	if _, err := os.Stat(sampleVideo); err != nil {
		add("sample video", stateWarn, "not installed; the demo shows a rendered street", "apt-get install opencv-doc")
	} else {
		add("sample video", stateOK, sampleVideo, "")
	}
	out = append(out, examinePort("web address", "tcp", conf.Web.Listen, "stop the other program, or choose another with --listen"))
	if conf.WebRTC.UDPPort != 0 {
		out = append(out, examinePort("WebRTC port", "udp", fmt.Sprintf(":%d", conf.WebRTC.UDPPort), "stop the other program, or choose another with webrtc.udp_port or --udp-port"))
	}
	out = append(out, examineBroker(conf))
	out = append(out, examineData(conf))
	return out
}

func examineORT(conf config.Config) []finding {
	if err := ort.Init(); err != nil {
		return []finding{{"ONNX Runtime", stateFail, err.Error(), "run `make setup`, or set ORT_LIB to libonnxruntime.so"}}
	}
	v, path := ort.Version()
	out := []finding{{"ONNX Runtime", stateOK, v + ", " + path, ""}}
	providers, err := ort.Providers()
	if err != nil {
		return append(out, finding{"providers", stateFail, err.Error(), ""})
	}
	for _, p := range providers {
		f := finding{"provider " + p.Name, stateOK, "usable", ""}
		if p.Err != nil {
			f.State, f.Detail = stateWarn, p.Err.Error()
			f.Mend = "take the library of the onnxruntime-gpu wheel (ORT_LIB) and the vendor's driver; or leave device at auto or cpu"
			if strings.HasPrefix(conf.Model.Device, p.Name) {
				f.State = stateFail
			}
		}
		out = append(out, f)
	}
	return out
}

func examineModels(ctx context.Context, conf config.Config) []finding {
	m := newModelSet(conf)
	if err := m.Initialize(); err != nil {
		return []finding{{"model", stateFail, err.Error(), "check model.file and model.device, or leave them out for the embedded model"}}
	}
	defer m.Close()
	f, err := pipeline.NewFrame("doctor", 640, 360, make([]byte, 3*640*360))
	if err != nil {
		return []finding{{"model", stateFail, err.Error(), ""}}
	}
	start := time.Now()
	segs, err := m.Segmenter().Segment(ctx, []*pipeline.Frame{f})
	if err != nil {
		return []finding{{"model", stateFail, err.Error(), "check model.device"}}
	}
	took := time.Since(start)
	for _, s := range segs {
		s.Release()
	}
	out := []finding{{"model", stateOK, fmt.Sprintf("%s on %s, %v a 640x360 frame", m.Name(), m.Provider(), took.Round(time.Millisecond)), ""}}
	if _, err := m.TextEncoder().EncodeTexts(ctx, []string{"person"}); err != nil {
		return append(out, finding{"text model", stateFail, err.Error(), ""})
	}
	return append(out, finding{"text model", stateOK, conf.Text.Name, ""})
}

func examinePort(name, network, address, mend string) finding {
	var err error
	if network == "udp" {
		var c net.PacketConn
		if c, err = net.ListenPacket(network, address); err == nil {
			c.Close()
		}
	} else {
		var l net.Listener
		if l, err = net.Listen(network, address); err == nil {
			l.Close()
		}
	}
	if err != nil {
		return finding{name, stateFail, err.Error(), mend}
	}
	return finding{name, stateOK, network + " " + address + " is free", ""}
}

func examineBroker(conf config.Config) finding {
	switch address := conf.MQTT.URL.Reveal(); address {
	case "off":
		return finding{"MQTT", stateOK, "off", ""}
	case "embedded":
		f := examinePort("MQTT broker", "tcp", conf.MQTT.Listen, "another broker runs there: use it with mqtt.url, or choose another address with mqtt.listen")
		if f.State == stateOK {
			f.Detail = "embedded, " + f.Detail
		}
		return f
	default:
		u, err := url.Parse(address)
		if err != nil {
			return finding{"MQTT broker", stateFail, "mqtt.url cannot be read", "want mqtt://[user:password@]host:port"}
		}
		host := u.Host
		if u.Port() == "" {
			host = net.JoinHostPort(u.Hostname(), map[string]string{"mqtts": "8883"}[u.Scheme]+map[string]string{"mqtt": "1883"}[u.Scheme])
		}
		c, err := net.DialTimeout("tcp", host, 3*time.Second)
		if err != nil {
			return finding{"MQTT broker", stateFail, fmt.Sprintf("%s does not answer: %v", host, err), "start the broker, or correct mqtt.url"}
		}
		c.Close()
		return finding{"MQTT broker", stateOK, host + " answers", ""}
	}
}

func examineData(conf config.Config) finding {
	dir, err := dataFolder(conf.Store.Path)
	if err == nil {
		probe := filepath.Join(dir, ".doctor")
		err = errors.Join(os.WriteFile(probe, nil, 0o600), os.Remove(probe))
	}
	if err != nil {
		return finding{"data folder", stateFail, err.Error(), "set store.path to a folder that can be written"}
	}
	return finding{"data folder", stateOK, dir, ""}
}
