package frontier

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// scratches makes files in memory, and makes what is done to them fail.
type scratches struct {
	mu     sync.Mutex
	opened int
	open   int
	reads  int
	fail   func(op string) bool // if set, says which operations fail
	failed []error              // as the frontier was told

	frontier atomic.Pointer[Frontier] // if set, it is asked as it tells of a failure
}

var errScratch = errors.New("scratch failed")

func (s *scratches) err(op string) error {
	if s.fail != nil && s.fail(op) {
		return errScratch
	}
	return nil
}

func (s *scratches) new(int64) (Scratch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.err("open"); err != nil {
		return nil, err
	}
	s.opened++
	s.open++
	return &memScratch{of: s}, nil
}

func (s *scratches) options() Options {
	return Options{SeenBytes: 1, GroupPages: 7, Scratch: s.new, ScratchFailed: func(err error) {
		if f := s.frontier.Load(); f != nil {
			_ = f.Err() // as whoever logs the failure may; nothing may be locked
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.failed = append(s.failed, err)
	}}
}

func (s *scratches) counts() (opened, open, reads int, failed error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened, s.open, s.reads, errors.Join(s.failed...)
}

type memScratch struct {
	of     *scratches
	data   []byte
	closed bool
}

func (m *memScratch) Write(p []byte) (int, error) {
	m.of.mu.Lock()
	defer m.of.mu.Unlock()
	if err := m.of.err("write"); err != nil {
		return 0, err
	}
	m.data = append(m.data, p...)
	return len(p), nil
}

func (m *memScratch) ReadAt(p []byte, at int64) (int, error) {
	m.of.mu.Lock()
	defer m.of.mu.Unlock()
	m.of.reads++
	if m.closed {
		return 0, errors.New("read of a closed file")
	}
	if err := m.of.err("read"); err != nil {
		return 0, err
	}
	return bytes.NewReader(m.data).ReadAt(p, at)
}

func (m *memScratch) Close() error {
	m.of.mu.Lock()
	defer m.of.mu.Unlock()
	if m.closed {
		return errors.New("closed twice")
	}
	m.closed = true
	m.of.open--
	return m.of.err("close")
}

// written returns a file of fingerprints in any order.
func written(t *testing.T, fps []Fingerprint) (*knownFile, *memScratch) {
	t.Helper()
	s := &memScratch{of: &scratches{open: 1}}
	w := newKnownWriter(s, int64(len(fps)), 1)
	for fp, err := range w.copying(sequence(slices.SortedFunc(slices.Values(fps), compareFingerprints))) {
		if err != nil {
			t.Fatalf("%x: %v", fp, err)
		}
	}
	k, err := w.finish()
	if err != nil {
		t.Fatal(err)
	}
	return k, s
}

func questions(fps []Fingerprint, late bool) []question {
	ask := make([]question, len(fps))
	for i, fp := range fps {
		ask[i] = question{fp: fp, late: late}
	}
	return ask
}

// found counts those that a file has, and those of which it says that they are new.
func found(t *testing.T, k *knownFile, fps []Fingerprint) (known, fresh int) {
	t.Helper()
	ask := questions(fps, false)
	if err := k.answer(ask); err != nil {
		t.Fatal(err)
	}
	for _, q := range ask {
		switch {
		case q.known && q.answered:
			known++
		case q.answered:
			fresh++
		case q.known:
			t.Errorf("%x is known and not answered", q.fp)
		}
	}
	ask = questions(fps, true)
	if err := k.answer(ask); err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(ask, func(q question) bool { return q.answered && !q.known }) {
		t.Error("what may have come later is said to be new")
	}
	return known, fresh
}

func randomFingerprints(rng *rand.Rand, n int) []Fingerprint {
	fps := make([]Fingerprint, n)
	for i := range fps {
		fps[i] = randomFingerprint(rng)
	}
	return fps
}

// TestKnownFile checks that a file has all that was written to it, at the ends of its
// blocks, too, and nothing else.
func TestKnownFile(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 510, 511, 512, 1022, 20_000} {
		fps := randomFingerprints(rng, n)
		if n > 500 {
			fps[3], fps[4] = Fingerprint{}, Fingerprint(bytes.Repeat([]byte{255}, 16))
		}
		k, s := written(t, fps)
		if known, fresh := found(t, k, fps); known != n || fresh != 0 {
			t.Errorf("%d of %d are found, %d are new", known, n, fresh)
		}
		if known, fresh := found(t, k, randomFingerprints(rng, 1000)); known != 0 || fresh != 1000 {
			t.Errorf("of %d: %d of 1000 strangers are found, %d are new", n, known, fresh)
		}
		if known, _ := found(t, k, []Fingerprint{{}}); n < 500 && known != 0 {
			t.Error("zero is found, which was not written")
		}
		if want := (n + 510) / 511 * blockBytes; len(s.data) != want {
			t.Errorf("%d take %d bytes, want %d", n, len(s.data), want)
		}
		if err := errors.Join(k.close(), k.close()); err != nil || s.of.open != 0 {
			t.Errorf("close: %v, %d open", err, s.of.open)
		}
		if known, fresh := found(t, k, fps); known != 0 || fresh != 0 {
			t.Errorf("a closed file has %d, and says of %d that they are new", known, fresh)
		}
	}
}

