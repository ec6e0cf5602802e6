package selector

import (
	"flag"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/clew-crawler/clew/selector/dom"
)

var seedFlag = flag.Uint64("seed", 0, "seed of random pages and queries; 0 is any")

// TestScan compares the two ways to run a program, node by node and level by level, with
// random queries on random pages.
func TestScan(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	found, compiled := 0, 0
	for n := range uint64(5000) {
		r := rand.New(rand.NewPCG(seed+n, 0))
		page, query := randomPage(r), randomList(r, 0)
		p, err := compileCSS(query)
		if err != nil {
			continue
		}
		compiled++
		found += compareScan(t, page, query, p, "text/html")
		if n%4 == 0 {
			compareScan(t, page, query, p, "text/xml")
		}
		if t.Failed() {
			t.Fatalf("again: go test -run TestScan -seed %d", seed+n)
		}
	}
	if compiled < 2500 || found < 5000 {
		t.Errorf("seed %d: %d queries found %d nodes", seed, compiled, found)
	}
}

// FuzzScan is TestScan with any query and page.
func FuzzScan(f *testing.F) {
	f.Add("<ul><li class=x>1<li>2<ul><li>3</ul></ul>", "li.x, ul > li + li::text, :not(ul ul) ~ li")
	f.Add("<table>a<b><tr><td>c<b>d</table>", ":is(b, td) > b, :has(> b)::attr(id)")
	f.Fuzz(func(t *testing.T, page, query string) {
		if p, err := compileCSS(query); err == nil && len(page)+len(query) < 300 {
			compareScan(t, page, query, p, "text/html")
		}
	})
}

// compareScan runs a program both ways from the document, from its elements alone, and
// from some of them at once. It returns how much was found.
func compareScan(t *testing.T, page, query string, p *program, contentType string) (found int) {
	t.Helper()
	if p.hasNth {
		return 0 // there is one way only
	}
	levels := *p
	levels.hasNth = true
	d := Parse([]byte(page), contentType, "")
	defer d.Close()
	starts := [][]dom.Node{{d.tree()}}
	var some []dom.Node
	for n := range d.tree().Descendants() {
		if n.IsElement() {
			starts = append(starts, []dom.Node{n})
			if n.ID()%3 == 0 {
				some = append(some, n)
			}
		}
	}
	if len(some) > 0 {
		starts = append(starts, some)
	}
	for _, nodes := range starts {
		got, want := d.runCSS(query, p, nodes).matches, d.runCSS(query, &levels, nodes).matches
		found += len(got)
		if !slices.EqualFunc(got, want, func(a, b match) bool { return a.node == b.node && a.named() == b.named() }) {
			t.Errorf("%s on %q from %d nodes, node %d first, gives %v, level by level %v",
				query, page, len(nodes), nodes[0].ID(), places(got), places(want))
			return found
		}
	}
	return found
}

func (m match) named() string {
	if m.isNode() {
		return ""
	}
	return m.value.attr + "=" + m.text()
}

func places(matches []match) (ids []int) {
	for _, m := range matches {
		ids = append(ids, m.node.ID())
	}
	return ids
}

func pick(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }

// randomPage makes a page of a few kinds of elements that may fit together badly.
func randomPage(r *rand.Rand) string {
	var b strings.Builder
	for range 1 + r.IntN(30) {
		switch r.IntN(8) {
		case 0:
			b.WriteString(pick(r, "x", " ", "<!--c-->", "<br>"))
		case 1, 2, 3:
			b.WriteString("</" + pick(r, randomNames...) + ">")
		default:
			b.WriteString("<" + pick(r, randomNames...) + pick(r, "", "", " class=x", " class='y x'", " id=i href=u") + ">")
		}
	}
	return b.String()
}

var randomNames = []string{"div", "div", "p", "a", "b", "ul", "li", "table", "td", "x-y", "svg"}

// randomList makes a selector list, and inside a pseudo-class one of less depth.
func randomList(r *rand.Rand, depth int) string {
	list := randomSelector(r, depth)
	for r.IntN(3) == 0 {
		list += ", " + randomSelector(r, depth)
	}
	return list
}

func randomSelector(r *rand.Rand, depth int) string {
	s := ""
	if depth == 0 && r.IntN(6) == 0 {
		s = pick(r, "> ", "+ ", "~ ")
	}
	s += randomCompound(r, depth)
	for r.IntN(2) == 0 {
		s += pick(r, " ", " ", " > ", " + ", " ~ ") + randomCompound(r, depth)
	}
	if depth == 0 && r.IntN(3) == 0 {
		s += pick(r, "::text", "::attr(class)", "::attr(href)")
	}
	return s
}

func randomCompound(r *rand.Rand, depth int) string {
	s := pick(r, append(randomNames, "*", "*", "DIV")...)
	if r.IntN(3) == 0 {
		s += pick(r, ".x", ".y", "#i", "[href]", ":scope")
	}
	if depth < 2 && r.IntN(6) == 0 {
		s += pick(r, ":is(", ":not(", ":has(", ":has(+ ", ":has(> ") + randomList(r, depth+1) + ")"
	}
	return s
}
