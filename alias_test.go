package clew

import (
	"context"
	"strings"
	"testing"
	"time"
)

// TestRenamedHandlerMeetsKnownPages renames a handler between runs of one fetch each,
// so that pages are known, and hops pending, under each of its former names. Redirects
// that lead to a page which it had already are duplicates, whatever it is called, and a
// page that is asked for again, by a redirect to itself or unfiltered, is not noted again.
func TestRenamedHandlerMeetsKnownPages(t *testing.T) {
	to := map[string]string{
		"/1": "/known", "/2": "/new", "/3": "/new", "/4": "/5", "/5": "/known", "/6": "/linked", "/7": "/linked",
		"/wall": "/wall", // once
	}
	want := []string{"/known", "/1", "/2", "/new", "/3", "/4", "/5", "/6", "/linked", "/7", "/other", "/8", "/9", "/known", "/wall", "/wall"}
	var seen int64
	for name, names := range map[string][]string{
		"never":       {"a"},
		"once":        {"a", "b"},
		"in each run": {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"},
		"to and fro":  {"a", "b", "a", "b", "a", "b", "a", "b", "a", "b", "a", "b", "a", "b", "a", "b"},
	} {
		t.Run(name, func(t *testing.T) {
			conBubble(t, func(t *testing.T) {
				web := newConWeb(func(v conVisit) conReply {
					if location, ok := to[strings.TrimPrefix(v.URL, conHost)]; ok && v.n == 1 {
						return conReply{status: 302, location: location}
					}
					return conReply{}
				})
				var starts []*Request
				for _, path := range []string{"/known", "/1", "/2", "/3", "/4", "/6", "/7", "/other", "/wall", "/8", "/9"} {
					starts = append(starts, &Request{URL: conHost + path, Handler: names[0]})
				}
				disk := conDisk()
				var r *Result
				for run := range 3 * len(want) {
					s := conSpider(web)
					s.Delay, s.StartRequests = time.Minute, conList(starts...)
					aliasNamed(s, names, min(run, len(names)-1))
					if r = conRun(t, s, disk, MaxDuration(30*time.Second)); r.Status == Finished {
						break
					}
				}
				conStatus(t, r, Finished, 8)
				conEqual(t, "fetched", web.asked(), want...)
				conEqual(t, "items", conItems[string](t, r), "/known", "/new", "/linked", "/other", "/8", "/9", "/known", "/wall")
				if seen == 0 {
					seen = r.Stats.Seen
				}
				if r.Stats.Seen != seen {
					t.Errorf("%d requests are known, %d with other names", r.Stats.Seen, seen)
				}
			})
		})
	}
}

// aliasNamed gives a spider a handler that had all the names up to a run: each is an
// alias of the next one, but for those that it got back.
func aliasNamed(s *Spider, names []string, run int) {
	now := names[run]
	s.Aliases = map[string]string{}
	for i, name := range names[:run] {
		s.Aliases[name] = names[i+1]
	}
	delete(s.Aliases, now)
	s.Handlers = map[string]Handler{"other": s.Parse}
	s.Handlers[now] = func(_ context.Context, page *Response, out *Output) error {
		out.Item(conPath(page.URL))
		if conPath(page.URL) == "/other" {
			out.Follow("/linked", To(now)) // known by a redirect
			out.Follow("/known", To(now), func(r *Request) { r.DontFilter = true })
		}
		return nil
	}
}
