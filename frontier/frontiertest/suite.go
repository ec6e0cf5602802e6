package frontiertest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/clew-crawler/clew/frontier"
)

// A Disk is what stores live on. It outlives them.
type Disk interface {
	// Open opens the store on the disk. Only one is open at a time.
	Open() (frontier.Store, error)
	// Crash cuts the power: writes that were not synced survive with a
	// probability of percent. The store that was open is of no use afterwards;
	// the suite closes it and ignores how that ends.
	Crash(percent int, seed uint64)
	// Log returns the item log as it is now.
	Log() ([]byte, error)
}

// Run tests a store on fresh disks.
func Run(t *testing.T, newDisk func(t *testing.T) Disk) {
	t.Run("New", func(t *testing.T) { testNew(t, newDisk(t)) })
	t.Run("CommitAndRead", func(t *testing.T) { testCommitAndRead(t, newDisk(t)) })
	t.Run("Remove", func(t *testing.T) { testRemove(t, newDisk(t)) })
	t.Run("Order", func(t *testing.T) { testOrder(t, newDisk(t)) })
	t.Run("CommitCrash", func(t *testing.T) { testCommitCrash(t, newDisk(t)) })
	t.Run("RandomCrawl", func(t *testing.T) { testRandomCrawl(t, newDisk) })
}

func open(t *testing.T, d Disk) frontier.Store {
	t.Helper()
	s, err := d.Open()
	if err != nil {
		t.Fatalf("open store: %v", err)
	}
	return s
}

func reopen(t *testing.T, d Disk, s frontier.Store) frontier.Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("close store: %v", err)
	}
	return open(t, d)
}

