package clew

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"

	"github.com/clew-crawler/clew/fetch"
)

func TestContractOnStart(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		disk := conDisk()
		web := conStar(5, 0)
		s := conSpider(web)
		s.Concurrency = 1
		var infos []string
		s.OnStart = func(_ context.Context, info StartInfo) error {
			infos = append(infos, fmt.Sprint(info.Resuming, info.Run, info.Stats.Pages, " ", info.Why))
			if len(web.asked()) != int(info.Stats.Pages) {
				t.Error("a page was fetched before OnStart")
			}
			return nil
		}
		conRun(t, s, disk, MaxPages(2))
		conRun(t, s, disk)
		conEqual(t, "OnStart", infos, "false 1 0 new", "true 2 2 resumed after a pause")
	})
}

func TestContractOnStartFails(t *testing.T) {
	for name, hook := range map[string]func(context.Context, StartInfo) error{
		"error": func(context.Context, StartInfo) error { return io.ErrUnexpectedEOF },
		"panic": func(context.Context, StartInfo) error { panic(io.ErrUnexpectedEOF.Error()) },
	} {
		t.Run(name, func(t *testing.T) {
			conBubble(t, func(t *testing.T) {
				disk := conDisk()
				web := conStar(5, 0)
				s := conSpider(web)
				conRun(t, s, disk, MaxPages(2))
				s.OnStart = hook
				before := len(web.asked())
				_, err := Run(t.Context(), s, disk)
				if err == nil || !strings.Contains(err.Error(), "OnStart") || !strings.Contains(err.Error(), io.ErrUnexpectedEOF.Error()) {
					t.Errorf("error %v", err)
				}
				if len(web.asked()) != before {
					t.Error("pages were fetched all the same")
				}
				s.OnStart = nil
				conStatus(t, conRun(t, s, disk), Finished, 6)
			})
		})
	}
}

func TestContractOnClose(t *testing.T) {
	for _, tc := range []struct {
		name string
		opts []Option
		set  func(s *Spider)
		want Status
	}{
		{"finished", nil, func(*Spider) {}, Finished},
		{"paused", []Option{MaxPages(1)}, func(*Spider) {}, Paused},
		{"failed", nil, func(s *Spider) { s.StartRequests = conSeedFault }, Paused},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conBubble(t, func(t *testing.T) {
				s := conSpider(conStar(3, 0))
				tc.set(s)
				var calls []string
				s.OnClose = func(ctx context.Context, r *Result) error {
					calls = append(calls, string(r.Status))
					if ctx.Err() != nil {
						t.Error("its context has ended")
					}
					if n := len(conItems[string](t, r)); int64(n) != r.Stats.Items {
						t.Errorf("%d of %d items can be read", n, r.Stats.Items)
					}
					return io.ErrUnexpectedEOF
				}
				opts := append(tc.opts, conDisk())
				_, err := Run(t.Context(), s, opts...)
				checkRun(t, opts)
				if !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("the error of the hook is lost: %v", err)
				}
				conEqual(t, "OnClose", calls, string(tc.want))
			})
		})
	}
}

func TestContractAPanicInOnCloseLosesNothing(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		disk := conDisk()
		s := conSpider(conStar(3, 0))
		s.OnClose = func(context.Context, *Result) error { panic("hook") }
		r, err := Run(t.Context(), s, disk, MaxPages(2))
		if err == nil || r == nil {
			t.Fatalf("result %v, error %v", r, err)
		}
		s.OnClose = nil
		conStatus(t, conRun(t, s, disk), Finished, 4)
	})
}

func TestContractOnError(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		web := newConWeb(func(v conVisit) conReply {
			switch conPath(v.URL) {
			case "/":
				return conReply{body: conNumbered(4)}
			case "/0":
				return conReply{fail: fetch.KindTLS}
			case "/1":
				return conReply{status: 403}
			}
			return conReply{}
		})
		s := conSpider(web)
		s.NoBlockedRetries = true
		parse := s.Parse
		s.Parse = func(ctx context.Context, page *Response, out *Output) error {
			if page.URL == conHost+"/2" {
				return io.ErrUnexpectedEOF
			}
			return parse(ctx, page, out)
		}
		var got []string
		told := make(chan string, 4)
		s.OnError = func(_ context.Context, req *Request, err error) {
			var fe *fetch.Error
			told <- fmt.Sprint(conPath(req.URL), " ", errors.As(err, &fe), errors.Is(err, io.ErrUnexpectedEOF))
			panic("a hook that fails itself")
		}
		r := conRun(t, s)
		close(told)
		for g := range told {
			got = append(got, g)
		}
		conEqual(t, "OnError", got, "/0 true false", "/1 false false", "/2 false true")
		if conStatus(t, r, Finished, 2); r.Stats.Failed != 3 {
			t.Errorf("%d failed", r.Stats.Failed)
		}
	})
}

