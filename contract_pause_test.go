package clew

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// conStar is a web of a start page and n leaves, each of which takes a while.
func conStar(n int, takes time.Duration) *conWeb {
	return newConWeb(func(v conVisit) conReply {
		if v.URL == conHost+"/" {
			return conReply{body: conNumbered(n)}
		}
		return conReply{takes: takes}
	})
}

func TestContractPauseFinishesWhatIsInFlight(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		disk := conDisk()
		web := conStar(10, time.Second)
		s := conSpider(web)
		s.Concurrency = 3
		c, wait := conStart(t, s, disk)
		time.Sleep(500 * time.Millisecond) // the start page is done, three leaves are in flight
		c.Pause()
		r, err := wait()
		if err != nil {
			t.Fatal(err)
		}
		conStatus(t, r, Paused, 4)
		if got := len(web.asked()); got != 4 {
			t.Errorf("%d fetches before the pause, want 4", got)
		}
		if r.Stats.Pending != 7 || r.Reason == "" {
			t.Errorf("%d pending, reason %q", r.Stats.Pending, r.Reason)
		}
		r = conRun(t, s, disk)
		conStatus(t, r, Finished, 11)
		if got := len(web.asked()); got != 11 {
			t.Errorf("%d fetches in all, want 11: nothing is fetched twice", got)
		}
	})
}

func TestContractPauseTwiceGivesUpWhatIsInFlight(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		disk := conDisk()
		web := conStar(4, time.Hour)
		s := conSpider(web)
		c, wait := conStart(t, s, disk)
		time.Sleep(time.Second)
		begin := time.Now()
		c.Pause()
		c.Pause()
		c.Pause()
		r, err := wait()
		if err != nil {
			t.Fatal(err)
		}
		conStatus(t, r, Paused, 1)
		if took := time.Since(begin); took > time.Second {
			t.Errorf("took %v", took)
		}
		if r.Stats.Pending != 4 || r.Stats.Failed != 0 || r.Stats.Retries != 0 {
			t.Errorf("pending %d, failed %d, retries %d: giving up costs no attempt", r.Stats.Pending, r.Stats.Failed, r.Stats.Retries)
		}
		web.answer = func(conVisit) conReply { return conReply{} }
		conStatus(t, conRun(t, s, disk), Finished, 5)
	})
}

func TestContractPauseTimeout(t *testing.T) {
	for _, tc := range []struct {
		name  string
		opts  []Option
		takes time.Duration
	}{
		{"default", nil, 20 * time.Second},
		{"given", []Option{PauseTimeout(3 * time.Second)}, 3 * time.Second},
		{"none", []Option{PauseTimeout(0)}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conBubble(t, func(t *testing.T) {
				web := conStar(4, time.Hour)
				c, wait := conStart(t, conSpider(web), append(tc.opts, conDisk())...)
				time.Sleep(time.Second)
				begin := time.Now()
				c.Pause()
				r, err := wait()
				if err != nil {
					t.Fatal(err)
				}
				conStatus(t, r, Paused, 1)
				if took := time.Since(begin); took != tc.takes {
					t.Errorf("took %v, want %v", took, tc.takes)
				}
			})
		})
	}
}

func TestContractPauseInHandler(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		disk := conDisk()
		web := conStar(5, 0)
		s := conSpider(web)
		s.Concurrency = 1
		var c *Crawl
		parse := s.Parse
		s.Parse = func(ctx context.Context, page *Response, out *Output) error {
			if page.URL == conHost+"/" {
				c.Pause()
			}
			return parse(ctx, page, out)
		}
		c, err := Open(s, disk)
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		conStatus(t, r, Paused, 1)
		if r.Stats.Pending != 5 {
			t.Errorf("%d pending: what the handler followed after the pause is lost", r.Stats.Pending)
		}
		s.Parse = parse
		conStatus(t, conRun(t, s, disk), Finished, 6)
	})
}

