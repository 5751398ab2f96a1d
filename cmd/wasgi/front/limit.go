package front

import (
	"context"
	"errors"
	"slices"
	"strings"

	"wasgi/abi"
	"wasgi/quotas"
)

// limitHeader tells a client, and who watches, which limits a request met. It is the
// server's own: an app's is left out.
const limitHeader = "X-Wasgi-Limit"

// overBody is a body that is longer than its limit: an app that reads or writes it is
// told abi.ErrorLimit.
type overBody struct{ *quotas.Exceeded }

func (e overBody) Unwrap() []error { return []error{abi.ErrorLimit, e.Exceeded} }

func overLimit(l quotas.Limit, most int64) error {
	return overBody{&quotas.Exceeded{Limit: l, Detail: "a body longer than " + quotas.Bytes(most).String()}}
}

// exceeded returns the limit that an error of the layers below came of, nil for none.
func exceeded(err error) *quotas.Exceeded {
	var over *quotas.Exceeded
	var limit quotas.Limit
	switch {
	case errors.As(err, &over):
		return over
	case errors.As(err, &limit):
	case errors.Is(err, abi.ErrorDeadline), errors.Is(err, context.DeadlineExceeded):
		limit = quotas.LimitTimeout
	default:
		return nil
	}
	return &quotas.Exceeded{Limit: limit}
}

// limitNames writes limits as they stand in the header and the access log, each once.
func limitNames(limits []quotas.Limit) string {
	if len(limits) == 0 || len(limits) == 1 && limits[0] == "" {
		return ""
	}
	var names []string
	for _, l := range limits {
		if l != "" && !slices.Contains(names, string(l)) {
			names = append(names, string(l))
		}
	}
	return strings.Join(names, ", ")
}
