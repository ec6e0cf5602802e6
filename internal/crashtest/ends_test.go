package crashtest

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/clew-crawler/clew/internal/testsite"
)

// TestKillAtBothEnds kills a tiny crawl while its directory is being made, and
// again between its last page and its last step: the commit that says finished,
// the report, the frontier renamed and removed. Each time it then ends as it
// should, and once it has ended the site is not asked again.
func TestKillAtBothEnds(t *testing.T) {
	t.Parallel()
	rerunHint(t, "TestKillAtBothEnds", *seedFlag)
	st := setStage(t, testsite.Config{Seed: *seedFlag, Pages: 5}, order{})
	rng := rand.New(rand.NewPCG(*seedFlag, 2))
	total := int(st.want.books["pages"] + st.want.books["redirects"])
	found := map[string]int{}
	for range max(3, *killsFlag/4) {
		o := st.begin(t)
		p := launch(t, o)
		p.expect("opening")
		p.killAfter(in(upTo(rng, st.want.opening)))
		inspect(t, o.Dir).close(t)
		found[where(t, o.Dir)]++

		st.reset()
		o.Run++
		p = launch(t, o)
		p.killAfter(st.after(total))
		for range 2 {
			inspect(t, o.Dir).close(t)
			found[where(t, o.Dir)]++
			o.Run++
			p = launch(t, o)
			p.expect("opening")
			if !p.killAfter(in(upTo(rng, st.want.opening+2*st.want.crawling))) {
				break // it came to its end before
			}
		}
		found[where(t, o.Dir)]++
		st.resume(t, o)
		settled(t, st, o)
		if t.Failed() {
			return
		}
	}
	t.Logf("the kills left %v", found)
}

// where says how far a crawl has come on its way out.
func where(t *testing.T, dir string) string {
	t.Helper()
	there := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	}
	switch {
	case there("report.json") && there("frontier"):
		return "report and frontier"
	case there("report.json") && there("frontier.removed"):
		return "report and half a frontier"
	case there("report.json"):
		return "report"
	case there("frontier"):
		return "frontier"
	}
	return "next to nothing"
}

// settled runs a finished crawl once more: nothing may be fetched or changed.
func settled(t *testing.T, st *stage, o order) {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(o.Dir, "items.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"frontier", "frontier.removed"} {
		if _, err := os.Stat(filepath.Join(o.Dir, name)); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
	before := len(st.hits())
	o.Run += 10
	again := st.finish(t, o)
	again.compare(t, st.want)
	if !bytes.Equal(again.log, log) {
		t.Error("a rerun of a finished crawl changed its items")
	}
	if n := len(st.hits()); n != before {
		t.Errorf("a rerun of a finished crawl fetched %d pages", n-before)
	}
}
