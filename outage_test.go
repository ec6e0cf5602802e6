package clew

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/clew-crawler/clew/fetch"
	"github.com/clew-crawler/clew/politeness"
)

// outHosts is a web of n hosts with ten pages each. The first page of each host
// links to the others of its own and to the next host, so that new hosts are met
// all the time. down says when a host cannot be reached.
func outHosts(n int, down func(host string, v conVisit) fetch.Kind) *conWeb {
	return newConWeb(func(v conVisit) conReply {
		host, path, _ := strings.Cut(strings.TrimPrefix(v.URL, "http://"), "/")
		if kind := down(host, v); kind != 0 {
			return conReply{fail: kind, takes: 2 * time.Second}
		}
		switch path {
		case "robots.txt":
			return conReply{status: 404, takes: 100 * time.Millisecond}
		case "":
			var i int
			_, _ = fmt.Sscanf(host, "h%d.test", &i)
			links := conNumbered(9)
			if i+1 < n {
				links += conLinks(fmt.Sprintf("http://h%d.test/", i+1))
			}
			return conReply{body: links, takes: 100 * time.Millisecond}
		}
		return conReply{takes: 100 * time.Millisecond}
	})
}

// during is an outage of every host.
func during(from, to time.Duration, kind fetch.Kind) func(string, conVisit) fetch.Kind {
	return func(_ string, v conVisit) fetch.Kind {
		if v.at >= from && v.at < to {
			return kind
		}
		return 0
	}
}

// TestOutageOfTheNetwork cuts the network off in the middle of a crawl of many
// hosts. Nothing fails for it, whatever the number of retries, no attempt is lost,
// and the crawl goes on soon after.
func TestOutageOfTheNetwork(t *testing.T) {
	kinds, lengths := []fetch.Kind{fetch.KindConnect}, []time.Duration{2 * time.Second, 10 * time.Minute}
	if *longFlag {
		kinds, lengths = append(kinds, fetch.KindDNS), append(lengths, 20*time.Second, 6*time.Hour)
	}
	for _, kind := range kinds {
		for _, length := range lengths {
			for _, retry := range []politeness.Retry{{}, {Off: true}} {
				for _, robots := range []bool{false, true} {
					name := fmt.Sprintf("%v for %v, retries %d, off %v, robots %v", kind, length, retry.Max, retry.Off, robots)
					t.Run(name, func(t *testing.T) {
						conBubble(t, func(t *testing.T) {
							const begin = 1500 * time.Millisecond
							web := outHosts(40, during(begin, begin+length, kind))
							s := conSpider(web, "http://h0.test/", "http://h39.test/")
							s.Retry, s.IgnoreRobots = retry, !robots
							began := time.Now()
							r := conRun(t, s, conDisk())
							if conStatus(t, r, Finished, 400); r.Stats.Failed != 0 || r.Stats.Retries != 0 {
								t.Errorf("%d failed, %d attempts used up: %v", r.Stats.Failed, r.Stats.Retries, r.Failures)
							}
							// As long as it takes without the outage, the outage, and the last wait
							// of the back-off, which is at most as long again or the longest there is.
							most := 30*time.Second + length + min(2*length, politeness.DefaultParkingMax) + 5*time.Second
							if took := time.Since(began); took > most {
								t.Errorf("took %v, want at most %v", took, most)
							}
							if n := r.Stats.FetchErrors + r.Stats.RobotsFetches; n > 40*100 {
								t.Errorf("%d attempts to reach somebody", n)
							}
						})
					})
				}
			}
		}
	}
}

// TestOutageAndResume stops a crawl while the network is gone, in an orderly way and
// by a kill, and goes on during the outage and after it.
func TestOutageAndResume(t *testing.T) {
	for _, kill := range []bool{false, true} {
		for _, robots := range []bool{false, true} {
			conBubble(t, func(t *testing.T) {
				web := outHosts(40, during(1500*time.Millisecond, time.Hour, fetch.KindConnect))
				s := conSpider(web, "http://h0.test/", "http://h39.test/")
				s.IgnoreRobots = !robots
				s.Retry.Max = 1
				disk := new(outDisk)
				for run := range 4 {
					option := disk.next(kill)
					r, err := Run(t.Context(), s, option, MaxDuration(5*time.Minute))
					if err != nil || r.Status != Paused || r.Stats.Failed != 0 {
						t.Fatalf("run %d: %v, %+v", run, err, r)
					}
				}
				time.Sleep(time.Hour)
				if r := conRun(t, s, disk.next(kill)); r.Status != Finished || r.Stats.Failed != 0 || r.Stats.Pages != 400 {
					t.Errorf("ended %q with %d pages, %d failed: %v", r.Status, r.Stats.Pages, r.Stats.Failed, r.Failures)
				}
			})
		}
	}
}