func TestContractPauseBeforeRun(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		web := conStar(5, 0)
		disk := conDisk()
		c, err := Open(conSpider(web), disk)
		if err != nil {
			t.Fatal(err)
		}
		c.Pause()
		r, err := c.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		conStatus(t, r, Paused, 0)
		if len(web.asked()) != 0 {
			t.Errorf("fetched %v", web.asked())
		}
		c.Pause() // after the end it does nothing
		if _, err := c.Run(t.Context()); err == nil {
			t.Error("a crawl ran twice")
		}
		checkRun(t, []Option{disk})
	})
}

func TestContractCancelledContextPauses(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		disk := conDisk()
		web := conStar(10, time.Second)
		s := conSpider(web)
		s.Concurrency = 2
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(500*time.Millisecond, cancel)
		r, err := Run(ctx, s, disk)
		if err != nil {
			t.Fatal(err)
		}
		conStatus(t, r, Paused, 3)
		r, err = Run(ctx, s, disk) // cancelled before it begins
		if err != nil {
			t.Fatal(err)
		}
		if r.Status != Paused || r.Run.Pages > 2 {
			t.Errorf("ended %q with %d pages in a run that was cancelled at once", r.Status, r.Run.Pages)
		}
		conStatus(t, conRun(t, s, disk), Finished, 11)
		if n := len(web.asked()); n != 11 {
			t.Errorf("%d fetches, want 11", n)
		}
	})
}

func TestContractPauseWhileDelayed(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		disk := conDisk()
		web := conStar(20, 0)
		s := conSpider(web)
		s.Delay = time.Minute
		s.Concurrency = 8
		c, wait := conStart(t, s, disk)
		time.Sleep(90 * time.Second)
		begin := time.Now()
		c.Pause()
		r, err := wait()
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("pausing took %v: requests that wait for their turn do not start", took)
		}
		conStatus(t, r, Paused, 2)
	})
}

func TestContractPauseWhileRetryIsDelayed(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		disk := conDisk()
		web := newConWeb(func(v conVisit) conReply {
			if v.n == 1 {
				return conReply{status: 503, retryAfter: "3600"}
			}
			return conReply{}
		})
		s := conSpider(web)
		c, wait := conStart(t, s, disk)
		time.Sleep(time.Minute)
		c.Pause()
		r, err := wait()
		if err != nil {
			t.Fatal(err)
		}
		if conStatus(t, r, Paused, 0); r.Stats.Delayed != 1 {
			t.Errorf("%d delayed", r.Stats.Delayed)
		}
		conStatus(t, conRun(t, s, disk), Finished, 1)
		if at := web.starts(conHost); len(at) != 2 || at[1] < time.Hour {
			t.Errorf("asked at %v: the due time is kept over the pause", at)
		}
	})
}

// conSeeds yields n start requests, with a wait before each but the first.
func conSeeds(n int, every time.Duration) func(context.Context) iter.Seq2[*Request, error] {
	return func(ctx context.Context) iter.Seq2[*Request, error] {
		return func(yield func(*Request, error) bool) {
			for i := range n {
				if i > 0 && every > 0 {
					select {
					case <-time.After(every):
					case <-ctx.Done():
						yield(nil, ctx.Err())
						return
					}
				}
				if !yield(&Request{URL: fmt.Sprintf("%s/%d", conHost, i)}, nil) {
					return
				}
			}
		}
	}
}

func TestContractPauseWhileSeeding(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		disk := conDisk()
		web := newConWeb(func(conVisit) conReply { return conReply{} })
		s := conSpider(web)
		s.StartRequests = conSeeds(1000, 10*time.Millisecond)
		c, wait := conStart(t, s, disk)
		time.Sleep(5 * time.Second)
		begin := time.Now()
		c.Pause()
		r, err := wait()
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("pausing took %v", took)
		}
		if r.Status != Paused || r.Stats.Links < 256 || r.Stats.Links >= 600 {
			t.Errorf("ended %q with %d start requests taken", r.Status, r.Stats.Links)
		}
		r = conRun(t, s, disk)
		conStatus(t, r, Finished, 1000)
		if n := len(web.asked()); n != 1000 || r.Stats.Links != 1000 || r.Stats.LinksDuplicate != 0 {
			t.Errorf("%d fetches, %d links, %d duplicates: the cursor skips what was taken", n, r.Stats.Links, r.Stats.LinksDuplicate)
		}
	})
}

