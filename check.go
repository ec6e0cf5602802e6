package clew

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/links"
)

// Check reads everything in a crawl directory that nobody runs, and reports what
// contradicts: the identity, the report, each request in one state and readable,
// the books against a recount, the items against their checksums and counts, and
// the values that the crawl has kept. It changes nothing and takes about as long as
// reading the files. All findings are [ErrDamaged] and joined in one error, the
// first hundred of a kind; any other error means that Check could not finish. While
// a process runs the crawl the error is [ErrInUse]: check a [Snapshot] instead.
func Check(ctx context.Context, dir string) error { return check(ctx, nil, dir) }

// check is Check, on another file system than the machine's if fs is not nil.
func check(ctx context.Context, fs vfs.FS, path string) (err error) {
	l, err := openLook(fs, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	c := &crawlCheck{look: l}
	for _, step := range []func(context.Context) error{
		c.directory, c.frontier, c.requests, c.values, c.note, c.items, c.result,
	} {
		// What one step finds must not hide what another does.
		spoiled := c.spoiled(ctx)
		switch err := step(ctx); {
		case spoiled != nil && errors.Is(err, spoiled): // said already
		case errors.Is(err, ErrDamaged):
			c.found = append(c.found, err)
		case err != nil:
			return errors.Join(append(c.found, err)...)
		}
	}
	return errors.Join(c.found...)
}

// maxFindings bounds the findings of one step of [Check].
const maxFindings = 100

// A crawlCheck goes through a crawl directory step by step.
type crawlCheck struct {
	*look

	found []error
}

// report notes findings of one step, and returns false when there are enough.
func (c *crawlCheck) report(n *int, format string, args ...any) bool {
	if *n++; *n <= maxFindings {
		c.found = append(c.found, fmt.Errorf("%w: %w", ErrDamaged, fmt.Errorf(format, args...)))
	}
	return *n < maxFindings
}

// spoiled is why the store can be read no more, nil if it can.
func (c *crawlCheck) spoiled(ctx context.Context) error {
	if c.store == nil {
		return nil
	}
	_, err := c.store.Load(ctx)
	return err
}

// directory looks at what an earlier run noted.
func (c *crawlCheck) directory(context.Context) error {
	if c.id.Spider == "" {
		return fmt.Errorf("%w: crawl.json names no spider", ErrDamaged)
	}
	return c.dir.Damage()
}

func (c *crawlCheck) frontier(ctx context.Context) error {
	if err := c.openStore(); err != nil || c.store == nil {
		return err
	}
	return c.store.Check(ctx)
}

// requests decodes every stored request.
func (c *crawlCheck) requests(ctx context.Context) error {
	if c.store == nil {
		return nil
	}
	for _, tasks := range []iter.Seq2[frontier.Task, error]{
		c.store.AllPending(ctx),
		c.store.Tasks(ctx, frontier.Range{State: frontier.Delayed}),
		c.store.Tasks(ctx, frontier.Range{State: frontier.Failed}),
	} {
		n := 0
		for t, err := range tasks {
			if err == nil {
				err = context.Cause(ctx)
			}
			if err != nil {
				return err
			}
			if wrong := wrongRequest(&t); wrong != "" && !c.report(&n, "%s request %d: %s", t.State, t.Seq, wrong) {
				break
			}
		}
	}
	return nil
}

// wrongRequest says what is wrong with a stored request, "" if nothing is.
func wrongRequest(t *frontier.Task) string {
	_, st, err := decode(t)
	if err != nil {
		return err.Error()
	}
	host, err := links.Origin(st.URL)
	switch {
	case err != nil:
		return err.Error()
	case host != t.Host:
		return fmt.Sprintf("%s stands in the queue of %s", hideUserinfo(st.URL), t.Host)
	}
	return ""
}

// values decodes what is kept beside requests. What sessions keep is theirs.
func (c *crawlCheck) values(ctx context.Context) error {
	if c.store == nil {
		return nil
	}
	n := 0
	for kind, wrong := range map[string]func(*frontier.Value) error{
		frontier.KindState: func(v *frontier.Value) error {
			return json.Unmarshal(v.Data, new(json.RawMessage))
		},
		kindRobots: func(v *frontier.Value) error {
			return json.Unmarshal(v.Data, new(storedRobots))
		},
		kindDeaths: func(v *frontier.Value) error {
			if len(v.Key) != len(frontier.Fingerprint{}) {
				return errors.New("its key is no fingerprint")
			}
			_, err := strconv.Atoi(string(v.Data))
			return err
		},
	} {
		for v, err := range c.store.Values(ctx, kind, nil) {
			if err != nil {
				return err
			}
			if err := wrong(&v); err != nil && !c.report(&n, "%s %q cannot be read: %v", kind, v.Key, err) {
				return nil
			}
		}
	}
	return nil
}

// note compares the stats with the books that they are a part of.
func (c *crawlCheck) note(context.Context) error {
	if c.store == nil || len(c.books.Note) == 0 {
		return nil
	}
	var s Stats
	if err := json.Unmarshal(c.books.Note, &s); err != nil {
		return fmt.Errorf("%w: stats cannot be read: %w", ErrDamaged, err)
	}
	return agree("stats", s.Items, s.Failed, &c.books)
}

// agree compares counters with the books.
func agree(whose string, items, failed int64, b *frontier.Books) error {
	if items != b.Items || failed != b.Failed {
		return fmt.Errorf("%w: %s say %d items and %d failed, the books %d and %d", ErrDamaged, whose, items, failed, b.Items, b.Failed)
	}
	return nil
}

// items reads the item log, whose lines must be as many as were counted, and JSON.
func (c *crawlCheck) items(ctx context.Context) error {
	want := c.books.Items
	if c.look.report != nil {
		want = c.look.report.Stats.Items
	}
	f, err := c.look.items()
	if err != nil {
		return fmt.Errorf("read items: %w", err)
	}
	n, lines := 0, int64(0)
	for line, err := range readLines(f) {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return errors.Join(err, f.Close())
		}
		lines++
		if !json.Valid(line) && !c.report(&n, "item %d is no JSON", lines) {
			break
		}
	}
	if n < maxFindings && lines != want {
		c.report(&n, "the item log has %d items, %d were counted", lines, want)
	}
	return f.Close()
}

// result compares the report of a finished crawl with the rest.
func (c *crawlCheck) result(context.Context) error {
	size, err := c.dir.ItemsSize()
	if err != nil {
		return err
	}
	begun, err := c.dir.HasFrontier()
	if err != nil {
		return err
	}
	r := c.look.report
	switch {
	case r == nil && !begun && size > 0:
		return fmt.Errorf("%w: the item log has %d bytes, and nothing says how many of them count", ErrDamaged, size)
	case r == nil:
		return nil
	case r.Status != Finished || r.Spider != c.id.Spider:
		return fmt.Errorf("%w: report.json says %q of spider %q, which is %q", ErrDamaged, r.Status, r.Spider, c.id.Spider)
	case r.Stats.ItemBytes != size:
		return fmt.Errorf("%w: the item log has %d bytes, the report says %d", ErrDamaged, size, r.Stats.ItemBytes)
	case !begun && r.Stats.Failed > 0:
		return fmt.Errorf("%w: %d requests failed, and the frontier that keeps them is missing", ErrDamaged, r.Stats.Failed)
	case c.store != nil:
		return agree("report.json", r.Stats.Items, r.Stats.Failed, &c.books)
	}
	return nil
}
