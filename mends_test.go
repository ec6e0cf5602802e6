package clew

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/clew-crawler/clew/fetch"
)

// TestRequestOfNoText refuses what would not come back from the store as it was given.
func TestRequestOfNoText(t *testing.T) {
	const bad = "a\xff"
	s := &Spider{Name: "text", Parse: func(context.Context, *Response, *Output) error { return nil }}
	for _, tc := range []struct {
		r    Request
		says string
	}{
		{Request{Header: http.Header{"X-Own": {"fine", bad}}}, "Header X-Own"},
		{Request{Header: http.Header{bad: {"fine"}}}, "a name in Header"},
		{Request{Cookies: []*http.Cookie{{Name: "c", Value: bad}}}, "a cookie"},
		{Request{Cookies: []*http.Cookie{{Name: bad, Value: "v"}}}, "a cookie"},
		{Request{Method: bad}, "Method"},
		{Request{Proxy: "http://" + bad}, "Proxy"},
	} {
		tc.r.URL = conHost + "/"
		_, err := s.encode(&tc.r, origin{})
		if err == nil || !strings.Contains(err.Error(), tc.says+" is not UTF-8") || !strings.Contains(err.Error(), conHost) {
			t.Errorf("%s: %v", tc.says, err)
		}
		if err != nil && (strings.Contains(err.Error(), "\n") || !utf8.ValidString(err.Error())) {
			t.Errorf("%q repeats what is no text, or has several lines", err)
		}
	}
	fine := Request{URL: conHost + "/", Header: http.Header{"X-Ü": {"ä"}}, Body: []byte(bad), Cookies: []*http.Cookie{{Name: "c", Value: "ö"}}}
	if _, err := s.encode(&fine, origin{}); err != nil {
		t.Error(err)
	}
}

// TestRequestOfLongHost refuses a host name that no resolver takes, as a link, too.
func TestRequestOfLongHost(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		long := "http://" + strings.Repeat("label.", 42) + "test/" // 256 bytes of host
		fits := "http://" + strings.Repeat("label.", 41) + "test/"
		web := conPages(map[string]string{conHost + "/": conLinks(long, fits), fits: ""})
		r := conRun(t, conSpider(web))
		conEqual(t, "fetched", web.asked(), "/", fits)
		if r.Stats.LinksBad != 1 {
			t.Errorf("%d bad links", r.Stats.LinksBad)
		}
		s := conSpider(web, long)
		if _, err := Open(s); err == nil {
			t.Error("a start URL of such a host is accepted")
		}
	})
}

// refusingKeeper cannot read what it kept.
type refusingKeeper struct {
	*conKeeper
	err error
}

func (k refusingKeeper) Restore(iter.Seq2[fetch.Record, error]) error { return k.err }

// TestSessionThatRefuses has a session that cannot take back what it kept. That is no
// damage: nothing is set aside, and the crawl goes on with one that can.
func TestSessionThatRefuses(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		disk := vfs.NewMem()
		on := func(o *options) { o.dir, o.fs = "/crawl", disk }
		web := conStar(3, 0)
		s := conSpider(web)
		s.Concurrency, s.Sessions[""] = 1, &conKeeper{conWeb: web}
		conStatus(t, conRun(t, s, on, MaxPages(1)), Paused, 1)
		before := mendNames(t, disk)
		cause := errors.New("cookies of another age")
		s.Sessions[""] = refusingKeeper{&conKeeper{conWeb: web}, cause}
		for range 2 {
			_, err := Run(t.Context(), s, on)
			if !errors.Is(err, cause) || errors.Is(err, ErrDamaged) || !strings.Contains(fmt.Sprint(err), `restore session ""`) {
				t.Fatalf("error %v", err)
			}
			if after := mendNames(t, disk); !slices.Equal(after, before) {
				t.Fatalf("the directory held %v and holds %v", before, after)
			}
		}
		again := &conKeeper{conWeb: web}
		s.Sessions[""] = again
		conStatus(t, conRun(t, s, on), Finished, 4)
		conEqual(t, "restored", again.restored, "jar=1")
	})
}

func mendNames(t *testing.T, disk vfs.FS) []string {
	t.Helper()
	names, err := disk.List("/crawl")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return slices.DeleteFunc(names, func(name string) bool { return strings.HasSuffix(name, ".tmp") })
}

// TestDedupe leaves each cause once, however errors were joined.
func TestDedupe(t *testing.T) {
	a, b, c := errors.New("a"), errors.New("b"), errors.New("c")
	wrapped := fmt.Errorf("commit: %w and %w", a, b) // its text is its own
	for want, err := range map[string]error{
		"":                   nil,
		"a":                  errors.Join(a, errors.Join(a, errors.Join(a, nil))),
		"a\nb\nc":            errors.Join(errors.Join(a, b), errors.Join(errors.Join(b, c), a)),
		"commit: a and b":    errors.Join(errors.Join(wrapped), wrapped),
		"commit: a and b\na": errors.Join(wrapped, errors.Join(a, wrapped)),
	} {
		got := dedupe(err)
		if text := mendText(got); text != want {
			t.Errorf("%q becomes %q, want %q", mendText(err), text, want)
		}
		for _, cause := range []error{a, b, c, wrapped} {
			if errors.Is(err, cause) != errors.Is(got, cause) {
				t.Errorf("%q: %v is lost", want, cause)
			}
		}
	}
	if single := dedupe(errors.Join(a, a)); single != a { //nolint:errorlint // the same one, not joined
		t.Errorf("one cause is %T", single)
	}
}

func mendText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