func TestContractPauseWhileSeedingBlocks(t *testing.T) {
	for _, heeds := range []bool{true, false} {
		t.Run(fmt.Sprintf("heeds its context=%v", heeds), func(t *testing.T) {
			conBubble(t, func(t *testing.T) {
				web := newConWeb(func(conVisit) conReply { return conReply{} })
				s := conSpider(web)
				s.StartRequests = conSeeds(3, 10*time.Hour)
				if !heeds {
					seeds := s.StartRequests
					s.StartRequests = func(context.Context) iter.Seq2[*Request, error] { return seeds(context.Background()) }
				}
				c, wait := conStart(t, s, conDisk())
				time.Sleep(time.Minute)
				begin := time.Now()
				c.Pause()
				r, err := wait()
				if took := time.Since(begin); took > 21*time.Second || heeds && took > time.Second {
					t.Errorf("pausing took %v", took)
				}
				if heeds && err != nil || !heeds && err == nil {
					t.Errorf("error %v", err)
				}
				conStatus(t, r, Paused, 1)
				time.Sleep(30 * time.Hour) // until the abandoned one returns
			})
		})
	}
}

func TestContractSlowSeedingHoldsNothingUp(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		web := newConWeb(func(conVisit) conReply { return conReply{} })
		s := conSpider(web)
		s.StartRequests = conSeeds(3, time.Hour)
		conStatus(t, conRun(t, s), Finished, 3)
		at := web.starts(conHost)
		for i := range at {
			if late := at[i] - time.Duration(i)*time.Hour; late > time.Second {
				t.Errorf("start request %d was fetched %v after it was given", i, late)
			}
		}
	})
}

func TestContractSlowConsumerHoldsNothingUp(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		web := conStar(300, 0)
		c, wait := conStart(t, conSpider(web))
		release := make(chan struct{})
		got := make(chan int)
		go func() {
			n := 0
			for _, err := range c.Items(context.Background()) {
				if n++; err != nil {
					t.Errorf("items: %v", err)
				}
				if n == 1 {
					<-release
				}
			}
			got <- n
		}()
		r, err := wait() // although the consumer reads nothing
		if err != nil {
			t.Fatal(err)
		}
		conStatus(t, r, Finished, 301)
		close(release)
		if n := <-got; n != 301 {
			t.Errorf("the consumer got %d items, want 301", n)
		}
	})
}

func TestContractItemsYieldsTheLastOnes(t *testing.T) {
	web := conStar(3, 0)
	for range 200 {
		c, wait := conStart(t, conSpider(web), Interval(0))
		n := 0
		for _, err := range c.Items(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if _, err := wait(); err != nil {
			t.Fatal(err)
		}
		if n != 4 {
			t.Fatalf("%d items, want 4", n)
		}
	}
}

func TestContractLeavingItemsEarlyStopsNothing(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		c, wait := conStart(t, conSpider(conStar(50, time.Millisecond)))
		for _, err := range c.Items(t.Context()) {
			if err != nil {
				t.Error(err)
			}
			break
		}
		r, err := wait()
		if err != nil {
			t.Fatal(err)
		}
		conStatus(t, r, Finished, 51)
		n := 0
		for line, err := range c.Items(t.Context()) { // from the first on, after the end
			if n++; err != nil || !json.Valid(line) {
				t.Fatalf("%s, %v", line, err)
			}
		}
		if n != 51 {
			t.Errorf("%d items after the end", n)
		}
	})
}

func TestContractStoppedWithoutDirectory(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		for _, calls := range []int{1, 2} {
			c, wait := conStart(t, conSpider(conStar(10, 30*time.Second)), PauseTimeout(time.Second))
			time.Sleep(time.Second)
			for range calls {
				c.Pause()
			}
			r, err := wait()
			if err != nil {
				t.Fatal(err)
			}
			conStatus(t, r, Stopped, 1)
			if got := conItems[string](t, r); len(got) != 1 {
				t.Errorf("items of a stopped run: %v", got)
			}
		}
	})
}