func TestContractHandlerFaultsKeepNothing(t *testing.T) {
	for name, fault := range map[string]func(page *Response, out *Output) error{
		"error":           func(*Response, *Output) error { return errors.New("fault") },
		"panic":           func(*Response, *Output) error { panic("fault") },
		"bad item":        func(_ *Response, out *Output) error { out.Item(func() {}); return nil },
		"bad meta":        func(_ *Response, out *Output) error { out.Follow("/x", WithMeta("k", make(chan int))); return nil },
		"unknown handler": func(_ *Response, out *Output) error { out.Follow("/x", To("nobody")); return nil },
		"unknown session": func(_ *Response, out *Output) error { out.Request(&Request{URL: conHost, Session: "none"}); return nil },
		"bad selector":    func(page *Response, _ *Output) error { page.CSS("a[").Get(); return nil },
		"two bodies": func(_ *Response, out *Output) error {
			out.Request(&Request{URL: conHost, Body: []byte("x"), JSON: 1})
			return nil
		},
		"kind of no object":  func(_ *Response, out *Output) error { out.ItemKind("k", 1); return nil },
		"update that panics": func(_ *Response, out *Output) error { Update(out, "k", func(int) int { panic("fault") }); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			conBubble(t, func(t *testing.T) {
				s := conSpider(conPages(map[string]string{conHost + "/": ""}))
				s.Parse = func(_ context.Context, page *Response, out *Output) error {
					out.Item("item")
					out.Follow("/followed")
					out.Count("n", 1)
					Update(out, "before", func(n int) int { return n + 1 })
					return fault(page, out)
				}
				r := conRun(t, s)
				conStatus(t, r, Finished, 0)
				st := r.Stats
				if st.Failed != 1 || st.Items != 0 || st.Links != 1 || len(st.Custom) != 0 || len(r.State) != 0 {
					t.Errorf("kept something: %+v, state %s", st, r.State)
				}
				if len(r.Failures) != 1 || r.Failures[0].Reason == "" {
					t.Errorf("failures %+v", r.Failures)
				}
			})
		})
	}
}

func TestContractOnItem(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		s := conSpider(conStar(5, 0))
		s.OnItem = func(_ context.Context, item any) (any, error) {
			switch item {
			case "/0":
				return nil, nil
			case "/1":
				return nil, io.ErrUnexpectedEOF
			case "/2":
				panic("fault")
			case "/3":
				return map[string]any{"changed": item}, nil
			}
			return item, nil
		}
		r := conRun(t, s)
		var got []string
		for line, err := range r.Items() {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(line))
		}
		conEqual(t, "items", got, `"/"`, `"/4"`, `{"changed":"/3"}`)
		if conStatus(t, r, Finished, 4); r.Stats.ItemsDropped != 1 || r.Stats.Failed != 2 || r.Stats.Items != 3 {
			t.Errorf("dropped %d, failed %d, items %d", r.Stats.ItemsDropped, r.Stats.Failed, r.Stats.Items)
		}
	})
}

func TestContractPanicsInHooksFailThePage(t *testing.T) {
	for name, set := range map[string]func(s *Spider){
		"IsBlocked": func(s *Spider) { s.IsBlocked = func(context.Context, *Response) bool { panic("fault") } },
		"OnBlocked": func(s *Spider) {
			s.IsBlocked = func(context.Context, *Response) bool { return true }
			s.OnBlocked = func(context.Context, *Response, *Request) { panic("fault") }
		},
		"an impossible retry": func(s *Spider) {
			s.IsBlocked = func(context.Context, *Response) bool { return true }
			s.OnBlocked = func(_ context.Context, _ *Response, retry *Request) { retry.Session = "none" }
		},
	} {
		t.Run(name, func(t *testing.T) {
			conBubble(t, func(t *testing.T) {
				disk := conDisk()
				s := conSpider(conStar(1, 0))
				set(s)
				r := conRun(t, s, disk)
				conStatus(t, r, Finished, 0)
				if r.Stats.Failed != 1 || len(r.Failures) != 1 {
					t.Errorf("%d failed, %+v", r.Stats.Failed, r.Failures)
				}
			})
		})
	}
}

// conSeedFault is StartRequests that fails after its first.
func conSeedFault(context.Context) iter.Seq2[*Request, error] {
	return func(yield func(*Request, error) bool) {
		if yield(&Request{URL: conHost + "/0"}, nil) {
			yield(nil, io.ErrNoProgress)
		}
	}
}

func TestContractStartRequestsFail(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		disk := conDisk()
		s := conSpider(conStar(0, 0))
		s.StartRequests = conSeedFault
		r, err := Run(t.Context(), s, disk)
		if !errors.Is(err, io.ErrNoProgress) || !strings.Contains(err.Error(), "start request 2") {
			t.Errorf("error %v", err)
		}
		if r.Status != Paused {
			t.Errorf("ended %q", r.Status)
		}
		s.StartRequests = conSeeds(3, 0)
		r = conRun(t, s, disk)
		conStatus(t, r, Finished, 3)
		s.StartRequests = func(context.Context) iter.Seq2[*Request, error] { panic("fault") }
		disk = conDisk()
		if _, err := Run(t.Context(), s, disk); err == nil || !strings.Contains(err.Error(), "StartRequests") {
			t.Errorf("panic: error %v", err)
		}
		checkRun(t, []Option{disk})
	})
}

func TestContractStartRequestsOfAFaultyProgram(t *testing.T) {
	for name, bad := range map[string]*Request{
		"handler": {URL: conHost + "/bad", Handler: "nobody"},
		"session": {URL: conHost + "/bad", Session: "none"},
		"meta":    {URL: conHost + "/bad", Meta: map[string]any{"k": make(chan int)}},
		"nil":     nil,
	} {
		t.Run(name, func(t *testing.T) {
			conBubble(t, func(t *testing.T) {
				s := conSpider(conStar(0, 0))
				s.StartRequests = conList(&Request{URL: conHost + "/0"}, bad)
				disk := conDisk()
				_, err := Run(t.Context(), s, disk)
				checkRun(t, []Option{disk})
				if err == nil || !strings.Contains(err.Error(), "start request") || bad != nil && !strings.Contains(err.Error(), bad.URL) {
					t.Errorf("error %v: a fault of the program was passed over", err)
				}
			})
		})
	}
}
