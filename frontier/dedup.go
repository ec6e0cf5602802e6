package frontier

import (
	"context"
	"iter"
	"slices"
)

// unseen sets fresh[i] where fps[i] is not known, and takes note of it. Of equal
// fingerprints only the first is fresh.
func (f *Frontier) unseen(ctx context.Context, fps []Fingerprint, fresh []bool) error {
	known, err := f.known(ctx, fps)
	if err != nil {
		return err
	}
	for i, fp := range fps {
		if known[i] {
			if !f.tier.complete && !f.tier.recent(fp) {
				f.remember(fp) // so that the next page need not ask the store
			}
			continue
		}
		if f.tier.contains(fp) {
			continue // it stands earlier in fps
		}
		f.remember(fp)
		fresh[i] = true
		f.open.batch.Seen = append(f.open.batch.Seen, fp)
		f.passOn(fp)
		f.open.bytes += len(fp)
		f.books.Seen++
	}
	if f.outgrown() {
		select {
		case f.growing <- struct{}{}:
		default:
		}
	}
	return nil
}

// remember puts fp into the tier. When the tier turns out not to hold everything, the
// filter is begun.
func (f *Frontier) remember(fp Fingerprint) {
	f.tier.insert(fp, f.eachUncommitted)
	if f.tier.packed == nil && f.filter == nil {
		f.beginFilter()
	}
}

// mustAsk reports that only the file or the store knows whether fp is known, which is not
// in the tier.
func (f *Frontier) mustAsk(fp Fingerprint) (q question, must bool) {
	if f.tier.complete {
		return q, false
	}
	if !f.filtered && compareFingerprints(fp, f.filled) >= 0 {
		return question{fp: fp, late: true}, true // it may be one that was not read yet
	}
	if f.filter == nil {
		return q, false
	}
	part := f.filter.last(fp)
	return question{fp: fp, late: f.file == nil || part >= f.file.parts}, part >= 0
}

// beginFilter makes the filter. What is not committed is put into it here, what is
// admitted from now on when it is, and what is committed by [Frontier.fillFilter].
func (f *Frontier) beginFilter() {
	if f.tier.packed != nil {
		f.tier.unpack(f.eachUncommitted)
	}
	f.filled = Fingerprint{}
	f.filter = newFilter(f.books.Seen, f.opts.SeenBytes/4*3)
	f.shareMemory()
	f.eachUncommitted(f.passOn)
	close(f.filtering)
}

// passOn puts fp into the filter, if there is one.
func (f *Frontier) passOn(fp Fingerprint) {
	if f.filter != nil && f.filter.insert(fp) {
		f.shareMemory()
	}
}

// shareMemory leaves the tier what the filter does not take.
func (f *Frontier) shareMemory() { f.tier.limit = generation(f.opts.SeenBytes - f.filter.size()) }

// Recall tells which tasks are known already. What is known stays known, so that the
// caller may leave those out; the others are asked about again when they are admitted.
// It brings what the store knows of them into memory before their admission holds
// everybody up: beyond the memory for known fingerprints a look takes microseconds, and
// tens of them in the store. It is never needed; an error shows when the tasks are admitted.
func (f *Frontier) Recall(ctx context.Context, tasks []Task) (known []bool) {
	known = make([]bool, len(tasks))
	ask, file := f.inMemory(tasks, known)
	if len(ask) == 0 {
		return known
	}
	defer f.reading.Done()
	if f.lookUp(ctx, file, ask) != nil {
		return known
	}
	for i := range tasks {
		known[i] = known[i] || isKnown(ask, tasks[i].Fingerprint)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, q := range ask {
		if q.known && !f.tier.recent(q.fp) {
			f.remember(q.fp)
		}
	}
	return known
}

// inMemory answers for the tasks that need no look into the file or the store. If others
// are left, the caller is reading, and says when it is done.
func (f *Frontier) inMemory(tasks []Task, known []bool) (ask []question, file *knownFile) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return nil, nil
	}
	for i := range tasks {
		fp := tasks[i].Fingerprint
		if known[i] = f.tier.contains(fp); known[i] {
			if !f.tier.complete && !f.tier.recent(fp) {
				f.remember(fp) // so that the next page need not ask the store
			}
		} else if q, must := f.mustAsk(fp); must {
			ask = append(ask, q)
		}
	}
	if len(ask) > 0 {
		f.reading.Add(1)
	}
	return ask, f.file
}

