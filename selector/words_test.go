package selector

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestWords compares what is done about words with the plain way to do it.
func TestWords(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		var b strings.Builder
		for range r.IntN(8) {
			b.WriteString(pick(r, "a", "b", "é", " ", " ", "\n", "\t", "\f", "\v", "\u00a0", "\u2003", "\x00"))
		}
		s := b.String()
		if got, want := new(Document).collapse(s), strings.Join(strings.Fields(s), " "); got != want {
			t.Fatalf("%q is collapsed to %q, want %q", s, got, want)
		}
		words := strings.FieldsFunc(s, func(c rune) bool { return c < 0x80 && isSpace(byte(c)) })
		for _, word := range []string{"a", "ab", "é", "", "a b"} {
			if got, want := hasWord(s, word), slices.Contains(words, word); got != want {
				t.Fatalf("%q has the word %q: %v, want %v", s, word, got, want)
			}
		}
	}
}
