package frontier

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"time"
)

// Errors that a [Store] reports. ErrDamaged marks evidence of damage and nothing
// else: a failed checksum, an unreadable record, a log shorter than committed.
var (
	ErrDamaged = errors.New("frontier is damaged")
	ErrClosed  = errors.New("frontier is closed")
	ErrVoid    = errors.New("lease is void")
)

// A Store keeps a frontier durably. It makes no decision about the crawl.
//
// Commit is called by one goroutine at a time; the reading methods may be called
// from several, also during a commit. The sequences read a consistent state and
// may be left early. Implementations are tested with package frontiertest.
type Store interface {
	// Load returns the books as the last commit left them, the zero Books if
	// nothing was committed yet.
	Load(ctx context.Context) (Books, error)
	// Hosts yields the hosts in play in any order.
	Hosts(ctx context.Context) iter.Seq2[Host, error]
	// Tasks yields the tasks of a range in order.
	Tasks(ctx context.Context, r Range) iter.Seq2[Task, error]
	// Seen sets known[i] where fps[i] is known; it leaves the others alone.
	Seen(ctx context.Context, fps []Fingerprint, known []bool) error
	// Fingerprints yields every known fingerprint, in the order of their bytes.
	Fingerprints(ctx context.Context) iter.Seq2[Fingerprint, error]
	// Values yields the values of a kind, all of them or the one with a key.
	Values(ctx context.Context, kind string, key *string) iter.Seq2[Value, error]
	// Commit makes a batch durable, all of it or nothing. When it returns nil the
	// batch survives a power cut. After an error the store may not be used again.
	// The batch's slices are used again afterwards: what a store keeps it copies.
	Commit(ctx context.Context, b *Batch) error
	// Check reads everything and reports what contradicts the books.
	Check(ctx context.Context) error
	// Close releases the store. It neither commits nor removes anything.
	Close() error
}

// A Range names stored tasks of one state: a host's queue from a sequence number
// on, the delayed tasks after a (due, sequence) pair by due time, or the failed
// tasks from a sequence number on.
type Range struct {
	State State // Pending, Delayed or Failed
	Host  string
	Rank  uint32
	From  uint64
	Due   time.Time
}

// A Batch is a group of outcomes on its way to the store. Keys are written once
// and removed once, so the order within a batch does not matter except that
// what a batch adds and removes is gone.
type Batch struct {
	Put    []Task // pending, delayed or failed, as their Key says
	Remove []Key
	Seen   []Fingerprint
	Hosts  []Host
	Values []Value
	Lines  []byte // item lines, each ended by a newline
	Books  Books
}

// Books are the counters that are part of every commit.
type Books struct {
	Run      uint64    `json:"run"`
	Clean    bool      `json:"clean"`    // the last run ended in an orderly way
	Finished bool      `json:"finished"` // nothing is left to do
	Time     time.Time `json:"time"`     // of the commit, on the frontier's clock
	NextSeq  uint64    `json:"next_seq"`

	Pending int64 `json:"pending"` // leased ones included
	Delayed int64 `json:"delayed"`
	Failed  int64 `json:"failed"`
	Dropped int64 `json:"dropped"`
	Done    int64 `json:"done"`
	Seen    int64 `json:"seen"`

	Items     int64 `json:"items"`
	ItemBytes int64 `json:"item_bytes"` // committed length of the item log

	Seeds  int64 `json:"seeds"`  // start requests taken so far
	Seeded bool  `json:"seeded"` // there are no more

	Handlers map[string]int64 `json:"handlers,omitempty"` // pending and delayed tasks by handler
	Sessions map[string]int64 `json:"sessions,omitempty"` // and by session

	Note json.RawMessage `json:"note,omitempty"` // the crawler's own
}

// Left is the number of tasks that a crawl still has to do.
func (b *Books) Left() int64 { return b.Pending + b.Delayed }