// TestKnownFileAlike checks fingerprints that begin alike over several blocks: those in
// the last of these are found, and of none it is said that it is new.
func TestKnownFileAlike(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	fps := randomFingerprints(rng, 4000)
	var alike, strangers []Fingerprint
	for i := range uint64(4000) {
		fp := Fingerprint{0x80}
		binary.BigEndian.PutUint64(fp[8:], i)
		if i%2 == 0 {
			alike = append(alike, fp)
		} else {
			strangers = append(strangers, fp)
		}
	}
	for range 24 { // wherever a block begins
		k, _ := written(t, append(slices.Clone(fps), alike...))
		if known, fresh := found(t, k, fps); known != len(fps) || fresh != 0 {
			t.Errorf("%d of %d others are found, %d are new", known, len(fps), fresh)
		}
		if known, fresh := found(t, k, alike); known < 1 || known > blockWords || fresh != 0 {
			t.Errorf("%d of %d that begin alike are found, want those of one block; %d are new", known, len(alike), fresh)
		}
		if known, _ := found(t, k, strangers); known != 0 {
			t.Errorf("%d strangers are found", known)
		}
		fps = fps[blockWords/23:]
	}
}

// TestKnownFileDamaged checks that whatever becomes of a file's bytes, nothing is found
// that was not written, and nothing that was written is new: not in garbage, in blocks of
// other places, nor in those of another file, which is what a disk may give back.
func TestKnownFileDamaged(t *testing.T) {
	const n = 8 * blockWords
	rng := rand.New(rand.NewPCG(5, 6))
	fps, others := randomFingerprints(rng, n), randomFingerprints(rng, n)
	for name, damage := range map[string]func(data []byte){
		"bits": func(data []byte) {
			for range 2 * n {
				data[rng.IntN(len(data))] ^= 1 << rng.IntN(8)
			}
		},
		"a bit of each block": func(data []byte) {
			for i := 0; i < len(data); i += blockBytes {
				data[i+rng.IntN(blockBytes)] ^= 1 << rng.IntN(8)
			}
		},
		"garbage": func(data []byte) {
			for i := range data {
				data[i] = byte(rng.Uint32())
			}
		},
		"zeros":          func(data []byte) { clear(data) },
		"moved":          func(data []byte) { copy(data, slices.Clone(data[blockBytes:])) },
		"another file's": func(data []byte) { _, s := written(t, others); copy(data, s.data) },
	} {
		t.Run(name, func(t *testing.T) {
			k, s := written(t, fps)
			damage(s.data[:len(s.data)/2])
			known, fresh := found(t, k, others)
			if known != 0 {
				t.Errorf("%d are found that were not written", known)
			}
			if fresh < n/3 || fresh > n*2/3 {
				t.Errorf("%d of %d strangers are new, half of them in damaged blocks", fresh, n)
			}
			known, fresh = found(t, k, fps)
			if fresh != 0 {
				t.Errorf("%d that were written are new", fresh)
			}
			if known < n/2-blockWords {
				t.Errorf("%d of %d are found, half of them in damaged blocks", known, n)
			}
		})
	}
	k, s := written(t, fps)
	s.data = s.data[:len(s.data)/2+1]
	if err := k.answer(questions(fps, false)); !errors.Is(err, io.EOF) || s.of.open != 0 {
		t.Errorf("a file that is cut off: %v, %d open", err, s.of.open)
	}
	if known, fresh := found(t, k, fps); known != 0 || fresh != 0 {
		t.Errorf("it was closed and has %d, and says of %d that they are new", known, fresh)
	}
}

