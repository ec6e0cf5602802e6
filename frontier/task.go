package frontier

import (
	"fmt"
	"time"
)

// A Fingerprint is the identity of a request: two requests with equal
// fingerprints are the same request.
type Fingerprint [16]byte

// State is where a task is in its life.
type State uint8

// The states of a task. Leased is never stored: a leased task is a pending one
// that this process is working on.
const (
	Pending State = iota
	Leased
	Delayed
	Failed
	Dropped
	Done
)

// String gives the state's name as it is written everywhere.
func (s State) String() string {
	switch s {
	case Pending:
		return "pending"
	case Leased:
		return "leased"
	case Delayed:
		return "delayed"
	case Failed:
		return "failed"
	case Dropped:
		return "dropped"
	case Done:
		return "done"
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// MaxPriority bounds a task's priority in both directions.
const MaxPriority = 1_000_000_000

// A Key says where a stored task stands: in which state, and at which place.
type Key struct {
	State State
	Host  string    // unit of politeness, for example "https://example.com"
	Rank  uint32    // place of the task's priority in its host's queue; lower goes first
	Seq   uint64    // place in the order of admission; a task gets a new one when it is delayed or comes back
	Due   time.Time // delayed tasks: when it becomes pending again, on the frontier's clock
}

// A Task is one request as the frontier sees it.
type Task struct {
	Key
	Priority    int32 // higher goes first, within ±MaxPriority
	Front       bool  // ahead of every priority of its host, for the next hop of a redirect
	Unfiltered  bool  // kept even when its fingerprint is known
	Fingerprint Fingerprint
	Mark        Fingerprint   // becomes known with the task but is not asked about; zero is none, and it is not stored
	Former      []Fingerprint // asked about as well: a task that is known by one of them is known, and leaves no mark; not stored
	Handler     string        // counted, so that a resume can tell what it needs
	Session     string        // counted likewise
	Attempts    uint16        // fetches that failed so far
	Blocked     uint16        // answers so far that were judged to be a block
	Payload     []byte        // the crawler's own; never read here
	Failure     string        // failed tasks: why, in one line
}

// rank maps front and priority to the order in which a host's queues are served.
func rank(t *Task) uint32 {
	if t.Front {
		return 0
	}
	return uint32(int64(MaxPriority) - int64(min(max(t.Priority, -MaxPriority), MaxPriority)) + 1)
}

// size estimates the memory and log space that a task takes, in bytes.
func (t *Task) size() int {
	return 96 + len(t.Payload) + len(t.Host) + len(t.Failure)
}

// A Host is the stored part of a host in play: its clock and its queues.
type Host struct {
	Name   string
	NextAt time.Time // when it may be asked again, on the frontier's clock
	Queues []Queue   // by rank, only those that hold tasks; none and no NextAt deletes the record
}

// A Queue is the stored part of one (host, rank) queue.
type Queue struct {
	Rank  uint32
	Head  uint64 // every task of this queue with a lower Seq is over
	Count int64  // pending tasks, leased ones included
}

// A Value is a named piece of state that is committed with outcomes: the
// spider's state, cookies, robots.txt. A nil Data deletes it.
type Value struct {
	Kind string // one of a few fixed names, without a zero byte
	Key  string
	Data []byte
}

// An Item is one line of the item log. Once, when not nil, keeps the item only
// if that fingerprint is not known yet.
type Item struct {
	Line []byte // without the newline
	Once *Fingerprint
}

// An Update changes one value of kind [KindState] in admission order. Apply gets
// the value as it is then, nil if there is none, and returns the new one. It runs
// while nothing else is admitted, so it must be quick.
type Update struct {
	Key   string
	Apply func(old []byte) ([]byte, error)
}

// KindState is the kind of the values that an [Update] changes.
const KindState = "state"

// A Lease is the right to work on a task now. It is void once its outcome was
// admitted, or after [Frontier.Void].
type Lease struct {
	Task
	// Robots asks for the host's robots.txt instead of a task: answer with
	// [Frontier.SetRobots]. Only Host is set then.
	Robots bool
	// Deaths counts the times that the process died while this task was being
	// handled. The task runs alone when it is not zero.
	Deaths int

	host   *host
	level  *level
	before time.Time // the host's clock before this lease
	void   bool
}

// An Outcome says what became of a leased task, and what was found on the way.
// Everything in it is committed together.
type Outcome struct {
	// Lease is the task that this is the outcome of; nil when start requests
	// are admitted.
	Lease *Lease
	// State is Done, Failed, Dropped, Delayed or Pending (interrupted). Only
	// Done and Failed outcomes and seeds may carry anything below but Values and Apply.
	State State
	// Wait is how long a Delayed task waits.
	Wait time.Duration
	// Retry is the task that comes back then, with its count of attempts; nil is
	// the leased one as it is.
	Retry *Task
	// Failure is the reason of a Failed one, in one line.
	Failure string
	// Unfetched gives the host its turn back: nothing was asked of it.
	Unfetched bool
	// HostWait keeps the host from being asked for at least this long.
	HostWait time.Duration
	// HostSilent says that the host did not answer: until an outcome says otherwise, it
	// is asked for one task at a time, so that it holds no slots that others could use.
	HostSilent bool

	Links   []Task
	Items   []Item
	Updates []Update
	Values  []Value

	// Seeds is the number of start requests that this outcome accounts for, and
	// Seeded says that there are no more.
	Seeds  int64
	Seeded bool

	// Apply, if set, is called when the outcome has its place in the order and
	// before anything else is admitted.
	Apply func(Admitted)
}

// Admitted tells what an admission kept.
type Admitted struct {
	Links, DuplicateLinks int
	Items, DuplicateItems int
}
