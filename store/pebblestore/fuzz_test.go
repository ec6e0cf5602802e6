package pebblestore

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/zeebo/xxh3"

	"github.com/clew-crawler/clew/frontier"
)

// FuzzTaskRecord reads any bytes as a stored task: it is one, and then it is written
// as one that reads the same, or it is damage. What it holds comes from the bytes,
// so that a length that lies asks for no memory.
func FuzzTaskRecord(f *testing.F) {
	f.Fuzz(func(t *testing.T, key, value []byte) {
		task, err := parseTask(key, value)
		if err != nil {
			if !errors.Is(err, frontier.ErrDamaged) {
				t.Errorf("%v is not damage", err)
			}
			return
		}
		if n := len(task.Host) + len(task.Handler) + len(task.Session) + len(task.Failure) + len(task.Payload); n > len(key)+len(value) {
			t.Errorf("%d bytes out of %d", n, len(key)+len(value))
		}
		again, err := parseTask(appendKey(nil, &task.Key), appendTask(nil, &task))
		if err != nil || !sameTask(&again, &task) {
			t.Errorf("%x, %x: %+v, then %+v, %v", key, value, task, again, err)
		}
	})
}

// sameTask compares what of a task is stored.
func sameTask(a, b *frontier.Task) bool {
	x, y := *a, *b
	sameTime := x.Due.Equal(y.Due)
	x.Due, y.Due = time.Time{}, time.Time{}
	if len(x.Payload) == 0 && len(y.Payload) == 0 {
		x.Payload, y.Payload = nil, nil
	}
	return sameTime && reflect.DeepEqual(x, y)
}

// FuzzTaskRoundTrip stores tasks of all kinds and reads them back.
func FuzzTaskRoundTrip(f *testing.F) {
	f.Fuzz(func(t *testing.T, state uint8, host, handler, session, failure string, payload []byte, rank uint32, seq uint64, due int64, priority int32, attempts, blocked uint16, flags uint8) {
		task := frontier.Task{
			Key:      frontier.Key{State: frontier.Pending, Host: strings.ReplaceAll(host, "\x00", ""), Rank: rank, Seq: seq},
			Priority: priority, Front: flags&1 != 0, Unfiltered: flags&2 != 0,
			Handler: handler, Session: session, Attempts: attempts, Blocked: blocked, Payload: payload, Failure: failure,
		}
		copy(task.Fingerprint[:], payload)
		switch state % 3 {
		case 1:
			task.State, task.Rank, task.Due = frontier.Delayed, 0, time.Unix(0, max(due, 0))
		case 2:
			task.State, task.Rank = frontier.Failed, 0
		}
		back, err := parseTask(appendKey(nil, &task.Key), appendTask(nil, &task))
		if err != nil || !sameTask(&back, &task) {
			t.Errorf("%+v comes back as %+v, %v", task, back, err)
		}
	})
}

// FuzzKeyOrder holds that keys sort as the crawl goes: a host's tasks by rank and then
// by their place in the order, delayed ones by their time.
func FuzzKeyOrder(f *testing.F) {
	f.Fuzz(func(t *testing.T, host string, rankA, rankB uint32, seqA, seqB uint64, dueA, dueB int64) {
		host = strings.ReplaceAll(host, "\x00", "")
		for _, state := range []frontier.State{frontier.Pending, frontier.Delayed, frontier.Failed} {
			a := frontier.Key{State: state, Host: host, Rank: rankA, Seq: seqA, Due: time.Unix(0, max(dueA, 0))}
			b := frontier.Key{State: state, Host: host, Rank: rankB, Seq: seqB, Due: time.Unix(0, max(dueB, 0))}
			want := cmp.Compare(seqA, seqB)
			switch state { //nolint:exhaustive // these three are stored
			case frontier.Pending:
				want = cmp.Or(cmp.Compare(rankA, rankB), want)
			case frontier.Delayed:
				want = cmp.Or(a.Due.Compare(b.Due), want)
			}
			keyA, keyB := appendKey(nil, &a), appendKey(nil, &b)
			if got := bytes.Compare(keyA, keyB); got != want {
				t.Errorf("%+v and %+v compare as %d, their keys as %d", a, b, want, got)
			}
			if end := upper(keyA[:1]); bytes.Compare(keyA, end) >= 0 {
				t.Errorf("key %x is behind the end %x of its kind", keyA, end)
			}
		}
	})
}

