package webrtc

import (
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// pionLog passes what pion has to say to the program's log, at debug level: its warnings are
// about single packets and candidates of viewers that come and go.
type pionLog struct {
	log   *slog.Logger
	scope string
}

// NewLogger implements logging.LoggerFactory.
func (l pionLog) NewLogger(scope string) logging.LeveledLogger { return pionLog{l.log, scope} }

func (l pionLog) Trace(string)          {}
func (l pionLog) Tracef(string, ...any) {}
func (l pionLog) Debug(string)          {}
func (l pionLog) Debugf(string, ...any) {}
func (l pionLog) Info(string)           {}
func (l pionLog) Infof(string, ...any)  {}

func (l pionLog) Warn(msg string)             { l.log.Debug(msg, "part", l.scope) }
func (l pionLog) Warnf(f string, args ...any) { l.log.Debug(fmt.Sprintf(f, args...), "part", l.scope) }
func (l pionLog) Error(msg string)            { l.log.Debug(msg, "part", l.scope) }
func (l pionLog) Errorf(f string, a ...any)   { l.log.Debug(fmt.Sprintf(f, a...), "part", l.scope) }