func finish(t *testing.T, s frontier.Store) {
	t.Helper()
	if err := s.Check(context.Background()); err != nil {
		t.Errorf("check: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func collect[T any](t *testing.T, seq func(func(T, error) bool)) []T {
	t.Helper()
	var all []T
	for v, err := range seq {
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		all = append(all, v)
	}
	return all
}

func commit(t *testing.T, s frontier.Store, b *frontier.Batch) {
	t.Helper()
	if err := s.Commit(context.Background(), b); err != nil {
		t.Fatalf("commit: %v", err)
	}
}

func pending(host string, rank uint32, seq uint64) frontier.Task {
	return frontier.Task{
		Key:         frontier.Key{State: frontier.Pending, Host: host, Rank: rank, Seq: seq},
		Fingerprint: frontier.Fingerprint{1, byte(seq)}, Priority: -3, Front: true, Unfiltered: true,
		Handler: "parse", Session: "main", Attempts: 2, Blocked: 1, Payload: fmt.Appendf(nil, "payload %d", seq),
	}
}

func testNew(t *testing.T, d Disk) {
	ctx := context.Background()
	s := open(t, d)
	books, err := s.Load(ctx)
	if err != nil || books.Run != 0 || books.NextSeq != 0 {
		t.Fatalf("new store: books %+v, error %v", books, err)
	}
	if hosts := collect(t, s.Hosts(ctx)); len(hosts) != 0 {
		t.Errorf("new store has hosts %v", hosts)
	}
	known := []bool{false}
	if err := s.Seen(ctx, []frontier.Fingerprint{{7}}, known); err != nil || known[0] {
		t.Errorf("new store knows a fingerprint: %v, %v", known, err)
	}
	finish(t, s)
}

func sampleBatch() *frontier.Batch {
	delayed, failed := pending("b", 9, 3), pending("b", 9, 4)
	delayed.State, delayed.Due = frontier.Delayed, time.Unix(0, 1_700_000_000_123_456_789)
	failed.State, failed.Failure = frontier.Failed, "status 500"
	first, second := pending("a", 5, 1), pending("a", 5, 2)
	return &frontier.Batch{
		Put:  []frontier.Task{second, first, delayed, failed},
		Seen: []frontier.Fingerprint{failed.Fingerprint, delayed.Fingerprint, second.Fingerprint, first.Fingerprint},
		Hosts: []frontier.Host{{Name: "a", NextAt: time.Unix(0, 42), Queues: []frontier.Queue{
			{Rank: 5, Head: 1, Count: 2},
		}}},
		Values: []frontier.Value{{Kind: "state", Key: "k", Data: []byte("v")}, {Kind: "state", Key: "k2", Data: []byte{}}},
		Lines:  []byte("{\"n\":1}\n{\"n\":2}\n"),
		Books: frontier.Books{
			Run: 1, NextSeq: 5, Pending: 2, Delayed: 1, Failed: 1, Seen: 4, Items: 2, ItemBytes: 16,
			Handlers: map[string]int64{"parse": 3}, Sessions: map[string]int64{"main": 3},
		},
	}
}

func testCommitAndRead(t *testing.T, d Disk) {
	ctx := context.Background()
	s := open(t, d)
	b := sampleBatch()
	commit(t, s, b)
	for _, when := range []string{"at once", "after reopening"} {
		books, err := s.Load(ctx)
		if err != nil || books.Pending != 2 || books.Handlers["parse"] != 3 || books.ItemBytes != 16 {
			t.Fatalf("%s: books %+v, error %v", when, books, err)
		}
		tasks := collect(t, s.Tasks(ctx, frontier.Range{State: frontier.Pending, Host: "a", Rank: 5}))
		if len(tasks) != 2 || !equalTasks(tasks[0], b.Put[1]) || !equalTasks(tasks[1], b.Put[0]) {
			t.Errorf("%s: pending %+v", when, tasks)
		}
		if got := collect(t, s.Tasks(ctx, frontier.Range{State: frontier.Delayed})); len(got) != 1 || !equalTasks(got[0], b.Put[2]) {
			t.Errorf("%s: delayed %+v, want %+v", when, got, b.Put[2])
		}
		if got := collect(t, s.Tasks(ctx, frontier.Range{State: frontier.Failed})); len(got) != 1 || !equalTasks(got[0], b.Put[3]) {
			t.Errorf("%s: failed %+v", when, got)
		}
		hosts := collect(t, s.Hosts(ctx))
		if len(hosts) != 1 || hosts[0].Name != "a" || !hosts[0].NextAt.Equal(b.Hosts[0].NextAt) || !slices.Equal(hosts[0].Queues, b.Hosts[0].Queues) {
			t.Errorf("%s: hosts %+v", when, hosts)
		}
		known := []bool{false, false}
		if err := s.Seen(ctx, []frontier.Fingerprint{{1, 1}, {1, 99}}, known); err != nil || !known[0] || known[1] {
			t.Errorf("%s: seen %v, error %v", when, known, err)
		}
		inOrder := func(a, b frontier.Fingerprint) int { return bytes.Compare(a[:], b[:]) }
		if got := collect(t, s.Fingerprints(ctx)); len(got) != 4 || !slices.IsSortedFunc(got, inOrder) {
			t.Errorf("%s: fingerprints %x", when, got)
		}
		key := "k2"
		if got := collect(t, s.Values(ctx, "state", &key)); len(got) != 1 || got[0].Data == nil || len(got[0].Data) != 0 {
			t.Errorf("%s: empty value %+v", when, got)
		}
		if got := collect(t, s.Values(ctx, "state", nil)); len(got) != 2 {
			t.Errorf("%s: values %+v", when, got)
		}
		if log, err := d.Log(); err != nil || string(log) != string(b.Lines) {
			t.Errorf("%s: log %q, error %v", when, log, err)
		}
		s = reopen(t, d, s)
	}
	finish(t, s)
}

// equalTasks compares what a store has to keep.
func equalTasks(a, b frontier.Task) bool {
	if string(a.Payload) != string(b.Payload) || !a.Due.Equal(b.Due) || a.State != b.State || a.Seq != b.Seq ||
		a.Host != b.Host || a.State == frontier.Pending && a.Rank != b.Rank {
		return false
	}
	return a.Priority == b.Priority && a.Front == b.Front && a.Unfiltered == b.Unfiltered &&
		a.Fingerprint == b.Fingerprint && a.Handler == b.Handler && a.Session == b.Session &&
		a.Attempts == b.Attempts && a.Blocked == b.Blocked && a.Failure == b.Failure
}

func testRemove(t *testing.T, d Disk) {
	ctx := context.Background()
	s := open(t, d)
	b := sampleBatch()
	commit(t, s, b)
	gone := &frontier.Batch{Books: frontier.Books{
		Run: 1, NextSeq: 5, Seen: 4, Items: 2, ItemBytes: 16,
	}}
	for i := range b.Put {
		gone.Remove = append(gone.Remove, b.Put[i].Key)
	}
	gone.Hosts = []frontier.Host{{Name: "a"}}
	gone.Values = []frontier.Value{{Kind: "state", Key: "k"}, {Kind: "state", Key: "k2"}}
	commit(t, s, gone)
	s = reopen(t, d, s)
	for _, r := range []frontier.Range{
		{State: frontier.Pending, Host: "a", Rank: 5}, {State: frontier.Delayed}, {State: frontier.Failed},
	} {
		if got := collect(t, s.Tasks(ctx, r)); len(got) != 0 {
			t.Errorf("%s tasks left: %+v", r.State, got)
		}
	}
	if got := collect(t, s.Hosts(ctx)); len(got) != 0 {
		t.Errorf("hosts left: %+v", got)
	}
	if got := collect(t, s.Values(ctx, "state", nil)); len(got) != 0 {
		t.Errorf("values left: %+v", got)
	}
	finish(t, s)
}

// testOrder checks ranges whose names are prefixes of each other.
func testOrder(t *testing.T, d Disk) {
	ctx := context.Background()
	s := open(t, d)
	var b frontier.Batch
	seq := uint64(300)
	for _, host := range []string{"h", "ha", "h\x01", "hh"} {
		for _, rank := range []uint32{0, 1, 255, 256, 1 << 31} {
			for range 3 {
				seq--
				b.Put = append(b.Put, pending(host, rank, seq))
				d := pending(host, rank, seq+1000)
				d.State, d.Due = frontier.Delayed, time.Unix(int64(seq%4), int64(seq))
				b.Put = append(b.Put, d)
			}
		}
	}
	b.Books = frontier.Books{Run: 1, NextSeq: 2000}
	commit(t, s, &b)
	for _, host := range []string{"h", "ha", "h\x01", "hh"} {
		for _, rank := range []uint32{0, 1, 255, 256, 1 << 31} {
			got := collect(t, s.Tasks(ctx, frontier.Range{State: frontier.Pending, Host: host, Rank: rank}))
			if len(got) != 3 || got[0].Seq >= got[1].Seq || got[1].Seq >= got[2].Seq {
				t.Fatalf("queue %d of %q: %+v", rank, host, got)
			}
			from := collect(t, s.Tasks(ctx, frontier.Range{State: frontier.Pending, Host: host, Rank: rank, From: got[1].Seq}))
			if len(from) != 2 || from[0].Seq != got[1].Seq {
				t.Errorf("queue %d of %q from %d: %+v", rank, host, got[1].Seq, from)
			}
		}
	}
	delayed := collect(t, s.Tasks(ctx, frontier.Range{State: frontier.Delayed}))
	if len(delayed) != 60 || !slices.IsSortedFunc(delayed, func(a, b frontier.Task) int { return a.Due.Compare(b.Due) }) {
		t.Errorf("delayed tasks are not in the order of their due times")
	}
	after := collect(t, s.Tasks(ctx, frontier.Range{State: frontier.Delayed, Due: delayed[9].Due, From: delayed[9].Seq + 1}))
	if len(after) != 50 || after[0].Seq != delayed[10].Seq {
		t.Errorf("delayed tasks after the tenth: %d", len(after))
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// testCommitCrash cuts the power after acknowledged commits.
func testCommitCrash(t *testing.T, d Disk) {
	ctx := context.Background()
	s := open(t, d)
	var books frontier.Books
	for n := range 20 {
		line := fmt.Sprintf("{\"n\":%d}\n", n)
		task := pending("a", 1, uint64(n+1))
		books.NextSeq, books.Pending, books.Seen, books.Items = uint64(n+2), int64(n+1), int64(n+1), int64(n+1)
		books.ItemBytes += int64(len(line))
		books.Handlers, books.Sessions = map[string]int64{"parse": books.Pending}, map[string]int64{"main": books.Pending}
		commit(t, s, &frontier.Batch{
			Put: []frontier.Task{task}, Seen: []frontier.Fingerprint{task.Fingerprint}, Lines: []byte(line), Books: books,
			Hosts: []frontier.Host{{Name: "a", Queues: []frontier.Queue{{Rank: 1, Head: 1, Count: books.Pending}}}},
		})
		d.Crash(50*(n%2), uint64(n))
		_ = s.Close() // it died with the power
		s = open(t, d)
		got, err := s.Load(ctx)
		if err != nil || got.Pending != books.Pending || got.ItemBytes != books.ItemBytes {
			t.Fatalf("commit %d: acknowledged, and lost by a power cut: %+v, %v", n, got, err)
		}
	}
	finish(t, s)
}