// FuzzTimeKey holds that any time has a key in the right order, those that a
// nanosecond count cannot hold included.
func FuzzTimeKey(f *testing.F) {
	f.Fuzz(func(t *testing.T, secA, nanoA, secB, nanoB int64) {
		const bound = 1 << 37 // some four thousand years on both sides
		a := time.Unix(secA%bound, nanoA%1e9)
		b := time.Unix(secB%bound, nanoB%1e9)
		if a.After(b) {
			a, b = b, a
		}
		if timeKey(a) > timeKey(b) {
			t.Errorf("%v has the key %d, the later %v %d", a, timeKey(a), b, timeKey(b))
		}
		if first, last := time.Unix(0, 0), time.Unix(1<<33, 0); !a.Before(first) && a.Before(last) && !keyTime(timeKey(a)).Equal(a) {
			t.Errorf("%v comes back as %v", a, keyTime(timeKey(a)))
		}
		if back := keyTime(timeKey(b)); back.After(b) && back.After(time.Unix(0, 0)) {
			t.Errorf("%v comes back as %v, which is later", b, back)
		}
	})
}

// FuzzHostRecord reads any bytes as the record of a host.
func FuzzHostRecord(f *testing.F) {
	f.Fuzz(func(t *testing.T, name string, value []byte) {
		h, err := parseHostRecord(name, value)
		if err != nil {
			if !errors.Is(err, frontier.ErrDamaged) {
				t.Errorf("%v is not damage", err)
			}
			return
		}
		if len(h.Queues) > len(value)/3 {
			t.Errorf("%d queues out of %d bytes", len(h.Queues), len(value))
		}
		for _, q := range h.Queues {
			if q.Count < 0 {
				t.Errorf("queue %d holds %d tasks", q.Rank, q.Count)
			}
		}
		again, err := parseHostRecord(name, appendHostRecord(nil, &h))
		if err != nil || again.NextAt.UnixNano() != max(h.NextAt.UnixNano(), 0) || !reflect.DeepEqual(again.Queues, h.Queues) {
			t.Errorf("%x: %+v, then %+v, %v", value, h, again, err)
		}
	})
}

// FuzzMark reads any bytes as the mark of a group's lines.
func FuzzMark(f *testing.F) {
	f.Fuzz(func(t *testing.T, value []byte) {
		m, err := parseMark(value)
		if err != nil {
			if !errors.Is(err, frontier.ErrDamaged) {
				t.Errorf("%v is not damage", err)
			}
			return
		}
		if m.length < 0 {
			t.Errorf("%x: %d bytes", value, m.length)
		}
		if again, err := parseMark(m.append(nil)); err != nil || again != m {
			t.Errorf("%x: %+v, then %+v, %v", value, m, again, err)
		}
	})
}

// FuzzBooks reads any bytes as books, which a commit wrote: they read the same again,
// and a log is brought to their length or reported as damaged.
func FuzzBooks(f *testing.F) {
	f.Fuzz(func(t *testing.T, data, lines []byte) {
		var b frontier.Books
		if json.Unmarshal(data, &b) != nil {
			return
		}
		first, err := json.Marshal(b)
		if err != nil {
			return // a time beyond the year 9999 cannot be written
		}
		var again frontier.Books
		if err := json.Unmarshal(first, &again); err != nil {
			t.Fatalf("%s: %v", first, err)
		}
		if second, err := json.Marshal(again); err != nil || !bytes.Equal(first, second) {
			t.Errorf("%s, then %s, %v", first, second, err)
		}
		fs := vfs.NewMem()
		writeAll(t, fs, "log", lines)
		l := itemLog{fs: fs, name: "log"}
		tail, err := l.recover(b.ItemBytes, true)
		switch {
		case err != nil && !errors.Is(err, frontier.ErrDamaged):
			t.Errorf("%v is not damage", err)
		case err == nil && (b.ItemBytes < 0 || b.ItemBytes > int64(len(lines)) || tail != (b.ItemBytes < int64(len(lines)))):
			t.Errorf("a log of %d bytes passes for %d committed, tail %t", len(lines), b.ItemBytes, tail)
		case err == nil && tail:
			if err := l.cut(); err != nil {
				t.Error(err)
			}
			if left := readAll(t, fs, "log"); !bytes.Equal(left, lines[:b.ItemBytes]) {
				t.Errorf("%q cut to %d bytes is %q", lines, b.ItemBytes, left)
			}
		}
	})
}

func writeAll(tb testing.TB, fs vfs.FS, name string, data []byte) {
	tb.Helper()
	file, err := fs.Create(name, category)
	if err != nil {
		tb.Fatal(err)
	}
	_, err = file.Write(bytes.Clone(data)) // the file may keep or change what it is given
	if err := errors.Join(err, file.Close()); err != nil {
		tb.Fatal(err)
	}
}

func readAll(tb testing.TB, fs vfs.FS, name string) []byte {
	tb.Helper()
	file, err := fs.Open(name)
	if err != nil {
		tb.Fatal(err)
	}
	data, err := io.ReadAll(file)
	if err := errors.Join(err, file.Close()); err != nil {
		tb.Fatal(err)
	}
	return data
}

