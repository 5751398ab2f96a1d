package runtime

import (
	"context"
	"crypto/pbkdf2"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"wasgi/abi"
	"wasgi/quotas"
)

// RFC 6070, and RFC 7914, section 11.
func TestPBKDF2Vectors(t *testing.T) {
	for _, v := range []struct {
		digest         abi.Digest
		password, salt string
		rounds         int
		want           string
	}{
		{abi.DigestSHA1, "password", "salt", 1, "0c60c80f961f0e71f3a9b524af6012062fe037a6"},
		{abi.DigestSHA1, "password", "salt", 2, "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"},
		{abi.DigestSHA1, "password", "salt", 4096, "4b007901b765489abead49d926f721d065a429c1"},
		{abi.DigestSHA1, "passwordPASSWORDpassword", "saltSALTsaltSALTsaltSALTsaltSALTsalt", 4096, "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038"},
		{abi.DigestSHA1, "pass\x00word", "sa\x00lt", 4096, "56fa6aa75548099dcc37d7f03425e0c3"},
		{abi.DigestSHA256, "passwd", "salt", 1, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783"},
	} {
		out := make([]byte, len(v.want)/2)
		if e := (&exchange{meter: &meter{}}).PBKDF2(v.digest, []byte(v.password), []byte(v.salt), v.rounds, out); e != 0 {
			t.Errorf("%q, %q, %d rounds: %v", v.password, v.salt, v.rounds, e)
		}
		if got := hex.EncodeToString(out); got != v.want {
			t.Errorf("%q, %q, %d rounds: %s, want %s", v.password, v.salt, v.rounds, got, v.want)
		}
	}
}

// The standard library's answers for keys that end in and at a block, and for all digests.
func TestPBKDF2IsTheStandardLibrarys(t *testing.T) {
	for d := abi.DigestMD5; d <= abi.DigestSHA512; d++ {
		for _, n := range []int{1, 15, 16, 20, 64, 65, 200} {
			want, err := pbkdf2.Key(newHash(d), "pässword", []byte("salt"), 3, n)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, n)
			if e := (&exchange{meter: &meter{}}).PBKDF2(d, []byte("pässword"), []byte("salt"), 3, got); e != 0 || !slices.Equal(got, want) {
				t.Errorf("digest %d, %d bytes: %x (%v), want %x", d, n, got, e, want)
			}
		}
	}
}

func TestPBKDF2Limits(t *testing.T) {
	for name, test := range map[string]struct {
		digest abi.Digest
		rounds int
		size   int
		want   abi.Error
	}{
		"the least":         {abi.DigestMD5, 1, 1, 0},
		"the longest key":   {abi.DigestSHA512, 1, mostKey, 0},
		"a longer key":      {abi.DigestSHA512, 1, mostKey + 1, abi.ErrorInvalid},
		"no key":            {abi.DigestSHA256, 1, 0, abi.ErrorInvalid},
		"no rounds":         {abi.DigestSHA256, 0, 8, abi.ErrorInvalid},
		"no digest":         {0, 1, 8, abi.ErrorInvalid},
		"the digest after":  {abi.DigestSHA512 + 1, 1, 8, abi.ErrorInvalid},
		"the largest digit": {1<<32 - 1, 1, 8, abi.ErrorInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			x := &exchange{meter: &meter{}}
			if got := x.PBKDF2(test.digest, nil, nil, test.rounds, make([]byte, test.size)); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
			if x.err != nil {
				t.Errorf("a bad argument is a reason to end the request: %v", x.err)
			}
		})
	}
}

