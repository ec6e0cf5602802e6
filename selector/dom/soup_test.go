package dom

import (
	"flag"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

var (
	soupFlag = flag.Duration("soup", 2*time.Second, "how long random pages are compared")
	seedFlag = flag.Uint64("seed", 0, "seed of the first page; 0 is any")
)

// TestSoup compares the trees of random pages whose tags fit together badly.
func TestSoup(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	n := 0
	for end := time.Now().Add(*soupFlag); (n == 0 || time.Now().Before(end)) && !t.Failed(); seed, n = seed+1, n+1 {
		compare(t, soup(rand.New(rand.NewPCG(seed, 0))))
		if t.Failed() {
			t.Logf("again: go test -run TestSoup -seed %d -soup 1ns", seed)
		}
	}
	t.Logf("%d pages", n)
}

// soup makes a page of a few kinds of tags, and what else may stand in a page.
func soup(r *rand.Rand) string {
	var b strings.Builder
	few := make([]Tag, 2+r.IntN(12))
	for i := range few {
		few[i] = anyTag(r)
	}
	for range 1 + r.IntN(40) {
		switch {
		case r.IntN(4) == 0:
			b.WriteString(soupPieces[r.IntN(len(soupPieces))])
		case r.IntN(8) == 0:
			writeTag(&b, r, anyTag(r))
		default:
			writeTag(&b, r, few[r.IntN(len(few))])
		}
	}
	return b.String()
}

func anyTag(r *rand.Rand) Tag { return Other + 1 + Tag(r.IntN(len(elements)-1)) }

func writeTag(b *strings.Builder, r *rand.Rand, tag Tag) {
	name := tag.String()
	if r.IntN(10) == 0 {
		name = strings.ToUpper(name)
	}
	if r.IntN(3) == 0 {
		b.WriteString("</" + name)
	} else {
		b.WriteString("<" + name)
		for r.IntN(3) == 0 {
			b.WriteString(soupAttrs[r.IntN(len(soupAttrs))])
		}
	}
	if r.IntN(20) == 0 {
		b.WriteString(" /")
	}
	if r.IntN(60) != 0 {
		b.WriteByte('>')
	}
}

var soupPieces = []string{
	"x", " ", "\n", "\r\n", "\r", "é", "\x00", "'", "\"", "&amp;", "&lt", "&notit;", "&#x80;", "&#0;", "&nbsp;", "&#65",
	"<", "<!--c-->", "<!-->", "<!--", "-->", "--", "<!doctype html>", "<!DOCTYPE html PUBLIC \"-//W3C//DTD HTML 4.01//EN\">",
	"<!x>", "<?y?>", "</ z>", "<![CDATA[d]]>", "]]>", "<x-y>", "</x-y>",
}

var soupAttrs = []string{
	" a=1", " a='2'", " b=\"&amp;x\"", " type=hidden", " TYPE=text", " color", " c", " A=3", " encoding=text/html", " /",
	" xlink:href=u", " viewbox=v", " definitionurl=w", " =q", " d=/", " e=\"\n\"",
}