// TestDeadHostAmongMany has one host of fifty that never answers. The others are
// done as soon as without it, and the crawl is over soon after.
func TestDeadHostAmongMany(t *testing.T) {
	var took [2]time.Duration
	for i, dead := range []string{"none", "h7.test"} {
		conBubble(t, func(t *testing.T) {
			web := outHosts(50, func(host string, _ conVisit) fetch.Kind {
				if host == dead {
					return fetch.KindConnect
				}
				return 0
			})
			s := conSpider(web)
			s.StartURLs = nil
			for i := range 50 {
				s.StartURLs = append(s.StartURLs, fmt.Sprintf("http://h%d.test/", i))
			}
			r := conRun(t, s)
			if want := int64(500 - 10*i); r.Stats.Pages != want || r.Stats.Failed != int64(i) {
				t.Errorf("%d pages, %d failed, want %d and %d", r.Stats.Pages, r.Stats.Failed, want, i)
			}
			for _, v := range web.visits {
				if !strings.HasPrefix(v.URL, "http://"+dead+"/") {
					took[i] = max(took[i], v.at)
				}
			}
		})
	}
	if took[1] > took[0]+2*time.Second {
		t.Errorf("the others took %v with a dead host among them, %v without it", took[1], took[0])
	}
}

// TestDeadLinkAtTheEnd has a host that never answers as the last thing left to ask,
// so that nobody shows that the network works.
func TestDeadLinkAtTheEnd(t *testing.T) {
	for _, tc := range []struct {
		robots, refused bool
		least, most     time.Duration
	}{
		{false, false, outageDoubt, 2 * time.Hour},
		{true, false, outageDoubt, 2 * time.Hour},
		{false, true, 30 * time.Second, 5 * time.Minute},
		{true, true, 30 * time.Second, 5 * time.Minute},
	} {
		conBubble(t, func(t *testing.T) {
			web := outHosts(2, func(host string, _ conVisit) fetch.Kind {
				if host == "h1.test" {
					return fetch.KindConnect
				}
				return 0
			})
			s := conSpider(refusing{web, tc.refused}, "http://h0.test/")
			s.IgnoreRobots = !tc.robots
			begin := time.Now()
			r := conRun(t, s)
			if conStatus(t, r, Finished, 10); r.Stats.Failed != 1 {
				t.Errorf("%d failed", r.Stats.Failed)
			}
			if took := time.Since(begin); took > tc.most || took < tc.least {
				t.Errorf("%+v: one dead link kept the crawl open for %v", tc, took)
			}
		})
	}
}

// refusing is a web whose hosts that are down say so.
type refusing struct {
	*conWeb
	on bool
}

func (w refusing) Fetch(ctx context.Context, req *fetch.Request) (*fetch.Response, error) {
	resp, err := w.conWeb.Fetch(ctx, req)
	if fe, ok := errors.AsType[*fetch.Error](err); ok && w.on {
		fe.Err = syscall.ECONNREFUSED
	}
	return resp, err
}

// TestDeadHostOfManyPages gives a host that never answers up as a whole, not page by
// page.
func TestDeadHostOfManyPages(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		web := outHosts(2, func(host string, _ conVisit) fetch.Kind {
			if host == "dead.test" {
				return fetch.KindConnect
			}
			return 0
		})
		s := conSpider(refusing{web, true}, "http://h0.test/")
		for i := range 1000 {
			s.StartURLs = append(s.StartURLs, fmt.Sprintf("http://dead.test/%d", i))
		}
		begin := time.Now()
		r := conRun(t, s)
		if conStatus(t, r, Finished, 20); r.Stats.Failed != 1000 {
			t.Errorf("%d failed", r.Stats.Failed)
		}
		if took := time.Since(begin); took > time.Hour {
			t.Errorf("took %v", took)
		}
	})
}