// TestKnownFileWriteFails checks that a file that cannot be written is closed at once,
// which gives its room back, and that whoever reads from it gets all the same.
func TestKnownFileWriteFails(t *testing.T) {
	const words = writeBytes / blockBytes * blockWords
	for at := range 4 {
		writes := 0
		s := &memScratch{of: &scratches{open: 1, fail: func(op string) bool { writes++; return op == "write" && writes > at }}}
		w := newKnownWriter(s, 3*words+1, 1)
		passed := 0
		for _, err := range w.copying(sequence(make([]Fingerprint, 3*words+1))) {
			if passed++; err != nil || s.of.open != 1-min(passed/words/(at+1), 1) && passed%words == 1 {
				t.Errorf("write %d fails: %d open after %d", at, s.of.open, passed)
			}
		}
		if _, err := w.finish(); passed != 3*words+1 || !errors.Is(err, errScratch) || s.of.open != 0 {
			t.Errorf("write %d fails: %v, %d passed, %d open", at, err, passed, s.of.open)
		}
	}
}

// crowd makes fingerprints of one shard of the tier, which holds the last few of them.
func crowd(rng *rand.Rand, n int) []Fingerprint {
	fps := randomFingerprints(rng, n)
	for i := range fps {
		fps[i][0] = 7
	}
	return fps
}

// A scratchCrawl admits and asks about fingerprints, and knows what the answers must be.
type scratchCrawl struct {
	*harness
	rng *rand.Rand
	all []Fingerprint
}

func (c *scratchCrawl) grow(n int) {
	c.t.Helper()
	for range n / 100 {
		fps := crowd(c.rng, 100)
		if got := c.kept(links(fps)); got.Links != len(fps) {
			c.t.Fatalf("%d known: %d of %d new fingerprints are new", len(c.all), got.Links, len(fps))
		}
		c.all = append(c.all, fps...)
	}
}

// again asks about known ones of long ago, and new ones, in both ways.
func (c *scratchCrawl) again() {
	c.t.Helper()
	if err := c.Flush(); err != nil {
		c.t.Fatal(err)
	}
	for range 20 {
		o := links(append(crowd(c.rng, 5), c.all[c.rng.IntN(len(c.all)-20):][:20]...))
		for i, known := range c.Recall(c.t.Context(), o.Links) {
			if known != (i >= 5) {
				c.t.Fatalf("%d known: of 5 new and 20 known fingerprints number %d is said to be known: %v", len(c.all), i, known)
			}
		}
		fps := append(crowd(c.rng, 5), c.all[c.rng.IntN(len(c.all)-20):][:20]...)
		if got := c.kept(links(fps)); got.Links != 5 || got.DuplicateLinks != 20 {
			c.t.Fatalf("%d known: 5 new and 20 known fingerprints: kept %+v", len(c.all), got)
		}
		c.all = append(c.all, fps[:5]...)
	}
}

