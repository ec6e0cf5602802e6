package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/fetch"
)

// A demoQuote is what the demo's spider finds.
type demoQuote struct {
	Page   string   `json:"page"`
	Text   string   `json:"text"`
	Author string   `json:"author"`
	Tags   []string `json:"tags"`
}

// demoCrawl is the spider of the demo, as a user would write it.
func demoCrawl(site string, run, concurrency int, log *slog.Logger) *clew.Spider {
	return &clew.Spider{
		Name: demoSpider, StartURLs: []string{site}, Concurrency: concurrency, Logger: log,
		HTTP: fetch.HTTPOptions{Header: http.Header{runHeader: {strconv.Itoa(run)}}},
		Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
			for quote := range page.CSS("div.quote").All() {
				out.Item(demoQuote{
					Page: page.URL, Text: quote.CSS("span.text::text").Get(),
					Author: quote.CSS("small.author::text").Get(), Tags: quote.CSS("a.tag::text").GetAll(),
				})
			}
			for _, href := range page.CSS("a::attr(href)").GetAll() {
				out.Follow(href)
			}
			return nil
		},
	}
}

// demoRun is what the killed processes do.
func (p *program) demoRun(ctx context.Context, f *demoFlags, site string, run int) error {
	ctx, cancel := p.untilClosed(ctx)
	defer cancel()
	log := newLog(p.err, false, slog.LevelWarn)
	r, err := clew.Run(ctx, demoCrawl(site, run, f.concurrency, log), clew.CrawlDir(f.dir), clew.PauseTimeout(0))
	if err != nil {
		return err
	}
	if r.Status != clew.Finished {
		return errPaused
	}
	return nil
}

// A demoKill is what one kill left behind.
type demoKill struct {
	after     time.Duration
	stats     clew.Stats      // as committed
	committed map[string]bool // paths of the pages whose items are committed
}

// A demo is one run of the demo.
type demo struct {
	program *program
	flags   *demoFlags
	site    *demoSite
	screen  *screen
	dir     string
	pages   int64 // of the site, once they are known

	kills []demoKill
}

// until runs a process, and kills it some time after it has made so many requests;
// after -1 it runs to its end. It reports whether the process was killed.
func (d *demo) until(ctx context.Context, run, after int, rng *rand.Rand) (killed bool, err error) {
	exe, err := os.Executable()
	if err != nil {
		return false, fmt.Errorf("find this program: %w", err)
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, exe, demoRunArgs(d.flags, d.dir, d.site.url, run)...) //nolint:gosec // this program
	cmd.Stderr = &said
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return false, fmt.Errorf("start run %d: %w", run, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var due <-chan struct{}
	if after >= 0 {
		due = d.site.reached(run, after)
	}
	killed, err = d.watch(cmd, run, due, ended, rng)
	_ = stdin.Close() // the process is gone
	switch {
	case ctx.Err() != nil:
		return killed, ctx.Err()
	case err != nil && !killed:
		return false, fmt.Errorf("run %d: %w: %s", run, err, bytes.TrimSpace(said.Bytes()))
	}
	return killed, nil
}

// watch shows how far a process is, kills it when it is due, and returns when it
// has ended.
func (d *demo) watch(cmd *exec.Cmd, run int, due <-chan struct{}, ended <-chan error, rng *rand.Rand) (killed bool, err error) {
	frame := time.NewTicker(everyFrame)
	defer frame.Stop()
	defer d.screen.set("")
	var moment <-chan time.Time
	for {
		select {
		case err := <-ended:
			return killed, err
		case <-due:
			due = nil
			moment = time.After(time.Duration(rng.Int64N(int64(d.flags.latency) + 1)))
		case <-moment:
			moment, killed = nil, true
			if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				return false, fmt.Errorf("kill run %d: %w", run, err)
			}
		case <-frame.C:
			d.screen.set(fmt.Sprintf("   run %d, process %d: %s", run, cmd.Process.Pid, count(int64(d.site.requests(run)), "request")))
		}
	}
}

// look reads what is committed in the directory of a killed crawl.
func (d *demo) look() (k demoKill, err error) {
	i, err := clew.Inspect(d.dir)
	if errors.Is(err, clew.ErrNoCrawl) {
		return k, nil // killed before there was anything
	}
	if err != nil {
		return k, fmt.Errorf("look at %s: %w", d.dir, err)
	}
	k.stats, k.committed = i.Stats, map[string]bool{}
	items, err := readItems(filepath.Join(d.dir, "items.jsonl"), i.Stats.ItemBytes)
	if err != nil {
		return k, err
	}
	for _, line := range items {
		var q demoQuote
		if err := json.Unmarshal([]byte(line), &q); err != nil {
			return k, fmt.Errorf("read item: %w", err)
		}
		u, err := url.Parse(q.Page)
		if err != nil {
			return k, fmt.Errorf("read item: %w", err)
		}
		k.committed[u.Path] = true
	}
	return k, nil
}

// readItems reads the committed part of an item log.
func readItems(path string, length int64) ([]string, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) && length == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read items: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, length))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read items: %w", err)
	}
	var lines []string
	for line := range bytes.Lines(data) {
		lines = append(lines, string(bytes.TrimSuffix(line, []byte("\n"))))
	}
	return lines, nil
}