// TestRobotsOnPrivateNetwork asks a denied host for its robots.txt once, not for a day.
func TestRobotsOnPrivateNetwork(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		for _, kind := range []fetch.Kind{fetch.KindDenied, fetch.KindTLS, fetch.KindProtocol} {
			web := newConWeb(func(conVisit) conReply { return conReply{fail: kind} })
			s := conSpider(web)
			s.IgnoreRobots = false
			began := time.Now()
			r := conRun(t, s)
			if conStatus(t, r, Finished, 0); r.Stats.Failed != 1 || len(web.visits) != 1 || time.Since(began) > time.Second {
				t.Errorf("%v: %d failed, asked %v after %v", kind, r.Stats.Failed, web.asked(), time.Since(began))
			}
		}
	})
}

// TestFlappingHost has a host that is there for a second of every minute.
func TestFlappingHost(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		web := outHosts(10, func(host string, v conVisit) fetch.Kind {
			if host == "h3.test" && v.at%time.Minute > 10*time.Second {
				return fetch.KindConnect
			}
			return 0
		})
		s := conSpider(web)
		s.StartURLs, s.Delay = []string{"http://h0.test/"}, 5*time.Second
		r := conRun(t, s)
		if conStatus(t, r, Finished, 100); r.Stats.Failed != 0 {
			t.Errorf("%d failed: %v", r.Stats.Failed, r.Failures)
		}
	})
}

// TestOutageOnTheWire pulls the plug of a crawl that speaks HTTP: no name is
// resolved, nobody can be connected to, and what was under way breaks off.
func TestOutageOnTheWire(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		began := time.Now()
		handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(300 * time.Millisecond)
			w.Header().Set("Content-Type", "text/html")
			_, _ = fmt.Fprint(w, conNumbered(40))
		})
		wire := &pipes{conns: make(chan net.Conn)}
		server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
		var serving sync.WaitGroup
		serving.Go(func() { _ = server.Serve(wire) })
		time.AfterFunc(2*time.Second, func() { wire.plug(false) })
		time.AfterFunc(10*time.Minute, func() { wire.plug(true) })

		transport := &http.Transport{DialContext: wire.dial}
		s := conSpider(nil, "http://a.test/", "http://b.test/", "http://c.test/")
		s.Sessions, s.Concurrency, s.HTTP.Transport = nil, 4, transport
		r := conRun(t, s)
		if conStatus(t, r, Finished, 3*41); r.Stats.Failed != 0 {
			t.Errorf("%d failed: %v", r.Stats.Failed, r.Failures)
		}
		transport.CloseIdleConnections()
		_ = server.Close()
		serving.Wait()
		if took := time.Since(began); took > 20*time.Minute {
			t.Errorf("took %v", took)
		}
	})
}

// pipes are a network within the process, with a plug.
type pipes struct {
	conns chan net.Conn
	mu    sync.Mutex
	open  []net.Conn
	cut   bool
}

func (p *pipes) dial(ctx context.Context, network, address string) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ENETUNREACH}
	}
	client, server := net.Pipe()
	p.open = append(p.open, server)
	select {
	case p.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// plug puts the plug in, or pulls it, which breaks all connections.
func (p *pipes) plug(in bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = !in
	for _, conn := range p.open {
		_ = conn.Close()
	}
	p.open = nil
}

// The pipes are the server's listener.
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }
func (p *pipes) Close() error   { close(p.conns); return nil }

func (p *pipes) Accept() (net.Conn, error) {
	conn, ok := <-p.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

// outDisk is a disk in memory. After a kill the next run finds what was synced at
// that instant, whatever the killed run still wrote.
type outDisk struct {
	mu       sync.Mutex
	fs, left *vfs.MemFS
}

func (d *outDisk) next(kill bool) Option {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.left != nil:
		d.fs = d.left
	case d.fs == nil:
		d.fs = vfs.NewCrashableMem()
	}
	fs := d.fs
	if kill {
		time.AfterFunc(4*time.Minute, func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.left = fs.CrashClone(vfs.CrashCloneCfg{})
		})
	}
	return func(o *options) { o.dir, o.fs = "/crawl", fs }
}
