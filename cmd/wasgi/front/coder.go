package front

import (
	"io"
	"sync"

	gzipcode "github.com/klauspost/compress/gzip"
	zstdcode "github.com/klauspost/compress/zstd"
	brotlicode "github.com/molecule-man/go-brrr"
)

// Levels of compression, of which each takes about what gzip's fifth takes, and windows,
// which bound what memory a body under way takes.
const (
	gzipLevel    = 5
	brotliLevel  = 4
	brotliWindow = 18 // bits
	zstdLevel    = zstdcode.SpeedDefault
	zstdWindow   = 256 << 10
)

// encoder compresses what is written to it, on the goroutine that writes.
type encoder interface {
	io.WriteCloser
	// Flush passes on all that was written.
	Flush() error
	// Reset begins another body.
	Reset(io.Writer)
}

// coders are encoders to be used again. It is safe for concurrent use.
type coders struct{ gzip, brotli, zstd sync.Pool }

func newCoders() *coders {
	return &coders{
		gzip: sync.Pool{New: func() any {
			e, err := gzipcode.NewWriterLevel(nil, gzipLevel)
			return made(e, err)
		}},
		brotli: sync.Pool{New: func() any {
			e, err := brotlicode.NewWriterOptions(nil, brotliLevel, brotlicode.WriterOptions{LGWin: brotliWindow})
			return made(e, err)
		}},
		zstd: sync.Pool{New: func() any {
			e, err := zstdcode.NewWriter(nil, zstdcode.WithEncoderLevel(zstdLevel), zstdcode.WithEncoderConcurrency(1),
				zstdcode.WithWindowSize(zstdWindow), zstdcode.WithLowerEncoderMem(true))
			return made(e, err)
		}},
	}
}

// made returns an encoder whose settings are the server's own.
func made(e encoder, err error) encoder {
	if err != nil {
		panic(err)
	}
	return e
}

func (c *coders) pool(of coding) *sync.Pool {
	switch of {
	case gzip:
		return &c.gzip
	case brotli:
		return &c.brotli
	}
	return &c.zstd
}

// take returns an encoder that writes to w.
func (c *coders) take(of coding, w io.Writer) encoder {
	e := c.pool(of).Get().(encoder)
	e.Reset(w)
	return e
}

// give takes an encoder back, wherever it is in its body.
func (c *coders) give(of coding, e encoder) {
	e.Reset(io.Discard)
	c.pool(of).Put(e)
}
