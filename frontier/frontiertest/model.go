package frontiertest

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clew-crawler/clew/frontier"
)

// A step is one admitted outcome, as the model sees it.
type step struct {
	id     string // of the task that it is the outcome of; "" for start requests
	state  frontier.State
	links  []link
	items  []string
	once   []frontier.Fingerprint // of the items, zero for an ordinary one
	update string                 // appended to the state value
}

type link struct {
	id         string
	fp         frontier.Fingerprint
	unfiltered bool
}

// A model is what a crawl's books must be after a number of steps. It is the
// specification of the frontier, written to be obvious.
type model struct {
	left   map[string]bool // pending, delayed or leased
	failed map[string]bool
	seen   map[frontier.Fingerprint]bool
	items  []string
	state  string
	done   int64
	drop   int64
}

func replay(steps []step) *model {
	m := &model{left: map[string]bool{}, failed: map[string]bool{}, seen: map[frontier.Fingerprint]bool{}}
	for _, s := range steps {
		m.apply(s)
	}
	return m
}

func (m *model) apply(s step) {
	if s.state == frontier.Done || s.state == frontier.Failed {
		for _, l := range s.links {
			if !m.seen[l.fp] || l.unfiltered {
				m.left[l.id] = true
			}
			m.seen[l.fp] = true
		}
		for i, item := range s.items {
			if fp := s.once[i]; fp != (frontier.Fingerprint{}) {
				if m.seen[fp] {
					continue
				}
				m.seen[fp] = true
			}
			m.items = append(m.items, item)
		}
	}
	m.state += s.update
	switch s.state {
	case frontier.Done:
		if s.id != "" {
			m.done++
		}
		delete(m.left, s.id)
	case frontier.Dropped:
		m.drop++
		delete(m.left, s.id)
	case frontier.Failed:
		m.failed[s.id] = true
		delete(m.left, s.id)
	case frontier.Delayed, frontier.Pending, frontier.Leased:
	}
}

//nolint:gochecknoglobals // a flag of the test binary
var seedFlag = flag.Uint64("seed", 0, "seed of the random crawls; 0 picks one")

// testRandomCrawl drives frontiers with random outcomes, crashes and reopenings.
func testRandomCrawl(t *testing.T, newDisk func(t *testing.T) Disk) {
	first := *seedFlag
	rounds := uint64(12)
	if first == 0 {
		first = rand.Uint64N(1 << 40) //nolint:gosec // a seed
	} else {
		rounds = 1
	}
	if testing.Short() {
		rounds = 4
	}
	for seed := first; seed < first+rounds; seed++ {
		synctest.Test(t, func(t *testing.T) {
			t.Logf("rerun with: go test -run '%s' -seed %d", t.Name(), seed)
			r := &randomCrawl{t: t, disk: newDisk(t), rng: rand.New(rand.NewPCG(seed, 1))} //nolint:gosec // repeatable on purpose
			r.spread = 1 + r.rng.IntN(4)
			r.run()
		})
		if t.Failed() {
			return
		}
	}
}

type randomCrawl struct {
	t      *testing.T
	disk   Disk
	rng    *rand.Rand
	store  frontier.Store
	f      *frontier.Frontier
	ended  chan error
	steps  []step // admitted so far, over all runs
	count  int    // len(steps), as of the last Apply
	spread int    // first bytes that fingerprints have
	leases []*frontier.Lease
	ids    int
}

func (r *randomCrawl) run() {
	r.open()
	for range 600 {
		r.act()
		if r.t.Failed() {
			break
		}
	}
	r.close()
	if err := r.store.Check(context.Background()); err != nil {
		r.t.Errorf("check at the end: %v", err)
	}
	if err := r.store.Close(); err != nil {
		r.t.Errorf("close at the end: %v", err)
	}
}

func (r *randomCrawl) act() {
	switch n := r.rng.IntN(100); {
	case n < 10:
		r.admit(nil, frontier.Done)
	case n < 45:
		r.lease()
	case n < 80 && len(r.leases) > 0:
		i := r.rng.IntN(len(r.leases))
		lease := r.leases[i]
		r.leases = slices.Delete(r.leases, i, i+1)
		states := []frontier.State{
			frontier.Done, frontier.Done, frontier.Done, frontier.Failed,
			frontier.Dropped, frontier.Delayed, frontier.Pending,
		}
		r.admit(lease, states[r.rng.IntN(len(states))])
	case n < 86:
		if err := r.f.Flush(); err != nil {
			r.t.Fatalf("flush: %v", err)
		}
	case n < 94:
		<-time.After(time.Duration(r.rng.IntN(5000)) * time.Millisecond) // of the bubble's clock
	case n < 96:
		r.close()
		if err := r.store.Close(); err != nil {
			r.t.Fatalf("close store: %v", err)
		}
		r.reopen()
	case n < 98:
		r.crash()
	}
}

