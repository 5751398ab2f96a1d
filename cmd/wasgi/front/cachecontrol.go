package front

import (
	"bytes"
	"math"
	"time"
)

// cacheControl is what Cache-Control says, of a request or of a response. RFC 9111,
// section 5.2.
type cacheControl struct {
	noStore, noCache, private, public     bool
	mustRevalidate, noTransform, ifCached bool
	maxAge, sharedAge                     time.Duration // max-age and s-maxage; -1: not said
}

// parseCacheControl reads the values of Cache-Control. What it does not know it passes
// over; of what is said twice, or cannot be read, that holds which keeps the least.
func parseCacheControl(values [][]byte) cacheControl {
	c := cacheControl{maxAge: -1, sharedAge: -1}
	for _, value := range values {
		for len(value) > 0 {
			var name, argument []byte
			name, argument, value = cutDirective(value)
			c.take(name, argument)
		}
	}
	return c
}

func (c *cacheControl) take(name, argument []byte) {
	switch string(bytes.ToLower(name)) {
	case "no-store":
		c.noStore = true
	case "no-cache": // of some headers only, says an argument: here of all
		c.noCache = true
	case "private":
		c.private = true
	case "public":
		c.public = true
	case "must-revalidate", "proxy-revalidate":
		c.mustRevalidate = true
	case "no-transform":
		c.noTransform = true
	case "only-if-cached":
		c.ifCached = true
	case "max-age":
		c.maxAge = shorter(c.maxAge, argument)
	case "s-maxage":
		c.sharedAge = shorter(c.sharedAge, argument)
	}
}

// shorter returns the lesser of what was said before, -1 for nothing, and a number of
// seconds, which is 0 where it is none.
func shorter(before time.Duration, seconds []byte) time.Duration {
	age := deltaSeconds(seconds)
	if before >= 0 {
		return min(before, age)
	}
	return age
}

// deltaSeconds reads seconds; more than there are in many years are as many.
func deltaSeconds(digits []byte) time.Duration {
	n, ok := position(digits)
	if !ok {
		return 0
	}
	return time.Duration(min(n, math.MaxInt32)) * time.Second
}

// cutDirective cuts the first directive off a list of them.
func cutDirective(list []byte) (name, argument, rest []byte) {
	end, quoted := len(list), false
	for i := 0; i < len(list) && end == len(list); i++ {
		switch {
		case list[i] == '\\' && quoted:
			i++
		case list[i] == '"':
			quoted = !quoted
		case list[i] == ',' && !quoted:
			end = i
		}
	}
	name, argument, _ = bytes.Cut(list[:end], []byte{'='})
	return bytes.Trim(name, " \t"), bytes.Trim(argument, " \t\""), list[min(end+1, len(list)):]
}