func (c *scratchCrawl) resume(o Options) {
	c.stop()
	c.harness = start(c.t, c.store, o)
}

// TestKnownFileSparesLookups checks that a frontier that knows more than memory holds
// hardly asks the store about anything: in the run in which memory overflows, as it goes
// on growing, and in the next run.
func TestKnownFileSparesLookups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s scratches
		c := scratchCrawl{harness: start(t, newMemStore(), s.options()), rng: rand.New(rand.NewPCG(7, 8))}
		spared := func(when string) {
			t.Helper()
			synctest.Wait()
			asked, reads := c.store.lookups, s.reads
			c.again()
			if n := c.store.lookups - asked; n > 300 {
				t.Errorf("%s: the store was asked %d times about 800 known and 200 new ones", when, n)
			}
			if n := s.reads - reads; n < 400 {
				t.Errorf("%s: %d blocks were read", when, n)
			}
		}
		c.grow(100)
		if opened, _, _, _ := s.counts(); opened != 0 {
			t.Error("a file was opened while memory holds everything")
		}
		c.grow(1000)
		c.again() // beside the filling
		spared("overflown")
		for range 10 {
			c.grow(2000)
			synctest.Wait() // until the file is replaced
		}
		spared("grown")
		synctest.Wait()
		if opened, open, _, _ := s.counts(); opened < 5 || open != 1 {
			t.Errorf("%d files were opened, %d are open", opened, open)
		}
		c.resume(s.options())
		c.again() // beside the filling
		spared("resumed")
		opened, _, _, _ := s.counts()
		c.grow(len(c.all) / 5)
		synctest.Wait()
		if again, _, _, _ := s.counts(); again != opened {
			t.Errorf("%d files were opened for a fifth more", again-opened)
		}
		c.grow(len(c.all) / 10)
		synctest.Wait()
		if again, open, _, _ := s.counts(); again != opened+1 || open != 1 {
			t.Errorf("%d files were opened for a third more, %d are open", again-opened, open)
		}
		c.stop()
		if _, open, _, err := s.counts(); open != 0 || err != nil {
			t.Errorf("%d files are open at the end, %v", open, err)
		}
	})
}

// TestKnownFileSparesStrangers checks that what is new is hardly ever looked up in the
// store, though the filter has no memory to tell it from what is known.
func TestKnownFileSparesStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s scratches
		c := scratchCrawl{harness: start(t, newMemStore(), s.options()), rng: rand.New(rand.NewPCG(13, 14))}
		c.grow(1000)
		synctest.Wait()
		c.stop()
		for range 1_200_000 { // what a filter of its size cannot hold
			c.store.seen[randomFingerprint(c.rng)] = true
		}
		c.store.books.Seen = int64(len(c.store.seen))
		c.harness = start(t, c.store, s.options())
		synctest.Wait()
		asked, reads := c.store.lookups, s.reads
		c.grow(2000)
		t.Logf("filter of %d parts, %d bytes", len(c.filter.parts), c.filter.size())
		if n := s.reads - reads; n < 100 {
			t.Errorf("%d blocks were read for 2000 new fingerprints: the filter tells them apart", n)
		}
		if n := c.store.lookups - asked; n > 20 {
			t.Errorf("the store was asked %d times about 2000 new fingerprints", n)
		}
		c.stop()
	})
}

