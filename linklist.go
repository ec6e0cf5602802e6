package clew

import (
	"context"

	"github.com/clew-crawler/clew/frontier"
)

// A linkList holds the requests that a page puts out. Most links of a page lead to what
// is known already, so the payload of an ordinary one is written when it is needed.
type linkList struct {
	from  origin
	tasks []frontier.Task
	urls  []string // of tasks without a payload; "" for the others
}

// add appends a task. size is what it takes in the store, or nearly.
func (l *linkList) add(t frontier.Task, st *stored) (size int, err error) {
	url := st.URL
	if !st.isPlain() {
		if err := st.pack(&t); err != nil {
			return 0, err
		}
		url = ""
	}
	l.tasks, l.urls = append(l.tasks, t), append(l.urls, url)
	return len(url) + len(l.from.referer) + len(t.Payload), nil
}

// packed returns all tasks with their payloads.
func (l *linkList) packed() []frontier.Task {
	if l == nil {
		return nil
	}
	for i := range l.tasks {
		l.pack(i)
	}
	return l.tasks
}

func (l *linkList) pack(i int) {
	if l.urls[i] != "" {
		st := stored{URL: l.urls[i], Depth: l.from.depth, Referer: l.from.referer}
		l.tasks[i].Payload, l.urls[i] = st.plain(), ""
	}
}

// unknown leaves out the tasks that are known, and returns the others with their
// payloads. What is known stays known, so their admission would drop them, too.
func (l *linkList) unknown(ctx context.Context, f *frontier.Frontier) (tasks []frontier.Task, known int64) {
	if l == nil {
		return nil, 0
	}
	left := l.tasks[:0]
	for i, isKnown := range f.Recall(ctx, l.tasks) {
		if isKnown && !l.tasks[i].Unfiltered {
			known++
			continue
		}
		l.pack(i)
		left = append(left, l.tasks[i])
	}
	return left, known
}

// linkList returns an empty list for the requests of a page.
func (p *prepared) linkList(from origin) *linkList {
	l, ok := p.lists.Get().(*linkList)
	if !ok {
		l = &linkList{tasks: make([]frontier.Task, 0, 64), urls: make([]string, 0, 64)}
	}
	l.from = from
	return l
}

// reuse takes a list back of which nothing is needed any more.
func (p *prepared) reuse(l *linkList) {
	const most = 1024 // longer ones are rare
	if l == nil || cap(l.tasks) > most {
		return
	}
	clear(l.tasks)
	clear(l.urls)
	l.tasks, l.urls = l.tasks[:0], l.urls[:0]
	p.lists.Put(l)
}
