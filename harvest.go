package clew

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/zeebo/xxh3"

	"github.com/clew-crawler/clew/frontier"
)

// A harvest is what a page puts out, in memory that later pages use again.
type harvest struct {
	links linkList
	items itemList
}

// harvest returns an empty one for a page.
func (p *prepared) harvest(from origin) *harvest {
	h, ok := p.harvests.Get().(*harvest)
	if !ok {
		h = new(harvest)
	}
	h.links.from, h.links.literal = from, isLiteral(from.referer)
	return h
}

// reuse takes a harvest back of which nothing is needed any more.
func (p *prepared) reuse(h *harvest) {
	const links, bytes = 1024, 64 << 10 // larger ones are rare
	if h == nil || cap(h.links.tasks) > links || cap(h.links.met) > links || cap(h.items.items) > links || h.items.buf.Cap() > bytes {
		return
	}
	h.links.empty()
	h.items.empty()
	p.harvests.Put(h)
}

// A linkList holds the requests that a page puts out. Most links of a page lead to what
// is known already, so the payload of an ordinary one is written when it is needed, and
// of one that was met not even the task is made.
type linkList struct {
	from    origin
	literal bool // isLiteral of the referer
	tasks   []frontier.Task
	notes   []linkNote // of each task
	met     []linkMet
}

// A linkNote says what a task has still to get, and how it can be remembered.
type linkNote struct {
	url string       // of a task without a payload
	key xxh3.Uint128 // of a link, see metLinks
}

// A linkMet is a link that leads to what is known.
type linkMet struct {
	href string
	at   int // how many tasks come before it
}

func (l *linkList) empty() {
	clear(l.tasks)
	clear(l.notes)
	clear(l.met)
	l.tasks, l.notes, l.met = l.tasks[:0], l.notes[:0], l.met[:0]
}

// add appends the task of a request, unless its host is not allowed. size is what it
// takes in the store, or nearly; 0 if it was not appended.
func (l *linkList) add(s *prepared, r *Request) (size int, err error) {
	l.tasks = append(l.tasks, frontier.Task{})
	last := len(l.tasks) - 1
	t := &l.tasks[last]
	defer func() {
		if size == 0 {
			*t, l.tasks = frontier.Task{}, l.tasks[:last]
		}
	}()
	var st stored
	if err := s.task(r, &l.from, t, &st); err != nil || !s.allows(t.Host) {
		return 0, err
	}
	url := st.URL
	if !l.literal || !st.isLink() {
		if err := st.pack(t); err != nil {
			return 0, err
		}
		url = ""
	}
	l.notes = append(l.notes, linkNote{url: url})
	return len(url) + len(l.from.referer) + len(t.Payload), nil
}

// addMet appends a link that was met.
func (l *linkList) addMet(href string) { l.met = append(l.met, linkMet{href, len(l.tasks)}) }

// packed returns all tasks with their payloads, those of links that were met, too, which
// become requests by way of resolved.
func (l *linkList) packed(s *prepared, resolved func(href string) (*Request, error)) ([]frontier.Task, error) {
	all := make([]frontier.Task, 0, len(l.tasks)+len(l.met))
	met := l.met
	for i := range len(l.tasks) + 1 {
		for ; len(met) > 0 && met[0].at == i; met = met[1:] {
			r, err := resolved(met[0].href)
			if err != nil {
				return nil, err
			}
			t, err := s.encode(r, l.from)
			if err != nil {
				return nil, err
			}
			all = append(all, t)
		}
		if i < len(l.tasks) {
			l.pack(i)
			all = append(all, l.tasks[i])
		}
	}
	return all, nil
}

func (l *linkList) pack(i int) {
	if l.notes[i].url != "" {
		st := stored{URL: l.notes[i].url, Depth: l.from.depth, Referer: l.from.referer}
		l.tasks[i].Payload, l.notes[i].url = st.plain(), ""
	}
}

// unknown leaves out the tasks that are known, and returns the others with their
// payloads. What is known stays known, so their admission would drop them, too.
func (l *linkList) unknown(ctx context.Context, f *frontier.Frontier, met *metLinks) (tasks []frontier.Task, known int64) {
	known = int64(len(l.met))
	if len(l.tasks) == 0 {
		return nil, known
	}
	left := l.tasks[:0]
	for i, isKnown := range f.Recall(ctx, l.tasks) {
		if isKnown && !l.tasks[i].Unfiltered {
			met.add(l.notes[i].key)
			known++
			continue
		}
		l.pack(i)
		left = append(left, l.tasks[i])
	}
	return left, known
}

// An itemList holds the items that a page puts out, as lines of JSON in memory that they
// share.
type itemList struct {
	items []frontier.Item
	buf   bytes.Buffer
	json  *json.Encoder // into buf
}

func (l *itemList) empty() {
	clear(l.items)
	l.items = l.items[:0]
	l.buf.Reset()
}

// add appends an item, and returns the length of its line.
func (l *itemList) add(kind string, once *frontier.Fingerprint, v any) (size int, err error) {
	line, err := l.encode(kind, v)
	if err != nil {
		return 0, fmt.Errorf("item %T: %w", v, err)
	}
	l.items = append(l.items, frontier.Item{Line: line, Once: once})
	return len(line), nil
}

// encode writes an item as one line.
func (l *itemList) encode(kind string, v any) ([]byte, error) {
	if l.json == nil {
		l.json = json.NewEncoder(&l.buf)
		l.json.SetEscapeHTML(false)
	}
	begin := l.buf.Len()
	if err := l.json.Encode(v); err != nil {
		return nil, err
	}
	line := l.buf.Bytes()[begin : l.buf.Len()-1 : l.buf.Len()-1]
	if _, raw := v.(json.RawMessage); raw || bytes.IndexByte(line, '\n') >= 0 {
		buf := new(bytes.Buffer)
		if err := json.Compact(buf, line); err != nil {
			return nil, err
		}
		line = buf.Bytes()
	}
	if kind == "" {
		return line, nil
	}
	if line[0] != '{' {
		return nil, fmt.Errorf("an item of kind %q must be an object", kind)
	}
	name, err := json.Marshal(kind)
	if err != nil {
		return nil, err
	}
	head := append([]byte(`{"_kind":`), name...)
	if len(line) > 2 {
		head = append(head, ',')
	}
	return append(head, line[1:]...), nil
}
