package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/clew-crawler/clew/bench/site"
)

// concurrency is how many requests every peer has at a time.
const concurrency = 64

// A job is one kind of site.
type job struct {
	name, title string
	share       int  // it has one page of -pages in so many
	whole       bool // slow peers crawl all of it
	links       int  // links beyond those of the common page
	filler      int  // bytes beyond them
	hosts       int  // over how many hosts the pages are spread; 0 is one
	chain       bool // each page leads to the next only
	gzip        bool
	latency     time.Duration
	corpus      bool     // its pages are real ones, with those of the job put into them
	real        []string // they
}

// jobs are all there are, in the order of the tables.
func jobs() []job {
	return []job{
		{name: "10k", title: "pages of 10 KB with 40 links", share: 1},
		{name: "63k", title: "pages of 63 KB with 150 links", share: 4, links: 110, filler: 43_500},
		{name: "gzip", title: "pages of 10 KB, compressed with gzip", share: 2, gzip: true},
		{name: "hosts", title: "pages of 10 KB on 5,000 hosts", share: 1, hosts: 5000},
		{name: "chain", title: "a chain of pages, each of which leads to the next", share: 10, chain: true, whole: true},
		{name: "slow-chain", title: "such a chain, of pages that take 10 ms", share: 10, chain: true, whole: true, latency: 10 * time.Millisecond},
		{name: "latency", title: "pages of 10 KB that take 20 ms", share: 1, latency: 20 * time.Millisecond},
		{name: "docs", title: "real pages of documentation, with the common page put into each", share: 4, corpus: true},
	}
}

func jobNames() []string {
	var names []string
	for _, j := range jobs() {
		names = append(names, j.name)
	}
	return names
}

func jobNamed(name string) (*job, error) {
	for _, j := range jobs() {
		if j.name == name {
			return &j, nil
		}
	}
	return nil, fmt.Errorf("no job %q", name)
}

// pages returns how many pages a peer crawls.
func (j *job) pages(all, share int) int {
	if j.whole {
		share = 1
	}
	return max(1, all/j.share/share)
}

// render returns a page of a site with so many.
func (j *job) render(page, pages int, port int) []byte {
	text := string(site.Site{Pages: uint64(pages)}.Append(nil, uint64(page)))
	if j.chain {
		next := ""
		if page+1 < pages {
			next = `<li class="next"><a href="/catalogue/page/` + strconv.Itoa(page+1) + `.html">next</a></li>`
		}
		head, _, _ := strings.Cut(text, "<li ")
		text = head + next + "</ul></div></body></html>\n"
	}
	if j.links > 0 || j.filler > 0 {
		random := rand.New(rand.NewPCG(1, uint64(page))) //nolint:gosec // a site has no secrets
		var more strings.Builder
		for range j.links {
			fmt.Fprintf(&more, "<li class=\"nav-item\"><a class=\"title\" href=\"/catalogue/page/%d.html\">One more entry</a></li>\n", random.IntN(page+1))
		}
		const filler = "<p class=\"note\">and the thread runs on and on through the maze and back again</p>\n"
		text = strings.Replace(text, "</ul>", more.String()+"</ul>"+strings.Repeat(filler, j.filler/len(filler)), 1)
	}
	if j.hosts > 0 {
		text = j.spread(text, port)
	}
	if len(j.real) > 0 {
		text = inReal(j.real[page%len(j.real)], text)
	}
	return []byte(text)
}

const prefix = "/catalogue/page/"

// spread puts the links of a page on their hosts, which are addresses of the
// loopback network: no peer needs a resolver of its own.
func (j *job) spread(text string, port int) string {
	parts := strings.Split(text, `href="`+prefix)
	for i, part := range parts[1:] {
		number, _, _ := strings.Cut(part, ".html")
		page, _ := strconv.Atoi(number) // rendered above
		parts[i+1] = j.url(page, port) + strings.TrimPrefix(part, number+".html")
	}
	return strings.Join(parts, `href="`)
}

// url returns the address of a page.
func (j *job) url(page, port int) string {
	host := "127.0.0.1"
	if j.hosts > 0 {
		const most = 250 // of the last number of an address
		n := page % j.hosts
		host = fmt.Sprintf("127.1.%d.%d", n/most, 1+n%most)
	}
	return fmt.Sprintf("http://%s:%d%s%d.html", host, port, prefix, page)
}

// A tally is what a server has seen.
type tally struct {
	First  time.Time `json:"first"`  // request
	Unseen int       `json:"unseen"` // pages
	Again  int       `json:"again"`  // fetches beyond the first of a page
	Others int       `json:"others"` // requests for what is no page
	Plain  int       `json:"plain"`  // answers that a peer did not want compressed, where it might have
}