// known looks all fingerprints up before any is inserted, since an insertion may
// turn out of the tier what the store was not asked about.
func (f *Frontier) known(ctx context.Context, fps []Fingerprint) ([]bool, error) {
	known := make([]bool, len(fps))
	var ask []question
	for i, fp := range fps {
		if known[i] = f.tier.contains(fp); known[i] {
			continue
		}
		if q, must := f.mustAsk(fp); must {
			ask = append(ask, q)
		}
	}
	if len(ask) == 0 {
		return known, nil
	}
	if err := f.lookUp(ctx, f.file, ask); err != nil {
		return nil, err
	}
	for i, fp := range fps {
		known[i] = known[i] || isKnown(ask, fp)
	}
	return known, nil
}

// lookUp sorts questions and answers them: from the file, and from the store what that
// cannot answer. Being asked in order, the store reads each of its blocks once.
func (f *Frontier) lookUp(ctx context.Context, file *knownFile, ask []question) error {
	slices.SortFunc(ask, func(a, b question) int { return compareFingerprints(a.fp, b.fp) })
	if err := file.answer(ask); err != nil {
		select {
		case f.unread <- err:
		default: // one is enough, the file is closed
		}
	}
	var left []Fingerprint
	for _, q := range ask {
		if !q.answered {
			left = append(left, q.fp)
		}
	}
	if len(left) == 0 {
		return nil
	}
	answers := make([]bool, len(left))
	if err := f.store.Seen(ctx, left, answers); err != nil {
		return err
	}
	for i := range ask {
		if !ask[i].answered {
			ask[i].known, answers = answers[0], answers[1:]
		}
	}
	return nil
}

// isKnown is the answer to the question about fp, if there was one.
func isKnown(ask []question, fp Fingerprint) bool {
	i, asked := slices.BinarySearchFunc(ask, fp, func(q question, fp Fingerprint) int { return compareFingerprints(q.fp, fp) })
	return asked && ask[i].known
}

func compareFingerprints(a, b Fingerprint) int { return slices.Compare(a[:], b[:]) }

// eachUncommitted yields the fingerprints that the store does not know yet.
func (f *Frontier) eachUncommitted(yield func(Fingerprint)) {
	for _, g := range []*group{f.syncing, f.open} {
		if g == nil {
			continue
		}
		for _, fp := range g.batch.Seen {
			yield(fp)
		}
	}
}

// fill reads the known fingerprints into memory while the crawl already runs: all of
// them if they fit, else into the filter and a file. Until it is done, misses ask the store
// about what comes behind those that were read. Then it replaces the file as it is outgrown.
func (f *Frontier) fill(ctx context.Context) error {
	f.mu.Lock()
	tier := !f.tier.complete && f.filter == nil
	f.mu.Unlock()
	if tier {
		if err := f.fillTier(ctx); err != nil {
			return err
		}
	}
	select {
	case <-f.filtering:
	case <-ctx.Done():
		return nil
	}
	defer f.useFile(nil)
	if err := f.fillFilter(ctx); err != nil {
		return err
	}
	return f.writeFiles(ctx)
}

func (f *Frontier) fillTier(ctx context.Context) error {
	whole, err := f.eachCommitted(ctx, f.store.Fingerprints(ctx), func(fps []Fingerprint) bool {
		for _, fp := range fps {
			f.remember(fp)
		}
		return f.tier.packed != nil
	})
	if err != nil || !whole {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tier.complete = f.tier.packed != nil
	return nil
}

func (f *Frontier) fillFilter(ctx context.Context) error {
	w := f.beginFile()
	whole, err := f.eachCommitted(ctx, w.copying(f.store.Fingerprints(ctx)), func(fps []Fingerprint) bool {
		for _, fp := range fps {
			f.filter.fill(fp)
		}
		return true
	})
	f.mu.Lock()
	f.filtered = err == nil && whole
	f.mu.Unlock()
	f.endFile(w, err == nil && whole)
	return err
}

// eachCommitted calls take with all committed fingerprints in their order, some at a time
// and while nothing is admitted, and notes how far it has come. It reports whether take
// got all of them and said yes each time.
func (f *Frontier) eachCommitted(ctx context.Context, all iter.Seq2[Fingerprint, error], take func(fps []Fingerprint) bool) (whole bool, err error) {
	const chunk = 4096
	buf := make([]Fingerprint, 0, chunk)
	flush := func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		more := take(buf)
		if more && len(buf) > 0 {
			f.filled = buf[len(buf)-1]
		}
		buf = buf[:0]
		return more
	}
	for fp, err := range all {
		if err != nil || ctx.Err() != nil {
			return false, err
		}
		if buf = append(buf, fp); len(buf) == chunk && !flush() {
			return false, nil
		}
	}
	return flush(), nil
}