func TestContractStuckHandlerIsAbandoned(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		disk := conDisk()
		s := conSpider(conStar(1, 0))
		parse := s.Parse
		release := make(chan struct{})
		s.Parse = func(ctx context.Context, page *Response, out *Output) error {
			if page.URL != conHost+"/" {
				<-release // heeds no context
				out.Item("too late")
			}
			return parse(ctx, page, out)
		}
		c, wait := conStart(t, s, disk)
		time.Sleep(time.Second)
		begin := time.Now()
		c.Pause()
		c.Pause()
		r, err := wait()
		close(release)
		synctest.Wait()
		if took := time.Since(begin); took > time.Second {
			t.Errorf("took %v", took)
		}
		if err == nil || !strings.Contains(err.Error(), conHost+"/0") || !strings.Contains(err.Error(), `"Parse"`) ||
			!strings.Contains(err.Error(), "contract_pause_test.go") {
			t.Errorf("the error names neither URL, handler nor stack: %v", err)
		}
		if conStatus(t, r, Paused, 1); r.Stats.Items != 1 {
			t.Errorf("%d items", r.Stats.Items)
		}
		s.Parse = parse
		r = conRun(t, s, disk)
		conStatus(t, r, Finished, 2)
		conEqual(t, "items", conItems[string](t, r), "/", "/0")
	})
}

func TestContractMaxPagesIsExact(t *testing.T) {
	for _, concurrency := range []int{1, 2, 16} {
		for _, opts := range [][]Option{nil, {Interval(0)}} {
			conBubble(t, func(t *testing.T) {
				disk := conDisk()
				s := conSpider(conStar(20, time.Millisecond))
				s.Concurrency = concurrency
				for run := int64(1); run <= 3; run++ {
					r := conRun(t, s, append(opts, disk, MaxPages(7))...)
					if run == 3 {
						conStatus(t, r, r.Status, 21)
						continue
					}
					if conStatus(t, r, Paused, 7*run); r.Run.Pages != 7 || !strings.Contains(r.Reason, "7 pages") {
						t.Errorf("run has %d pages, reason %q", r.Run.Pages, r.Reason)
					}
				}
			})
		}
	}
}

func TestContractMaxPagesPassesRedirects(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		web := newConWeb(func(v conVisit) conReply {
			if v.URL == conHost+"/" {
				return conReply{status: 302, location: "/a"}
			}
			return conReply{body: conLinks("/b")}
		})
		// Nothing is committed by age, so a missed wake-up would last for ever. It
		// takes some luck to miss one.
		for range 300 {
			conStatus(t, conRun(t, conSpider(web), MaxPages(1), Interval(0)), Stopped, 1)
		}
	})
}

func TestContractMaxDuration(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		disk := conDisk()
		s := conSpider(conStar(100, time.Second))
		s.Concurrency = 1
		begin := time.Now()
		r := conRun(t, s, disk, MaxDuration(10*time.Second+500*time.Millisecond))
		if took := time.Since(begin); took != 11*time.Second {
			t.Errorf("took %v: the page in flight finishes, no more", took)
		}
		if conStatus(t, r, Paused, 12); !strings.Contains(r.Reason, "time limit") {
			t.Errorf("reason %q", r.Reason)
		}
		conStatus(t, conRun(t, s, disk), Finished, 101)
	})
}

func TestContractResultOfPauseIsCommitted(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		disk := conDisk()
		s := conSpider(conStar(10, time.Second))
		s.Concurrency = 2
		c, wait := conStart(t, s, disk, Interval(time.Hour))
		time.Sleep(1500 * time.Millisecond)
		c.Pause()
		paused, err := wait()
		if err != nil {
			t.Fatal(err)
		}
		s.OnStart = func(_ context.Context, info StartInfo) error {
			if info.Stats.Pages != paused.Stats.Pages || info.Stats.Items != paused.Stats.Items {
				t.Errorf("resumed with %d pages, paused with %d", info.Stats.Pages, paused.Stats.Pages)
			}
			if info.Why != "resumed after a pause" {
				t.Errorf("why: %q", info.Why)
			}
			return nil
		}
		conStatus(t, conRun(t, s, disk), Finished, 11)
	})
}
