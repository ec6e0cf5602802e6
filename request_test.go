package clew

import (
	"bytes"
	"testing"
)

// TestIsLiteral puts each byte at each place of texts around the length of a word, which
// is what isLiteral looks at, and beside a byte that must not hide it.
func TestIsLiteral(t *testing.T) {
	literal := func(c byte) bool { return ' ' <= c && c <= '~' && c != '"' && c != '\\' }
	for length := range 18 {
		for i := range length {
			for c := range 256 {
				for _, last := range []byte{'a', ' ', '~', '!', '#', '[', ']', 0xff, 0} {
					text := bytes.Repeat([]byte{'a'}, length)
					text[length-1] = last
					text[i] = byte(c)
					want := literal(byte(c)) && literal(text[length-1])
					if got := isLiteral(string(text)); got != want {
						t.Fatalf("isLiteral(%q) = %t, want %t", text, got, want)
					}
				}
			}
		}
	}
	if !isLiteral("") {
		t.Error("the empty text is refused")
	}
}