func (r *randomCrawl) open() {
	store, err := r.disk.Open()
	if err != nil {
		r.t.Fatalf("open store: %v", err)
	}
	r.store, r.leases, r.ended = store, nil, make(chan error, 1)
	opts := frontier.Options{
		Interval: []time.Duration{0, time.Millisecond, time.Second}[r.rng.IntN(3)], GroupPages: 1 + r.rng.IntN(40),
		SeenBytes: int64(r.rng.IntN(4)), PerHost: r.rng.IntN(4), // 0 holds all known fingerprints, 1 does not
		Note: func() json.RawMessage { return json.RawMessage(fmt.Sprint(r.count)) },
	}
	if seed := r.rng.Uint64(); seed%4 > 0 {
		opts.Scratch = func(int64) (frontier.Scratch, error) {
			seed++
			return newScratch(rand.New(rand.NewPCG(seed, 3))) //nolint:gosec // repeatable on purpose
		}
	}
	if r.rng.IntN(2) == 0 {
		opts.Delay = func(time.Duration) time.Duration { return 300 * time.Millisecond }
	}
	r.f, err = frontier.Open(context.Background(), store, opts)
	if err != nil {
		r.t.Fatalf("open frontier: %v", err)
	}
	go func() { r.ended <- r.f.Run(context.Background()) }()
}

// reopen opens what a stop left and compares it with the model.
func (r *randomCrawl) reopen() {
	r.open()
	kept := 0
	if note := r.f.Resumed().Note; len(note) > 0 {
		if err := json.Unmarshal(note, &kept); err != nil {
			r.t.Fatalf("note: %v", err)
		}
	}
	r.steps = r.steps[:kept]
	r.count = kept
	r.compare()
}

func (r *randomCrawl) close() {
	r.interruptAll()
	if err := r.f.Close(false); err != nil {
		r.t.Fatalf("close frontier: %v", err)
	}
	if err := <-r.ended; err != nil {
		r.t.Fatalf("run: %v", err)
	}
	if err := r.store.Check(context.Background()); err != nil {
		r.t.Fatalf("check after close: %v", err)
	}
}

func (r *randomCrawl) interruptAll() {
	for _, lease := range r.leases {
		if err := r.f.Admit(context.Background(), &frontier.Outcome{Lease: lease, State: frontier.Pending}); err != nil {
			r.t.Fatalf("interrupt: %v", err)
		}
	}
	r.leases = nil
}

// crash cuts the power and checks that nothing acknowledged is gone.
func (r *randomCrawl) crash() {
	var saved int
	if note := r.f.Saved().Note; len(note) > 0 {
		if err := json.Unmarshal(note, &saved); err != nil {
			r.t.Fatalf("note: %v", err)
		}
	}
	r.disk.Crash(50*r.rng.IntN(3)/2, r.rng.Uint64())
	_ = r.f.Close(false) // on the dead disk
	<-r.ended            //nolint:errcheck // likewise
	_ = r.store.Close()
	r.reopen()
	if r.count < saved {
		r.t.Fatalf("the power cut lost outcomes: %d were committed, %d are left", saved, r.count)
	}
}

func (r *randomCrawl) lease() {
	lease, _, ok := r.f.Next(context.Background())
	if !ok {
		if err := r.f.Err(); err != nil {
			r.t.Fatalf("next: %v", err)
		}
		return
	}
	for _, other := range r.leases {
		if string(other.Payload) == string(lease.Payload) {
			r.t.Fatalf("task %s was leased twice", lease.Payload)
		}
	}
	if !replay(r.steps).left[string(lease.Payload)] {
		r.t.Fatalf("task %s was leased and is not left to do", lease.Payload)
	}
	r.leases = append(r.leases, lease)
}

