package crashtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/store/pebblestore"
)

// A tool is what a child does to a crawl between two runs, as it is called in the ledger.
type tool string

const (
	requeueing tool = "requeueing"
	salvaging  tool = "salvaging"
	copying    tool = "copying"
)

// use has a child use its tool. One that was killed may be asked again.
func (e *errand) use() error {
	ctx := context.Background()
	switch e.Tool {
	case requeueing:
		_, err := clew.Requeue(ctx, e.Dir, nil)
		return err
	case salvaging:
		s, err := clew.Salvage(ctx, e.Dir)
		if err == nil && len(s.Lost) > 0 {
			err = fmt.Errorf("a salvage of a crawl that lacked nothing lost %q", s.Lost)
		}
		return err
	case copying:
		err := clew.Snapshot(ctx, e.Dir, copyOf(e.Dir))
		if errors.Is(err, os.ErrExist) {
			return nil // made by one that was killed too late
		}
		return err
	}
	return fmt.Errorf("there is no tool for %q", e.Tool)
}

func copyOf(dir string) string { return dir + "-copy" }

// use has a child use a tool. If kill is set it is killed meanwhile, at some time or
// when one of the files is there; it may be quicker. It reports whether it has finished.
func (r *round) use(t tool, kill bool, files ...string) (finished bool) {
	e := &errand{Run: r.run, Dir: r.dir, Tool: t}
	instant := make(<-chan struct{})
	atFile := kill && len(files) > 0 && oneIn(r.rng, 2)
	if atFile {
		e.Stop = stop{Kind: "kill at a file", File: oneOf(r.rng, files...), Wait: upTo(r.rng, time.Millisecond)}
	}
	p := launch(r.tb, order{Dir: r.dir, Torture: e})
	p.expect("opening")
	if kill && !atFile {
		instant = in(upTo(r.rng, r.want.opening))
	}
	p.killAfter(instant)
	switch code := p.wait(); {
	case code == exitFinished:
		return true
	case code == -1 && kill:
		r.tally.SIGKILLs++
		r.tally.Stops["kill while "+string(t)]++
	default:
		r.tb.Fatalf("%s: exit code %d: %s\n%s", t, code, p.last.Error, p.stderr.String())
	}
	return false
}

// useUp has a tool used until it has finished, after up to so many kills.
func (r *round) useUp(t tool, kills int) {
	for finished := false; !finished; kills-- {
		finished = r.use(t, kills > 0)
	}
}

// between does something to the crawl between two runs, now and then.
func (r *round) between() {
	if r.done == 0 {
		return // nothing is committed yet
	}
	switch r.rng.IntN(10) {
	case 0:
		r.salvage()
	case 1:
		r.move()
	}
}

// salvage notes damage, as a run does that reads what is not there, and has the crawl
// salvaged: since all of it can be read, nothing of it may be missing then. A salvage
// that was killed is sometimes left to the next run, if it has come so far that every
// open goes on with it.
func (r *round) salvage() {
	r.reopen(func(d *pebblestore.Directory) error { return d.NoteDamage(errors.New("a difference that is gone")) })
	r.tally.Salvages++
	finished := false
	for kills := r.rng.IntN(4); kills > 0 && !finished; kills-- {
		finished = r.use(salvaging, true, "salvage.tmp", "salvage.done", "salvage.in")
	}
	if !finished && underWay(r.dir) && oneIn(r.rng, 2) {
		return
	}
	r.useUp(salvaging, 0)
	aside, err := filepath.Glob(filepath.Join(r.dir, "*-damaged"))
	if err != nil || len(aside) == 0 {
		r.tb.Fatalf("run %d: a salvage set nothing aside, %v", r.run, err)
	}
	r.unchanged("salvage")
}

// underWay reports whether every open goes on with a salvage: it is built.
func underWay(dir string) bool {
	for _, name := range []string{"salvage.done", "salvage.in"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

// move has the crawl copied, and goes on with the copy.
func (r *round) move() {
	r.reopen(func(*pebblestore.Directory) error { return nil })
	r.useUp(copying, r.rng.IntN(4))
	r.tally.Copies++
	for _, err := range []error{
		os.RemoveAll(r.dir), os.RemoveAll(copyOf(r.dir) + ".partial"), os.Rename(copyOf(r.dir), r.dir),
	} {
		if err != nil {
			r.tb.Fatalf("go on with a copy: %v", err)
		}
	}
	r.unchanged("copy")
}

// reopen opens and closes the directory, which ends what a kill may have left undone,
// and removes what earlier salvages set aside.
func (r *round) reopen(then func(d *pebblestore.Directory) error) {
	d, err := pebblestore.OpenDirectory(r.dir, "torture")
	if err != nil {
		r.tb.Fatalf("run %d: reopen: %v", r.run, err)
	}
	aside, err := filepath.Glob(filepath.Join(r.dir, "*-damaged*"))
	for _, path := range aside {
		err = errors.Join(err, os.RemoveAll(path))
	}
	if err := errors.Join(err, then(d), d.Close()); err != nil {
		r.tb.Fatalf("run %d: reopen: %v", r.run, err)
	}
}

// unchanged holds the crawl against what the last run left.
func (r *round) unchanged(after string) {
	log, books := r.log, r.books
	defer r.tell(fmt.Sprintf("after run %d and a %s", r.run, after), len(r.tb.found))
	snap := inspect(r.tb, r.dir)
	defer snap.close(r.tb)
	r.tally.Checks += 4
	if r.checkLog(snap); len(r.log) != len(log) {
		r.tb.Errorf("there are %d bytes of items, want %d", len(r.log), len(log))
	}
	if snap.store != nil || snap.finished {
		r.checkBooks(snap)
	}
	r.noteOver(snap)
	if got, want := settledBooks(snap.books), settledBooks(books); books.Run > 0 && !reflect.DeepEqual(got, want) {
		r.tb.Errorf("the books are %+v, want %+v", got, want)
	}
}

// settledBooks leaves out what says nothing about the crawl's state.
func settledBooks(b frontier.Books) frontier.Books {
	b.Run, b.Clean, b.Finished, b.Time, b.NextSeq, b.Note = 0, false, false, time.Time{}, 0, nil
	return b
}
