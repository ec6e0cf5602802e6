package testsite

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// The traps: a calendar without end, session ids in URLs, queries that grow, and
// paths that get ever deeper. Each page of a trap leads one level further in.
const (
	trapCalendar = "/trap/calendar/"
	trapSession  = "/trap/session"
	trapQuery    = "/trap/query"
	trapDeep     = "/trap/deep"
	firstYear    = 2026
)

// TrapLevel says how deep in a trap a URL of a [Web] is: 1 for the page that a
// front page links to, 0 for a URL that is in no trap.
func TrapLevel(rawURL string) int {
	u, err := url.Parse(rawURL)
	if err != nil {
		return 0
	}
	switch {
	case strings.HasPrefix(u.Path, trapCalendar):
		year, month, _ := strings.Cut(strings.TrimPrefix(u.Path, trapCalendar), "/")
		y, err1 := strconv.Atoi(year)
		m, err2 := strconv.Atoi(month)
		if err1 != nil || err2 != nil || y < firstYear || m < 1 || m > 12 {
			return 0
		}
		return 12*(y-firstYear) + m
	case u.Path == trapSession:
		level, _, _ := strings.Cut(u.Query().Get("sid"), "x")
		n, err := strconv.ParseInt(level, 16, 32)
		if err != nil {
			return 0
		}
		return int(n)
	case u.Path == trapQuery:
		return len(u.Query()["filter"])
	case strings.HasPrefix(u.Path, trapDeep+"/"):
		return strings.Count(u.Path, "/") - 2
	}
	return 0
}

// trapHrefs are the ways from a front page into the traps of its host.
func (w *Web) trapHrefs(h, p int) []string {
	if p != 0 || !w.hasTraps(h) {
		return nil
	}
	return []string{
		fmt.Sprintf("%s%d/1", trapCalendar, firstYear), w.sessionHref(h, 1, 0), trapQuery + "?filter=1", trapDeep + "/a",
	}
}

// sessionHref is a page under one more session id.
func (w *Web) sessionHref(h, level, k int) string {
	return fmt.Sprintf("%s?sid=%xx%08x", trapSession, level, uint32(mix(w.cfg.Seed, forTrap, w.at(h, 2*level+k))))
}

// trapNext are the links of a trap's page: one level further in.
func (w *Web) trapNext(h int, path string) []string {
	level := TrapLevel(path)
	switch {
	case strings.HasPrefix(path, trapCalendar):
		return []string{fmt.Sprintf("%s%d/%d", trapCalendar, firstYear+level/12, level%12+1)}
	case strings.HasPrefix(path, trapSession):
		return []string{w.sessionHref(h, level+1, 0), w.sessionHref(h, level+1, 1)}
	case strings.HasPrefix(path, trapQuery):
		return []string{path + "&filter=1", path + "&filter=2"}
	default:
		return []string{path + "/a"}
	}
}
