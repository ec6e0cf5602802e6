package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// config is what the command line says.
type config struct {
	only     string
	dir      string
	loads    []load
	rounds   int
	duration time.Duration
	pages    int64
	whole    int64
	hosts    int64
	rates    []int64
	profile  string
	cached   bool
	chart    string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run is the program: a role when the first argument names one, else the driver.
func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	if len(args) > 0 {
		if role, ok := roles()[args[0]]; ok {
			return runRole(ctx, role, in, out)
		}
	}
	cfg, err := parse(args)
	if err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	for _, part := range parts() {
		if cfg.only != "" && cfg.only != part.name {
			continue
		}
		if err := part.run(ctx, cfg, out); err != nil {
			return fmt.Errorf("measure %s: %w", part.name, err)
		}
	}
	return nil
}

// A part is what can be measured by itself.
type part struct {
	name string
	run  func(context.Context, *config, io.Writer) error
}

func parts() []part {
	return []part{
		{"cost", cost},
		{"memory", bounded},
		{"latency", latency},
		{"throughput", throughput},
		{"scale", scale},
		{"hosts", manyHosts},
		{"groups", groups},
		{"concurrency", concurrency},
	}
}

func partNames() string {
	var names []string
	for _, p := range parts() {
		names = append(names, p.name)
	}
	return strings.Join(names, ", ")
}

func parse(args []string) (*config, error) {
	cfg := &config{}
	var sizes, rates string
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.StringVar(&cfg.only, "only", "", "measure only one part: "+partNames())
	fs.StringVar(&cfg.dir, "dir", filepath.Join(os.TempDir(), "clew-bench"), "folder that keeps the frontiers built, about 0.1 GB per million pending, and as much again while measuring")
	fs.BoolVar(&cfg.cached, "cached", false, "in the scale part, leave what the kernel caches of files out of the limit of memory")
	fs.StringVar(&cfg.chart, "chart", "", "file for a chart of the scale part, as SVG")
	fs.StringVar(&sizes, "sizes", "1000000,10000000", "pending requests, separated by commas; behind a slash how many are known, else twice as many")
	fs.IntVar(&cfg.rounds, "rounds", 3, "rounds, of which the median is printed")
	fs.DurationVar(&cfg.duration, "duration", 10*time.Second, "how long a crawl of the cost and latency parts lasts")
	fs.Int64Var(&cfg.pages, "pages", 40_000, "pages of a crawl of the throughput part")
	fs.Int64Var(&cfg.whole, "whole", 1_000_000, "pages of the whole crawl of the memory part")
	fs.StringVar(&rates, "rates", "1,100,1000,10000,0", "pages per second of the groups part, separated by commas; 0 is as many as can be")
	fs.Int64Var(&cfg.hosts, "hosts", 1_000_000, "hosts of the hosts part")
	fs.StringVar(&cfg.profile, "profile", "", "file for a CPU profile of the durable crawl of the throughput part")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	for s := range strings.SplitSeq(sizes, ",") {
		l, err := parseLoad(s)
		if err != nil {
			return nil, fmt.Errorf("-sizes: %w", err)
		}
		cfg.loads = append(cfg.loads, l)
	}
	for s := range strings.SplitSeq(rates, ",") {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("-rates: %w", err)
		}
		cfg.rates = append(cfg.rates, n)
	}
	known := func(p part) bool { return p.name == cfg.only }
	if cfg.only != "" && !slices.ContainsFunc(parts(), known) {
		return nil, fmt.Errorf("-only: %q is none of %s", cfg.only, partNames())
	}
	return cfg, nil
}

// A job tells a process in a role what to do.
type job struct {
	Began    time.Time // when the process was asked for
	Dir      string
	Load     load
	Duration time.Duration
	URL      string
	Mode     string
	Announce bool // the role "crawl" answers as soon as it fetches
	Pages    int64
	Hosts    int64
	Workers  int
	Latency  time.Duration
	Work     time.Duration // what a handler takes of its processor beside reading the page
	Rate     int64         // pages/s
	Interval time.Duration
	Profile  string
	Limit    string // the control group that the process joins
}

// roles are what this program starts itself as. The answer is printed as JSON; a
// role that goes on after it has answered ends with its standard input.
func roles() map[string]func(context.Context, *job, func(any) error) error {
	return map[string]func(context.Context, *job, func(any) error) error{
		"build": build, "crawl": crawlRole, "whole": wholeRole, "leases": leasesRole, "scale": scaleRole,
		"buildHosts": buildHosts, "hosts": hostsRole, "groups": groupsRole, "slots": slotsRole, "serve": serveRole, "fetch": fetchRole,
	}
}

func runRole(ctx context.Context, role func(context.Context, *job, func(any) error) error, in io.Reader, out io.Writer) error {
	dec := json.NewDecoder(in)
	var j job
	if err := dec.Decode(&j); err != nil {
		return fmt.Errorf("read job: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := join(j.Limit); err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, in) // returns when the driver is done with this process, or dead
		cancel()
	}()
	return role(ctx, &j, json.NewEncoder(out).Encode)
}

// A child is a process in a role.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

func spawn(ctx context.Context, role string, j job, env ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, role) //nolint:gosec // this very program
	cmd.Stderr = os.Stderr
	cmd.Env = append(os.Environ(), env...)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	j.Began = time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if err := json.NewEncoder(in).Encode(j); err != nil {
		return nil, errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	return &child{cmd, in, json.NewDecoder(out)}, nil
}

// end lets the process finish, kill does not.
func (c *child) end() error  { return errors.Join(c.in.Close(), c.cmd.Wait()) }
func (c *child) kill() error { err := c.cmd.Process.Kill(); _ = c.cmd.Wait(); return err }

// ask runs a role to its end and decodes its one answer.
func ask(ctx context.Context, role string, j job, answer any, env ...string) error {
	c, err := spawn(ctx, role, j, env...)
	if err != nil {
		return fmt.Errorf("start %s: %w", role, err)
	}
	err = c.out.Decode(answer)
	if err := errors.Join(err, c.end()); err != nil {
		return fmt.Errorf("%s: %w", role, err)
	}
	return nil
}
