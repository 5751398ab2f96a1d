package front

import "testing"

// Any byte at any place is judged alike, eight at a time or one by one.
func TestIsPlain(t *testing.T) {
	for size := range 20 {
		for at := range size {
			for c := range 256 {
				for _, around := range []byte{' ', '\t', 0x80, 0xff} {
					text := make([]byte, size)
					for i := range text {
						text[i] = around
					}
					text[at] = byte(c)
					if isPlain(text) != isFieldValue(text) {
						t.Errorf("%q: %v", text, isPlain(text))
					}
				}
			}
		}
	}
}
