package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/fetch"
	"github.com/clew-crawler/clew/links"
)

func (p *program) crawlCommand() *cobra.Command {
	f := new(runFlags)
	cmd := &cobra.Command{
		Use:   "crawl <url>... [flags]",
		Short: "Crawl a site, one item for each page",
		Long: "Crawl the site where a URL leads: the pages of the host where it lands after\n" +
			"redirects, and no other host. Each page becomes one item with its url, status,\n" +
			"title, number of links, bytes and depth, a line of DIR/items.jsonl.\n\n" +
			"Run the same command again to go on after any stop. Ctrl+C pauses; once more\n" +
			"stops at once. Without --crawl-dir nothing is kept: at the end the items are\n" +
			"written to standard output, and the result to standard error.\n\n" +
			"Addresses that are not public (localhost, 10.0.0.1) are refused, whatever name\n" +
			"or redirect leads there, unless one of the URLs is itself such an address.",
		Example: "clew crawl https://example.com --crawl-dir ./crawl_data\n" +
			"clew crawl https://example.com --crawl-dir ./crawl_data --max-pages 1000\n" +
			"clew crawl https://example.com > items.jsonl",
		Annotations:           map[string]string{exitCodes: "all"},
		DisableFlagsInUseLine: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("clew crawl https://example.com --crawl-dir ./crawl_data", "crawl needs the URL of a site")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			spider, err := siteSpider(args)
			if err != nil {
				return err
			}
			spider.HTTP.DenyPrivateNetworks = !f.private && !somePrivate(args)
			return p.crawl(cmd.Context(), f, spider)
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&f.private, allowPrivate, false, "let public sites lead to private addresses")
	return cmd
}

// allowPrivate is the flag that lifts what protects private networks.
const allowPrivate = "allow-private-networks"

// somePrivate reports whether a URL leads to a private network by its looks: then
// the whole crawl is one for which private networks are meant.
func somePrivate(urls []string) bool {
	return slices.ContainsFunc(urls, func(raw string) bool {
		canonical, err := links.Canonicalizer{}.Canonical(raw)
		if err != nil {
			return false
		}
		u, err := url.Parse(canonical)
		return err == nil && fetch.PrivateHost(u.Hostname())
	})
}

func (p *program) runCommand() *cobra.Command {
	f := new(runFlags)
	var names []string
	for _, s := range p.spiders {
		names = append(names, s.Name)
	}
	use := "run <spider> [flags]"
	if len(names) == 1 {
		use = "run [spider] [flags]"
	}
	cmd := &cobra.Command{
		Use:   use,
		Short: "Run a spider",
		Long: "Run a spider of this program: " + strings.Join(names, ", ") + ".\n\n" +
			"Run the same command again to go on after any stop. Ctrl+C pauses; once more\n" +
			"stops at once. Flags that are not given leave the spider's settings as they are.\n" +
			"Without --crawl-dir nothing is kept: at the end the items are written to standard\n" +
			"output, and the result to standard error.",
		Example:               p.name + " run " + names[0] + " --crawl-dir ./crawl_data",
		Annotations:           map[string]string{exitCodes: "all"},
		DisableFlagsInUseLine: true,
		ValidArgs:             names,
		RunE: func(cmd *cobra.Command, args []string) error {
			spider, err := p.pick(args, names)
			if err != nil {
				return err
			}
			return p.crawl(cmd.Context(), f, spider)
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&f.lenient, "lenient", false, "resume though handlers or sessions are missing")
	return cmd
}

// pick finds the spider to run; a program's only one need not be named.
func (p *program) pick(args, names []string) (*clew.Spider, error) {
	try := p.name + " run " + names[0]
	switch {
	case len(args) > 1:
		return nil, usage(try, "run takes one spider, not %d", len(args))
	case len(args) == 0 && len(p.spiders) == 1:
		return p.spiders[0], nil
	case len(args) == 0:
		return nil, usage(try, "run needs the name of a spider: %s", strings.Join(names, ", "))
	}
	for _, s := range p.spiders {
		if s.Name == args[0] {
			return s, nil
		}
	}
	return nil, usage(try, "no spider is named %q: there is %s", args[0], strings.Join(names, ", "))
}

// crawl runs a spider to the end of a run and tells what came of it.
func (p *program) crawl(ctx context.Context, f *runFlags, spider *clew.Spider) error {
	if err := f.check(); err != nil {
		return err
	}
	screen := newScreen(p.err)
	level := spider.LogLevel
	live := screen.live && !f.json
	if live && level == slog.LevelInfo {
		level = slog.LevelWarn // the live line and a few sentences say the rest
	}
	log := newLog(screen, f.json, level)
	spider = f.apply(spider, log)
	if live {
		greet(spider, screen)
	}
	crawl, err := clew.Open(spider, f.options()...)
	if err != nil {
		return p.hintRun(err, f)
	}
	signals, stop := p.notify()
	defer stop()
	w := &watch{crawl: crawl, screen: screen, log: log, json: f.json, signals: signals, exit: p.exit}
	done := make(chan struct{})
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		w.run(done)
	}()
	result, err := crawl.Run(ctx)
	close(done)
	<-watching
	return p.conclude(f, result, err)
}

