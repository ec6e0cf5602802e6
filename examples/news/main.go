// Command news is a crawler for the long run: it is polite, keeps a log file,
// says how it begins and ends, commits every two minutes, and writes the articles
// of all its runs as one JSON array when the crawl is finished.
//
//	go run ./examples/news -crawl-dir ./crawls/news
//
// Press Ctrl+C to pause it, and run the same command again to resume.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/clew-crawler/clew"
)

// Article is one item of the crawl.
type Article struct {
	Title string `json:"title"`
	URL   string `json:"url"`
}

type config struct {
	site, dir, logFile, output string
	delay, interval            time.Duration
}

func main() {
	err := run(context.Background(), os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "news:", err)
		os.Exit(1)
	}
}

// newSpider reads listings of articles and follows them to their last page.
func newSpider(c *config, stdout io.Writer) *clew.Spider {
	return &clew.Spider{
		Name:        "news",
		StartURLs:   []string{c.site},
		Concurrency: 10,
		Delay:       c.delay,
		LogLevel:    slog.LevelInfo,
		LogFile:     c.logFile,
		OnStart: func(_ context.Context, info clew.StartInfo) error {
			if info.Resuming {
				fmt.Fprintf(stdout, "Resuming the news crawl: run %d, %d pages and %d articles so far.\n",
					info.Run, info.Stats.Pages, info.Stats.Items)
				return nil
			}
			fmt.Fprintln(stdout, "Starting a fresh news crawl.")
			return nil
		},
		Parse: parse,
		OnClose: func(_ context.Context, result *clew.Result) error {
			fmt.Fprintf(stdout, "This run scraped %d articles.\n", result.Run.Items)
			return nil
		},
	}
}

func parse(_ context.Context, page *clew.Response, out *clew.Output) error {
	for row := range page.CSS(".athing").All() {
		article := Article{
			Title: row.CSS(".titleline a::text").Get(),
			URL:   row.CSS(".titleline a::attr(href)").Get(),
		}
		if article.Title != "" && article.URL != "" {
			out.Item(article)
		}
	}
	out.Follow(page.CSS(".morelink::attr(href)").Get())
	return nil
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	var c config
	flags := flag.NewFlagSet("news", flag.ContinueOnError)
	flags.StringVar(&c.site, "url", "https://news.ycombinator.com/", "the site's first page")
	flags.StringVar(&c.dir, "crawl-dir", "./crawls/news", "where the crawl is kept")
	flags.StringVar(&c.logFile, "log-file", "logs/news_crawler.log", "where the log is appended")
	flags.StringVar(&c.output, "output", "news_articles.json", "the articles, once the crawl is finished")
	flags.DurationVar(&c.delay, "delay", 500*time.Millisecond, "least time between two fetches")
	flags.DurationVar(&c.interval, "interval", 2*time.Minute, "age at which finished pages are committed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	result, err := clew.Run(ctx, newSpider(&c, stdout),
		clew.CrawlDir(c.dir), clew.Interval(c.interval), clew.HandleSignals())
	if err != nil {
		return err
	}
	if result.Status == clew.Paused {
		fmt.Fprintln(stdout, "Crawl paused. Run again to resume.")
		return nil
	}
	fmt.Fprintf(stdout, "Completed! Scraped %d articles.\n", result.Stats.Items)
	return result.WriteJSON(c.output, true)
}