// What would take years ends with the request's time, or with that of the import.
func TestPBKDF2EndsAtTheDeadline(t *testing.T) {
	img := loadImage(t, scripted(t))
	ctx, cancel := context.WithTimeout(context.Background(), 0)
	defer cancel()
	for name, size := range map[string]uint32{"rounds": 8, "blocks": 4096} {
		rounds := uint32(1<<31 - 1)
		if size > 8 {
			rounds = roundsPerTurn - 1
		}
		s := (&script{}).do(opPBKDF2, 6, dataAt, 8, dataAt, 8, rounds, 0x1000, size).end(abi.OutcomeOK)
		t.Run("many "+name+" of a request", func(t *testing.T) {
			g := newGuest(t, img)
			req := &Request{Environ: s.message()}
			err := g.Serve(ctx, req, &answer{}) // the app goes on as if nothing were
			if got := g.answers(1)[0]; got != abi.ErrorDeadline || err != nil {
				t.Errorf("the guest was told %d, Serve returned %v", got, err)
			}
			if !slices.Equal(req.Hits, []quotas.Limit{quotas.LimitTimeout}) || !g.Condemned() {
				t.Errorf("hits %v, condemned %v", req.Hits, g.Condemned())
			}
		})
		t.Run("many "+name+" of an import", func(t *testing.T) {
			g := newGuest(t, img)
			if err := g.Load(ctx, s.message()); err != nil {
				t.Fatal(err)
			}
			if got := g.answers(1)[0]; got != abi.ErrorDeadline {
				t.Errorf("the guest was told %d", got)
			}
		})
	}
}

// RFC 7914, section 12.
func TestScryptVectors(t *testing.T) {
	for _, v := range []struct {
		password, salt string
		n, r, p        int
		want           string
	}{
		{"", "", 16, 1, 1, "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906"},
		{"password", "NaCl", 1024, 8, 16, "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"},
	} {
		out := make([]byte, len(v.want)/2)
		if e := (&exchange{meter: &meter{}}).Scrypt([]byte(v.password), []byte(v.salt), v.n, v.r, v.p, out); e != 0 {
			t.Errorf("%q, n %d: %v", v.password, v.n, e)
		}
		if got := hex.EncodeToString(out); got != v.want {
			t.Errorf("%q, n %d: %s, want %s", v.password, v.n, got, v.want)
		}
	}
}

func TestScryptLimits(t *testing.T) {
	const big = 1<<32 - 1
	for name, test := range map[string]struct {
		n, r, p    int
		salt, size int
		want       abi.Error
	}{
		"the least":               {2, 1, 1, 0, 1, 0},
		"Werkzeug's":              {1 << 15, 8, 1, 16, 64, 0},
		"wide":                    {2, 1, mostScryptWide, 8, 8, 0},
		"too wide":                {2, 1, mostScryptWide + 1, 8, 8, abi.ErrorInvalid},
		"too wide, by r":          {2, mostScryptWide / 2, 3, 8, 8, abi.ErrorInvalid},
		"a long salt":             {2, 1, 1, mostScryptText, 8, 0},
		"too long a salt":         {2, 1, 1, mostScryptText + 1, 8, abi.ErrorInvalid},
		"a long key":              {2, 1, 1, 8, mostScryptText, 0},
		"too long a key":          {2, 1, 1, 8, mostScryptText + 1, abi.ErrorInvalid},
		"no key":                  {2, 1, 1, 8, 0, abi.ErrorInvalid},
		"too much memory":         {1 << 16, 8, 1, 8, 8, abi.ErrorInvalid},
		"too many operations":     {1 << 14, 8, 1 << 6, 8, 8, abi.ErrorInvalid},
		"n is 0":                  {0, 1, 1, 8, 8, abi.ErrorInvalid},
		"n is 1":                  {1, 1, 1, 8, 8, abi.ErrorInvalid},
		"n is no power of two":    {3, 1, 1, 8, 8, abi.ErrorInvalid},
		"r is 0":                  {2, 0, 1, 8, 8, abi.ErrorInvalid},
		"p is 0":                  {2, 1, 0, 8, 8, abi.ErrorInvalid},
		"the largest n":           {1 << 31, 1, 1, 8, 8, abi.ErrorInvalid},
		"the largest r":           {2, big, 1, 8, 8, abi.ErrorInvalid},
		"the largest p":           {2, 1, big, 8, 8, abi.ErrorInvalid},
		"all of them":             {1 << 31, big, big, 8, 8, abi.ErrorInvalid},
		"a product that wraps":    {1 << 31, 1 << 31, 4, 8, 8, abi.ErrorInvalid},
		"a product of 64 bits, 0": {1 << 31, 1 << 31, 1 << 31, 8, 8, abi.ErrorInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			x := &exchange{meter: &meter{}}
			salt := []byte(strings.Repeat("s", test.salt))
			if got := x.Scrypt([]byte("p"), salt, test.n, test.r, test.p, make([]byte, test.size)); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
			if x.err != nil {
				t.Errorf("a bad argument is a reason to end the request: %v", x.err)
			}
		})
	}
}
