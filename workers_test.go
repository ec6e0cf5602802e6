package clew

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clew-crawler/clew/fetch"
)

// goroutine names the goroutine that asks, for tests of who works on what.
func goroutine() string {
	stack := make([]byte, 64)
	name, _, _ := bytes.Cut(stack[:runtime.Stack(stack, false)], []byte(" ["))
	return string(name)
}

// whoFetches is a session that notes the goroutines that use it.
type whoFetches struct {
	fetch.Session
	mu  sync.Mutex
	ids map[string]int
}

func (s *whoFetches) Fetch(_ context.Context, req *fetch.Request) (*fetch.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids[goroutine()]++
	runtime.Gosched() // others begin, too
	return &fetch.Response{URL: req.URL, Status: 200}, nil
}

func manyPages(n int) func(context.Context) iter.Seq2[*Request, error] {
	return func(context.Context) iter.Seq2[*Request, error] {
		return func(yield func(*Request, error) bool) {
			for i := range n {
				if !yield(&Request{URL: fmt.Sprintf("%s/%d", conHost, i)}, nil) {
					return
				}
			}
		}
	}
}

// A worker goes on with the next page itself: nobody has to be scheduled in between.
func TestWorkersGoOn(t *testing.T) {
	s := &whoFetches{ids: map[string]int{}}
	r, err := Run(t.Context(), &Spider{
		Name: "workers", StartRequests: manyPages(300), Concurrency: 4, IgnoreRobots: true,
		Sessions: map[string]fetch.Session{"": s},
		Parse:    func(context.Context, *Response, *Output) error { return nil },
	})
	if err != nil || r.Stats.Pages != 300 {
		t.Fatalf("%+v, %v", r, err)
	}
	if len(s.ids) > 4 {
		t.Errorf("%d goroutines fetched for 4 slots", len(s.ids))
	}
}

// TestPauseWhenAllSlotsHang pauses a crawl whose handlers do not heed their context: with a
// slot left or without, they are given up after the pause timeout, and the crawl says so.
func TestPauseWhenAllSlotsHang(t *testing.T) {
	for _, slots := range []int{1, 2, 3} {
		t.Run(fmt.Sprint(slots, " slots"), func(t *testing.T) {
			conBubble(t, func(t *testing.T) {
				s := conSpider(newConWeb(func(conVisit) conReply { return conReply{} }), conHost+"/0", conHost+"/1")
				s.Concurrency, s.ConcurrencyPerHost = slots, slots
				s.Parse = func(context.Context, *Response, *Output) error {
					time.Sleep(24 * time.Hour)
					return nil
				}
				c, wait := conStart(t, s, conDisk(), PauseTimeout(time.Minute))
				time.Sleep(time.Minute)
				begin := time.Now()
				c.Pause()
				_, err := wait()
				if took := time.Since(begin); took > 2*time.Minute {
					t.Errorf("pausing took %v", took)
				}
				if err == nil || !strings.Contains(err.Error(), "abandoned") {
					t.Errorf("error %v", err)
				}
				time.Sleep(30 * time.Hour) // until the abandoned ones return
			})
		})
	}
}

// A handler that ends its goroutine costs its page, and no slot.
func TestWorkersAreReplaced(t *testing.T) {
	s := &whoFetches{ids: map[string]int{}}
	r, err := Run(t.Context(), &Spider{
		Name: "workers", StartRequests: manyPages(40), Concurrency: 2, IgnoreRobots: true,
		Sessions: map[string]fetch.Session{"": s},
		Parse: func(_ context.Context, page *Response, _ *Output) error {
			if strings.HasSuffix(page.URL, "3") {
				return nil
			}
			runtime.Goexit()
			return nil
		},
	})
	if err != nil || r.Stats.Pages != 4 || r.Stats.Failed != 36 {
		t.Fatalf("%+v, %v", r, err)
	}
	if len(s.ids) < 36 {
		t.Errorf("%d goroutines fetched, though 36 ended", len(s.ids))
	}
}
