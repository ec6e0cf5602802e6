package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
)

// A peer is a crawler with a spider for the job.
type peer struct {
	name  string
	about string // how it is set up, in a few words
	// install puts it into its own place below a folder.
	install func(ctx context.Context, folder string) (*installed, error)
	args    []string // further arguments, after URL and folder
	items   string   // its output, below the folder of a crawl
	// The files that it resumes from, below the folder of a crawl; nil if it keeps nothing.
	state *regexp.Regexp
	// What its log says when it is finished, when it has paused, and where it
	// complains.
	finished, paused, complaint *regexp.Regexp
}

// An installed peer can be started.
type installed struct {
	version string
	command []string // URL, folder and the peer's args come behind it
}

// peers are all there are, in the order of the table. All run 8 requests at a
// time and leave robots.txt unread.
func peers() []peer {
	saysFinished, saysPaused := regexp.MustCompile(`(?m)^said: finished$`), regexp.MustCompile(`(?m)^said: paused$`)
	scrapy := peer{
		name: "scrapy", about: "JOBDIR, JSON Lines feed appended to, default queues",
		install: python("scrapy", "scrapy", "spider.py"), items: "items.jsonl", state: regexp.MustCompile(`^/job/`),
		finished:  regexp.MustCompile(`Spider closed \(finished\)`),
		paused:    regexp.MustCompile(`Spider closed \(shutdown\)`),
		complaint: regexp.MustCompile(`\] (ERROR|CRITICAL): |^Traceback|^Unhandled`),
	}
	sqlite := scrapy
	sqlite.name, sqlite.about = "scrapy-sqlite", "the same with the SQLite queues, which an unclean stop cannot corrupt"
	sqlite.args = []string{
		"SCHEDULER_DISK_QUEUE=scrapy.squeues.PickleLifoSQLiteQueue",
		"SCHEDULER_START_DISK_QUEUE=scrapy.squeues.PickleFifoSQLiteQueue",
	}
	return []peer{
		scrapy, sqlite,
		{
			name: "scrapling", about: "crawldir, a checkpoint every second, each item appended and flushed in on_scraped_item",
			install: python("scrapling", "scrapling", "spider.py"), items: "items.jsonl", state: regexp.MustCompile(`^/crawl/`),
			finished: saysFinished, paused: saysPaused,
			complaint: regexp.MustCompile(`\b(ERROR|CRITICAL)\b|^Traceback`),
		},
		{
			name: "colly", about: "queue in memory, as no store for files is kept up; output begun anew by each run",
			install: colly("."), items: "items.jsonl",
			finished: saysFinished, paused: saysPaused,
			complaint: regexp.MustCompile(`^error:|^panic:|^fatal error:`),
		},
		{
			name: "clew", about: "a crawl directory, signals handled, all else by default",
			install: clewAs(clewRole), items: filepath.Join("crawl", "items.jsonl"),
			// After an orderly stop all is in tables; the logs beside them, which may be
			// greater, are not read again, so turning them would prove nothing.
			state:    regexp.MustCompile(`^/crawl/frontier/.*\.sst$`),
			finished: saysFinished, paused: saysPaused,
			complaint: regexp.MustCompile(`level=ERROR|^peers:|^panic:|^fatal error:`),
		},
	}
}

func peerNames() []string {
	var names []string
	for _, p := range peers() {
		names = append(names, p.name)
	}
	return names
}

// clewAs needs no installing: this very program has the spiders in it.
func clewAs(role string) func(context.Context, string) (*installed, error) {
	return func(context.Context, string) (*installed, error) {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		return &installed{version: "of this tree", command: []string{self, role}}, nil
	}
}