// greet makes a spider say on a screen how its run begins.
func greet(spider *clew.Spider, to *screen) {
	own := spider.OnStart
	spider.OnStart = func(ctx context.Context, info clew.StartInfo) error {
		if info.Resuming || info.Why != "new" {
			s := &info.Stats
			text := fmt.Sprintf("%s: run %d, %s and %s so far, %s left\n", info.Why, info.Run,
				count(s.Pages, "page"), count(s.Items, "item"), count(s.Pending+s.Delayed, "request"))
			if err := to.printTo(to.w, text); err != nil {
				return err
			}
		}
		if own == nil {
			return nil
		}
		return own(ctx, info)
	}
}

// hintDir fills in the directory in hints about it.
func (p *program) hintDir(err error, dir string) error {
	try := p.try(err)
	if err == nil || dir == "" || !strings.Contains(try, "DIR") {
		return err
	}
	return &hintedError{err, strings.ReplaceAll(try, "DIR", quote(dir))}
}

// hintRun is hintDir for a crawl that was refused or failed.
func (p *program) hintRun(err error, f *runFlags) error {
	if f.refuse && errors.Is(err, clew.ErrDamaged) {
		return &hintedError{err, p.name + " salvage " + quote(f.crawlDir) +
			" to bring back what can be read, or the same crawl without --refuse-damage to begin anew"}
	}
	return p.hintDir(err, f.crawlDir)
}

// conclude writes the result and turns it into the outcome of the command.
func (p *program) conclude(f *runFlags, r *clew.Result, err error) error {
	if r != nil {
		err = errors.Join(err, p.writeResult(f, r))
	}
	switch {
	case err != nil && f.crawlDir != "" && p.try(err) == "":
		return &hintedError{err, p.again()}
	case err != nil:
		return p.hintRun(err, f)
	case r.Status == clew.Stopped && r.Stats.Pages == 0: // nothing was kept, so there is nothing to go on with
		return fmt.Errorf("no page could be read: %s", r.Reason)
	case r.Status != clew.Finished:
		return errPaused
	case r.Stats.Pages == 0 && len(r.Failures) > 0:
		first := r.Failures[0]
		return p.retryFailed(f, fmt.Errorf("no page could be read; %s: %s", withoutPassword(first.URL), first.Reason))
	}
	return nil
}

// retryFailed hints at how to try a crawl again that is over but came to nothing.
func (p *program) retryFailed(f *runFlags, err error) error {
	again, changed := p.again(), false
	if f.flags.Lookup(allowPrivate) != nil && strings.Contains(err.Error(), ": "+fetch.KindDenied.String()+": ") {
		again, changed = again+" --"+allowPrivate, true
	}
	switch {
	case f.crawlDir != "":
		return &hintedError{err, fmt.Sprintf("%s requeue %s, then %s", p.name, quote(f.crawlDir), again)}
	case changed:
		return &hintedError{err, again}
	}
	return err
}

// writeResult writes the result, in words or as one JSON object: to standard output,
// unless the items are nowhere else and go there.
func (p *program) writeResult(f *runFlags, r *clew.Result) error {
	to := p.out
	if f.crawlDir == "" {
		to = p.err
		for line, err := range r.Items() {
			if err == nil {
				_, err = p.out.Write(append(line, '\n'))
			}
			if err != nil {
				return fmt.Errorf("write items: %w", err)
			}
		}
	}
	if f.json {
		return writeJSON(to, struct {
			*clew.Result

			CrawlDir string `json:"crawl_dir,omitempty"`
			Items    string `json:"items,omitempty"`
			Resume   string `json:"resume,omitempty"`
		}{r, f.crawlDir, f.itemsPath(), p.resume(f, r)})
	}
	_, err := io.WriteString(to, p.summary(f, r))
	return err
}

func writeJSON(to io.Writer, v any) error {
	enc := json.NewEncoder(to)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// summary tells a result in words.
func (p *program) summary(f *runFlags, r *clew.Result) string {
	var b strings.Builder
	s := &r.Stats
	b.WriteString(string(r.Status))
	switch {
	case r.Status == clew.Finished && r.Run.Runs == 0:
		b.WriteString(" already")
	case r.Reason != "":
		b.WriteString(" (" + r.Reason + ")")
	}
	fmt.Fprintf(&b, ": %s, %s, %d failed, in %s", count(s.Pages, "page"), count(s.Items, "item"), s.Failed, round(s.Elapsed))
	if s.Runs > 1 {
		fmt.Fprintf(&b, " over %d runs", s.Runs)
	}
	if left := s.Pending + s.Delayed; r.Status != clew.Finished {
		fmt.Fprintf(&b, "; %s left", count(left, "request"))
	}
	b.WriteByte('\n')
	if path := f.itemsPath(); path != "" {
		fmt.Fprintf(&b, "items:  %s\n", path)
	}
	if s.Failed > 0 && f.crawlDir != "" {
		fmt.Fprintf(&b, "failed: %s status %s\n", p.name, quote(f.crawlDir))
	}
	switch {
	case p.resume(f, r) != "":
		fmt.Fprintf(&b, "resume: %s\n", p.resume(f, r))
	case r.Run.Runs == 0 && r.Status == clew.Finished:
		fmt.Fprintf(&b, "anew:   %s --fresh\n", p.again())
	}
	return b.String()
}

// resume is the command that goes on with a crawl, "" if there is none.
func (p *program) resume(f *runFlags, r *clew.Result) string {
	if r.Status != clew.Paused || f.crawlDir == "" {
		return ""
	}
	return p.again()
}

// count writes a number of things.
func count(n int64, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// round leaves of a duration what somebody wants to read.
func round(d time.Duration) time.Duration {
	if d >= time.Minute {
		return d.Round(time.Second)
	}
	return d.Round(100 * time.Millisecond)
}
