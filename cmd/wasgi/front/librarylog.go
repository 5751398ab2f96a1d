package front

import (
	"context"
	"log/slog"

	"go.uber.org/zap/zapcore"
)

// libraryLog is a zapcore.Core that writes to the server's log. What the library calls
// information is for those who look for a mistake.
type libraryLog struct {
	log    *slog.Logger
	fields []zapcore.Field
}

func (l libraryLog) level(of zapcore.Level) slog.Level {
	switch {
	case of >= zapcore.ErrorLevel:
		return slog.LevelError
	case of == zapcore.WarnLevel:
		return slog.LevelWarn
	case of == zapcore.InfoLevel:
		return slog.LevelDebug
	}
	return slog.LevelDebug - 1
}

// Enabled implements zapcore.LevelEnabler.
func (l libraryLog) Enabled(level zapcore.Level) bool {
	return l.log.Enabled(context.Background(), l.level(level))
}

// With implements zapcore.Core.
func (l libraryLog) With(fields []zapcore.Field) zapcore.Core {
	l.fields = append(l.fields[:len(l.fields):len(l.fields)], fields...)
	return l
}

// Check implements zapcore.Core.
func (l libraryLog) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if !l.Enabled(e.Level) {
		return to
	}
	return to.AddCore(e, l)
}

// Write implements zapcore.Core.
func (l libraryLog) Write(e zapcore.Entry, fields []zapcore.Field) error {
	all := zapcore.NewMapObjectEncoder()
	for _, field := range append(l.fields[:len(l.fields):len(l.fields)], fields...) {
		field.AddTo(all)
	}
	l.log.Log(context.Background(), l.level(e.Level), "certificates: "+e.Message, "at", e.LoggerName, "with", all.Fields)
	return nil
}

// Sync implements zapcore.Core.
func (l libraryLog) Sync() error { return nil }