func (r *randomCrawl) admit(lease *frontier.Lease, state frontier.State) {
	s := step{state: state}
	if lease != nil {
		s.id = string(lease.Payload)
	}
	o := &frontier.Outcome{Lease: lease, State: state, Failure: "because", Wait: time.Duration(r.rng.IntN(4000)) * time.Millisecond}
	if r.rng.IntN(5) == 0 {
		s.update = fmt.Sprintf("%d,", r.ids)
		o.Updates = []frontier.Update{{Key: "log", Apply: func(old []byte) ([]byte, error) {
			return append(slices.Clone(old), s.update...), nil
		}}}
	}
	if state == frontier.Done || state == frontier.Failed {
		r.find(&s, o)
	}
	admitted := false
	o.Apply = func(frontier.Admitted) {
		admitted = true
		r.steps = append(r.steps, s)
		r.count = len(r.steps)
	}
	if r.rng.IntN(2) == 0 {
		var left []frontier.Task
		for i, known := range r.f.Recall(context.Background(), o.Links) {
			if !known || o.Links[i].Unfiltered {
				left = append(left, o.Links[i])
			}
		}
		o.Links = left
	}
	if err := r.f.Admit(context.Background(), o); err != nil {
		r.t.Fatalf("admit: %v", err)
	}
	if !admitted {
		r.t.Fatal("Apply was not called")
	}
}

// find makes up links and items. Fingerprints come from a small space, so that many
// are duplicates, and begin alike, so that the memory for them is soon too small.
func (r *randomCrawl) find(s *step, o *frontier.Outcome) {
	for range r.rng.IntN(5) * r.rng.IntN(12) {
		r.ids++
		l := link{
			id: fmt.Sprintf("t%d", r.ids), unfiltered: r.rng.IntN(50) == 0,
			fp: frontier.Fingerprint{byte(r.rng.IntN(r.spread)), byte(r.rng.IntN(256)), byte(r.rng.IntN(8)), 1},
		}
		s.links = append(s.links, l)
		o.Links = append(o.Links, frontier.Task{
			Key:      frontier.Key{Host: fmt.Sprintf("http://h%d", r.rng.IntN(5))},
			Priority: int32(r.rng.IntN(3)), Front: r.rng.IntN(10) == 0, Unfiltered: l.unfiltered,
			Fingerprint: l.fp, Handler: "parse", Payload: []byte(l.id),
		})
	}
	for range r.rng.IntN(4) {
		r.ids++
		item, fp := fmt.Sprintf("{\"item\":%d}", r.ids), frontier.Fingerprint{}
		if r.rng.IntN(2) == 0 {
			fp = frontier.Fingerprint{9, byte(r.rng.IntN(40))}
		}
		s.items, s.once = append(s.items, item), append(s.once, fp)
		it := frontier.Item{Line: []byte(item)}
		if fp != (frontier.Fingerprint{}) {
			it.Once = &fp
		}
		o.Items = append(o.Items, it)
	}
}

// compare checks everything that the store holds against the model.
func (r *randomCrawl) compare() {
	ctx := context.Background()
	want, books := replay(r.steps), r.f.Resumed()
	left := map[string]bool{}
	for h, err := range r.store.Hosts(ctx) {
		if err != nil {
			r.t.Fatalf("hosts: %v", err)
		}
		for _, q := range h.Queues {
			for _, task := range collect(r.t, r.store.Tasks(ctx, frontier.Range{State: frontier.Pending, Host: h.Name, Rank: q.Rank})) {
				left[string(task.Payload)] = true
			}
		}
	}
	for _, task := range collect(r.t, r.store.Tasks(ctx, frontier.Range{State: frontier.Delayed})) {
		left[string(task.Payload)] = true
	}
	if !maps.Equal(left, want.left) {
		r.t.Fatalf("after %d steps %d tasks are left, the model says %d", len(r.steps), len(left), len(want.left))
	}
	failed := map[string]bool{}
	for _, task := range collect(r.t, r.store.Tasks(ctx, frontier.Range{State: frontier.Failed})) {
		failed[string(task.Payload)] = true
	}
	if !maps.Equal(failed, want.failed) {
		r.t.Fatalf("after %d steps %v failed, the model says %v", len(r.steps), failed, want.failed)
	}
	if books.Done != want.done || books.Dropped != want.drop || books.Seen != int64(len(want.seen)) {
		r.t.Fatalf("after %d steps the books say %+v, the model %d done, %d dropped, %d seen",
			len(r.steps), books, want.done, want.drop, len(want.seen))
	}
	state, err := r.f.Value(ctx, frontier.KindState, "log")
	if err != nil || string(state) != want.state {
		r.t.Fatalf("state is %q, error %v, the model says %q", state, err, want.state)
	}
	log, err := r.disk.Log()
	if err != nil {
		r.t.Fatalf("item log: %v", err)
	}
	items := ""
	if len(want.items) > 0 {
		items = strings.Join(want.items, "\n") + "\n"
	}
	if string(log) != items {
		r.t.Fatalf("item log after %d steps:\n%s\nthe model says:\n%s", len(r.steps), log, items)
	}
}