// TestKnownFileBegins checks that what is not committed yet when a file is begun, and so
// is not in it, is known when it has left memory.
func TestKnownFileBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s scratches
		o := s.options()
		o.GroupPages = 1000
		var c scratchCrawl
		var between []Fingerprint
		rng := rand.New(rand.NewPCG(17, 18))
		o.Scratch = func(size int64) (Scratch, error) {
			fps := crowd(rng, 50)
			c.admit(links(fps))
			between = append(between, fps...)
			return s.new(size)
		}
		c = scratchCrawl{harness: start(t, newMemStore(), o), rng: rand.New(rand.NewPCG(15, 16))}
		for range 10 {
			c.grow(1000)
			synctest.Wait()
			if err := c.Flush(); err != nil {
				t.Fatal(err)
			}
			c.grow(200) // until it has left memory
			synctest.Wait()
			for _, fp := range between {
				if got := c.kept(links([]Fingerprint{fp})); got.Links != 0 {
					t.Fatalf("%d known: what was admitted when a file was begun is new", len(c.all))
				}
			}
		}
		if len(between) < 200 {
			t.Errorf("%d files were begun", len(between)/50)
		}
		c.stop()
	})
}

// TestScratchFails checks that no failure of a file makes any answer wrong, and that each
// is told of.
func TestScratchFails(t *testing.T) {
	for _, op := range []string{"open", "write", "read", "close"} {
		for at := range 3 {
			t.Run(fmt.Sprintf("%s/%d", op, at), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { scratchFails(t, op, at, at == 1) })
			})
		}
	}
}

func scratchFails(t *testing.T, op string, at int, stays bool) {
	t.Helper()
	var s scratches
	count := 0
	s.fail = func(did string) bool {
		if did != op {
			return false
		}
		count++
		return count == at+1 || stays && count > at
	}
	c := scratchCrawl{harness: start(t, newMemStore(), s.options()), rng: rand.New(rand.NewPCG(9, uint64(at)))}
	s.frontier.Store(c.Frontier)
	for range 3 {
		c.grow(1000)
		synctest.Wait()
		c.again()
	}
	c.resume(s.options())
	s.frontier.Store(c.Frontier)
	c.again()
	synctest.Wait()
	c.again()
	c.stop()
	_, open, _, err := s.counts()
	if open != 0 {
		t.Errorf("%d files are open at the end", open)
	}
	if !errors.Is(err, errScratch) {
		t.Errorf("the frontier was told of %v", err)
	}
	c.harness = start(t, c.store, Options{SeenBytes: 1}) // without any
	synctest.Wait()
	c.again()
	c.stop()
}

// TestKnownFileIsReplaced lets several goroutines ask while the file is replaced again
// and again, and the frontier closes.
func TestKnownFileIsReplaced(t *testing.T) {
	var s scratches
	rng := rand.New(rand.NewPCG(10, 11))
	store := newMemStore()
	o := s.options()
	f, err := Open(t.Context(), store, o)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- f.Run(context.Background()) }()
	all := crowd(rng, 30_000)
	var mu sync.Mutex
	known := 0
	var readers sync.WaitGroup
	for n := range 3 {
		readers.Go(func() {
			rng := rand.New(rand.NewPCG(12, uint64(n)))
			for {
				mu.Lock()
				upTo := known
				mu.Unlock()
				if f.Err() != nil {
					return
				}
				if upTo < 1000 {
					time.Sleep(time.Millisecond)
					continue
				}
				o := links(all[rng.IntN(upTo-100):][:20])
				o.Links = append(o.Links, links(crowd(rng, 1)).Links...)
				for i, is := range f.Recall(t.Context(), o.Links) {
					if is != (i < 20) && f.Err() == nil {
						t.Errorf("%d known: number %d is said to be known: %v", upTo, i, is)
						return
					}
				}
			}
		})
	}
	for at := 0; at < len(all); at += 500 {
		if err := f.Admit(t.Context(), links(all[at:at+500])); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		known = at + 500
		mu.Unlock()
		time.Sleep(time.Millisecond) // lets the file be written
	}
	if err := errors.Join(f.Close(false), <-ended); err != nil {
		t.Error(err)
	}
	readers.Wait()
	if opened, open, _, err := s.counts(); opened < 3 || open != 0 || err != nil {
		t.Errorf("%d files were opened, %d are open, %v", opened, open, err)
	}
}