// A speedServer serves a site that was rendered before, so that it costs little.
type speedServer struct {
	job    *job
	plain  [][]byte
	packed [][]byte // with gzip; nil without
	hits   []atomic.Int32
	first  atomic.Int64 // nanoseconds since 1970
	others atomic.Int64
	bare   atomic.Int64
}

func newSpeedServer(j *job, pages, port int) (*speedServer, error) {
	s := &speedServer{job: j, plain: make([][]byte, pages), hits: make([]atomic.Int32, pages)}
	if j.gzip {
		s.packed = make([][]byte, pages)
	}
	for n := range pages {
		s.plain[n] = j.render(n, pages, port)
		if !j.gzip {
			continue
		}
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write(s.plain[n]); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		s.packed[n] = b.Bytes()
	}
	return s, nil
}

// ServeHTTP implements [http.Handler].
func (s *speedServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.first.CompareAndSwap(0, time.Now().UnixNano())
	page, err := site.Page(r.URL.Path)
	if err != nil || page >= uint64(len(s.plain)) {
		s.others.Add(1)
		http.NotFound(w, r)
		return
	}
	s.hits[page].Add(1)
	if s.job.latency > 0 {
		timer := time.NewTimer(s.job.latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return
		}
	}
	body, h := s.plain[page], w.Header()
	if s.packed != nil {
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			body = s.packed[page]
			h.Set("Content-Encoding", "gzip")
		} else {
			s.bare.Add(1)
		}
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // a client that left needs no answer
}

func (s *speedServer) tally() tally {
	t := tally{First: time.Unix(0, s.first.Load()), Others: int(s.others.Load()), Plain: int(s.bare.Load())}
	for n := range s.hits {
		switch hits := int(s.hits[n].Load()); hits {
		case 0:
			t.Unseen++
		default:
			t.Again += hits - 1
		}
	}
	return t
}

// serveSpeed is the server's process: it prints its address, serves until its
// input ends, and prints what it has seen.
func serveSpeed(name, count, corpus string, in io.Reader, out io.Writer) error {
	j, err := jobNamed(name)
	if err != nil {
		return err
	}
	pages, err := strconv.Atoi(count)
	if err != nil {
		return fmt.Errorf("number of pages: %w", err)
	}
	if j.corpus {
		if j.real, err = readCorpus(corpus); err != nil {
			return err
		}
	}
	address := "127.0.0.1:0"
	if j.hosts > 0 {
		address = "0.0.0.0:0" // to be at every address of the loopback network
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp4", address)
	if err != nil {
		return err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	s, err := newSpeedServer(j, pages, port)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ours{listener}) }()
	if _, err := fmt.Fprintln(out, j.url(0, port)); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	err = errors.Join(err, server.Close())
	if e := <-ended; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return errors.Join(err, json.NewEncoder(out).Encode(s.tally()))
}

// ours accepts connections of this machine only.
type ours struct{ net.Listener }

func (l ours) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if from, ok := conn.RemoteAddr().(*net.TCPAddr); ok && from.IP.IsLoopback() {
			return conn, nil
		}
		_ = conn.Close() // of a stranger
	}
}

// What stands before the two fields of an item.
const (
	textTag   = `<span class="text">`
	authorTag = `<small class="author">`
)

// truth returns every item of a site with so many pages: how often it is there.
func truth(pages int) map[entry]int {
	items := make(map[entry]int, pages*site.Items)
	var buf []byte
	for n := range pages {
		buf = site.Site{Pages: uint64(pages)}.Append(buf[:0], uint64(n))
		_, rest, more := strings.Cut(string(buf), textTag)
		for more {
			var it entry
			it.Text, rest, _ = strings.Cut(rest, "<")
			_, rest, _ = strings.Cut(rest, authorTag)
			it.Author, rest, _ = strings.Cut(rest, "<")
			items[it]++
			_, rest, more = strings.Cut(rest, textTag)
		}
	}
	return items
}

// faults compares an output with the truth: what is wrong with it, "" for nothing,
// and how many items it has more than once.
func faults(path string, pages int) (wrong string, doubled int, err error) {
	data, err := os.ReadFile(path) //nolint:gosec // below the folder that the user named
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", 0, err
	}
	left := truth(pages)
	var torn, lost int
	for line := range bytes.Lines(data) {
		var it entry
		n, known := 0, false
		if json.Unmarshal(line, &it) == nil {
			n, known = left[it]
		}
		switch {
		case !known:
			torn++
		case n == 0:
			doubled++
		default:
			left[it]--
		}
	}
	for _, n := range left {
		lost += n
	}
	if lost+torn == 0 {
		return "", doubled, nil
	}
	return fmt.Sprintf("%d items lost, %d lines that are none", lost, torn), doubled, nil
}
