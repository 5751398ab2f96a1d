// Package quotas holds what a tenant may use: limits as they are given, and the
// accounts that hold a guest to them.
package quotas

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is an amount of memory or data. Its text is a whole number and a unit of
// KiB, MiB, GiB or B: "128MiB".
type Bytes int64

// Sizes of the units.
const (
	KiB Bytes = 1 << (10 * (iota + 1))
	MiB
	GiB
)

// ParseBytes reads what String writes.
func ParseBytes(s string) (Bytes, error) {
	digits := strings.TrimRight(s, "BGKMi")
	unit, ok := unitOf(s[len(digits):])
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || digits[0] == '+' {
		return 0, fmt.Errorf("%q is no size, want a whole number and B, KiB, MiB or GiB, like \"128MiB\"", s)
	}
	if n > math.MaxInt64/int64(unit) || n < -math.MaxInt64/int64(unit) {
		return 0, fmt.Errorf("%q is a larger size than there can be", s)
	}
	return Bytes(n) * unit, nil
}

func unitOf(name string) (Bytes, bool) {
	switch name {
	case "B":
		return 1, true
	case "KiB":
		return KiB, true
	case "MiB":
		return MiB, true
	case "GiB":
		return GiB, true
	}
	return 0, false
}

// UnmarshalText is ParseBytes, for decoders.
func (b *Bytes) UnmarshalText(text []byte) error {
	n, err := ParseBytes(string(text))
	if err == nil {
		*b = n
	}
	return err
}

// String writes the amount in the largest unit that divides it.
func (b Bytes) String() string {
	switch {
	case b != 0 && b%GiB == 0:
		return fmt.Sprintf("%dGiB", b/GiB)
	case b != 0 && b%MiB == 0:
		return fmt.Sprintf("%dMiB", b/MiB)
	case b != 0 && b%KiB == 0:
		return fmt.Sprintf("%dKiB", b/KiB)
	}
	return fmt.Sprintf("%dB", int64(b))
}
