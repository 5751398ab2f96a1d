package runtime

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash"
	"time"

	"golang.org/x/crypto/scrypt"

	"wasgi/abi"
)

// What one call of a key derivation may cost. The rounds of PBKDF2 are cut into
// turns, between which the guest's meter ticks; scrypt cannot be cut, so it is bounded: by
// the memory OpenSSL allows by default, and to about a second, of its mixing (n · r · p)
// and of the hashing before and after (r · p, salt, key). It does not begin where the
// request has not the CPU time left that it will take.
const (
	roundsPerTurn  = 200
	mostKey        = 1 << 20
	mostScryptMem  = 32 << 20
	mostScryptOps  = 1 << 20               // n · r · p
	mostScryptWide = 1 << 12               // r · p
	mostScryptText = 1 << 10               // of salt and key, each
	scryptOp       = 800 * time.Nanosecond // of n · r · p, at most
)

func newHash(d abi.Digest) func() hash.Hash {
	switch d {
	case abi.DigestMD5:
		return md5.New
	case abi.DigestSHA1:
		return sha1.New
	case abi.DigestSHA224:
		return sha256.New224
	case abi.DigestSHA256:
		return sha256.New
	case abi.DigestSHA384:
		return sha512.New384
	case abi.DigestSHA512:
		return sha512.New
	}
	return nil
}

// PBKDF2 implements abi.Host. crypto/pbkdf2 has no way to stop it, so the loop of RFC
// 8018, section 5.2 stands here, over the standard library's HMAC.
func (x *exchange) PBKDF2(d abi.Digest, password, salt []byte, rounds int, out []byte) abi.Error {
	h := newHash(d)
	if h == nil || rounds < 1 || len(out) == 0 || len(out) > mostKey {
		return abi.ErrorInvalid
	}
	mac := hmac.New(h, password)
	var u, t []byte
	for block := uint32(1); len(out) > 0; block++ {
		mac.Reset()
		mac.Write(salt)
		mac.Write(binary.BigEndian.AppendUint32(nil, block))
		u = mac.Sum(u[:0])
		t = append(t[:0], u...)
		for i := 1; i < rounds; i++ {
			if i%roundsPerTurn == 0 && !x.meter.goOn() {
				return abi.ErrorDeadline
			}
			mac.Reset()
			mac.Write(u)
			u = mac.Sum(u[:0])
			for j := range t {
				t[j] ^= u[j]
			}
		}
		out = out[copy(out, t):]
		if !x.meter.goOn() {
			return abi.ErrorDeadline
		}
	}
	return 0
}

// Scrypt implements abi.Host.
func (x *exchange) Scrypt(password, salt []byte, n, r, p int, out []byte) abi.Error {
	if n < 2 || r < 1 || p < 1 || n > mostScryptMem || r > mostScryptMem || p > mostScryptMem ||
		128*n*r > mostScryptMem || n*r*p > mostScryptOps || r*p > mostScryptWide ||
		len(salt) > mostScryptText || len(out) == 0 || len(out) > mostScryptText {
		return abi.ErrorInvalid
	}
	if !x.meter.affords(time.Duration(n*r*p) * scryptOp) {
		return abi.ErrorDeadline
	}
	key, err := scrypt.Key(password, salt, n, r, p, len(out))
	if err != nil {
		return abi.ErrorInvalid
	}
	copy(out, key)
	return 0
}
