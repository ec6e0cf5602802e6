package testsite

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// A Visit is one request that a [Web] met.
type Visit struct {
	Host   string
	Path   string    // path and query as sent; "" for a connection that was not made
	Start  time.Time // when it arrived
	End    time.Time // when its answer was over, however it ended
	Status int       // 0 if there was none
	Fault  FaultKind // what befell it
}

// URL is what was asked for.
func (v Visit) URL() string { return "http://" + v.Host + v.Path }

// Log is what a [Web] was asked, in the order of arrival.
type Log []Visit

// Log returns what the web was asked so far, requests under way apart.
func (w *Web) Log() Log {
	w.mu.Lock()
	defer w.mu.Unlock()
	log := slices.Clone(w.log)
	slices.SortStableFunc(log, func(a, b Visit) int { return a.Start.Compare(b.Start) })
	return log
}

// Reset forgets what was asked: faults that pass begin anew.
func (w *Web) Reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.failed)
	w.log = nil
}

func (w *Web) record(v Visit) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, v)
}

// Counts returns how often each URL was asked for.
func (l Log) Counts() map[string]int {
	counts := map[string]int{}
	for _, v := range l {
		if v.Path != "" {
			counts[v.URL()]++
		}
	}
	return counts
}

// Hosts returns the names of the hosts that were asked, in order.
func (l Log) Hosts() []string {
	hosts := map[string]bool{}
	for _, v := range l {
		hosts[v.Host] = true
	}
	return slices.Sorted(maps.Keys(hosts))
}

// Gap returns the shortest time between the arrivals of two requests at a host;
// false if it had fewer than two. Connections that were not made count as requests.
func (l Log) Gap(host string) (time.Duration, bool) {
	var shortest time.Duration
	var last time.Time
	n := 0
	for _, v := range l {
		if v.Host != host {
			continue
		}
		if gap := v.Start.Sub(last); n == 1 || n > 1 && gap < shortest {
			shortest = gap
		}
		last = v.Start
		n++
	}
	return shortest, n > 1
}

// Parallel returns the largest number of requests that a host had at one time;
// host "" is all of them together.
func (l Log) Parallel(host string) int {
	type edge struct {
		at   time.Time
		step int
	}
	var edges []edge
	for _, v := range l {
		if host == "" || v.Host == host {
			edges = append(edges, edge{v.Start, 1}, edge{v.End, -1})
		}
	}
	// An answer that ends when a request arrives makes room for it.
	slices.SortStableFunc(edges, func(a, b edge) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.step, b.step)) })
	now, most := 0, 0
	for _, e := range edges {
		now += e.step
		most = max(most, now)
	}
	return most
}