// FuzzItemLog reads parts of any log: the bytes asked for and no others, and a
// checksum that fits those bytes only.
func FuzzItemLog(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte, from, to int64) {
		from = max(from, 0) // offsets are lengths of what was committed
		fs := vfs.NewMem()
		writeAll(t, fs, "log", data)
		s := &Store{fs: fs, log: itemLog{fs: fs, name: "log", length: int64(len(data))}}
		r, err := s.ReadItems(from, to)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if cerr := r.Close(); cerr != nil {
			t.Error(cerr)
		}
		size := int64(len(data))
		switch {
		case err != nil:
			t.Fatal(err)
		case to <= from || from >= size:
			if len(got) > 0 {
				t.Errorf("%q from %d to %d of %d", got, from, to, size)
			}
			return
		case !bytes.Equal(got, data[from:min(to, size)]):
			t.Errorf("from %d to %d of %q is %q", from, to, data, got)
		}
		m := mark{length: int64(len(got)), checksum: xxh3.Hash(got)}
		if err := s.log.verify(from, m); err != nil {
			t.Errorf("the mark of %q does not fit: %v", got, err)
		}
		if m.checksum++; !errors.Is(s.log.verify(from, m), frontier.ErrDamaged) {
			t.Errorf("a wrong mark of %q fits", got)
		}
	})
}

// FuzzIdentity puts any bytes in the place of crawl.json: they are read as what they
// say, or they are damage or a newer format, and then nothing says who they belong to.
func FuzzIdentity(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		fs := vfs.NewMem()
		d, err := OpenDirectoryFS(fs, "/crawl", "fuzz")
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close() //nolint:errcheck // in memory
		writeAll(t, fs, "/crawl/"+identityName, data)
		id, found, err := d.Identity()
		if err != nil {
			if !errors.Is(err, frontier.ErrDamaged) && !errors.Is(err, ErrFormat) {
				t.Errorf("%v is neither damage nor a newer format", err)
			}
			return
		}
		if !found || id.Format < 1 || id.Format > Format {
			t.Errorf("%q is taken for %+v, %t", data, id, found)
		}
		if d.SetIdentity(id) != nil {
			return // a time that cannot be written
		}
		if again, _, err := d.Identity(); err != nil || again.Spider != id.Spider || again.Recipe != id.Recipe || again.Format != id.Format {
			t.Errorf("%q is %+v, written and read %+v, %v", data, id, again, err)
		}
	})
}

// FuzzStore commits values and tasks of any bytes and opens the store again.
func FuzzStore(f *testing.F) {
	f.Fuzz(func(t *testing.T, kind, key string, data []byte, host string, payload []byte, name string) {
		if strings.ContainsRune(kind, 0) || strings.ContainsRune(host, 0) || host == "" {
			return // neither is ever made
		}
		ctx, fs := t.Context(), vfs.NewMem()
		o := Options{MemTableBytes: 1 << 20, CacheBytes: 1 << 20}
		s, err := open(fs, "crawl", o)
		if err != nil {
			t.Fatal(err)
		}
		task := frontier.Task{Key: frontier.Key{Host: host, Rank: 7, Seq: 1}, Payload: payload, Handler: name}
		copy(task.Fingerprint[:], payload)
		if data == nil {
			data = []byte{}
		}
		line := append(bytes.ReplaceAll(payload, []byte("\n"), nil), '\n')
		batch := frontier.Batch{
			Put: []frontier.Task{task}, Seen: []frontier.Fingerprint{task.Fingerprint}, Lines: line,
			Hosts:  []frontier.Host{{Name: host, Queues: []frontier.Queue{{Rank: 7, Head: 1, Count: 1}}}},
			Values: []frontier.Value{{Kind: kind, Key: key, Data: data}, {Kind: kind + "x", Key: key, Data: []byte("other")}},
			Books: frontier.Books{
				Run: 1, NextSeq: 2, Pending: 1, Seen: 1, Items: 1, ItemBytes: int64(len(line)),
				Handlers: map[string]int64{strings.ToValidUTF8(name, "?"): 1}, Sessions: map[string]int64{"": 1},
			},
		}
		if err := errors.Join(s.Commit(ctx, &batch), s.Close()); err != nil {
			t.Fatal(err)
		}
		if s, err = open(fs, "crawl", o); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		if strings.ToValidUTF8(name, "?") == name {
			if err := s.Check(ctx); err != nil {
				t.Error(err)
			}
		}
		found := 0
		for v, err := range s.Values(ctx, kind, nil) {
			if found++; err != nil || v.Key != key || !bytes.Equal(v.Data, data) {
				t.Errorf("%q is %q, %v, want %q to be %q", v.Key, v.Data, err, key, data)
			}
		}
		for back, err := range s.Tasks(context.Background(), frontier.Range{Host: host, Rank: 7}) {
			if found++; err != nil || !sameTask(&back, &task) {
				t.Errorf("%+v comes back as %+v, %v", task, back, err)
			}
		}
		if found != 2 {
			t.Errorf("%d of 2 are found", found)
		}
	})
}
