package politeness

import (
	"bytes"
	"slices"
	"strings"
	"time"
)

const (
	// MaxRobotsBytes is how much of a robots.txt is read; what follows is
	// ignored. RFC 9309 section 2.5 asks for at least this much.
	MaxRobotsBytes = 500 << 10

	// MaxCrawlDelay is the longest delay a robots.txt can impose. A longer one
	// counts as this long, so that a misplaced zero does not end a crawl.
	MaxCrawlDelay = time.Hour
)

// Robots is one parsed robots.txt. It is immutable, and the nil *Robots is a
// file that says nothing: everything is allowed.
type Robots struct {
	groups   []group
	sitemaps []string
}

// group is a run of User-agent lines with the lines that follow it.
type group struct {
	agents []string // lower-case product tokens, or "*"
	rules  []rule
	delay  time.Duration
}

// ParseRobots reads a robots.txt (RFC 9309). It never fails: lines it cannot
// read are skipped, and a file that is no robots.txt at all forbids nothing.
// At most MaxRobotsBytes are read.
func ParseRobots(body []byte) *Robots {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	if len(body) > MaxRobotsBytes {
		body = body[:MaxRobotsBytes]
		// Half a rule is another rule: "Disallow: /private" cut short could
		// forbid the whole site.
		body = body[:bytes.LastIndexAny(body, "\r\n")+1]
	}
	var p robotsParser
	for line := range bytes.FieldsFuncSeq(body, isLineEnd) {
		key, value, ok := splitLine(string(line))
		if ok {
			p.line(key, value)
		}
	}
	return &Robots{groups: p.groups, sitemaps: p.sitemaps}
}

func isLineEnd(r rune) bool { return r == '\n' || r == '\r' }

// splitLine takes "Key: value # comment" apart; the key comes in lower case.
func splitLine(line string) (key, value string, ok bool) {
	line, _, _ = strings.Cut(line, "#")
	key, value, ok = strings.Cut(line, ":")
	return strings.ToLower(strings.Trim(key, " \t")), strings.Trim(value, " \t\x00"), ok
}

// robotsParser holds what has been read so far.
type robotsParser struct {
	groups   []group
	sitemaps []string
	ruled    bool // the last group has a rule: the next User-agent starts another
}

func (p *robotsParser) line(key, value string) {
	switch key {
	case "sitemap":
		if value != "" {
			p.sitemaps = append(p.sitemaps, value)
		}
		return
	case "user-agent":
		p.agent(value)
		return
	}
	if len(p.groups) == 0 {
		return // RFC 9309 section 2.2.1: a rule before any group belongs to nobody
	}
	last := &p.groups[len(p.groups)-1]
	switch key {
	case "allow", "disallow":
		p.ruled = true
		if value != "" { // an empty pattern matches nothing
			last.rules = append(last.rules, newRule(key == "allow", value))
		}
	case "crawl-delay":
		// Not a rule of RFC 9309, so it does not end a run of User-agent lines.
		last.delay = max(last.delay, parseCrawlDelay(value))
	case "request-rate":
		last.delay = max(last.delay, parseRequestRate(value))
	}
}

// agent adds a User-agent line: to the current group while that has no rules,
// else to a new one.
func (p *robotsParser) agent(value string) {
	if len(p.groups) == 0 || p.ruled {
		p.groups = append(p.groups, group{})
		p.ruled = false
	}
	token := productToken(value)
	if strings.HasPrefix(value, "*") {
		token = "*"
	}
	if token != "" {
		last := &p.groups[len(p.groups)-1]
		last.agents = append(last.agents, token)
	}
}

// productToken gives the lower-case name a user agent goes by: what stands
// before the first "/", space or parenthesis. RFC 9309 allows letters, "-" and
// "_"; digits and dots count too, since MJ12bot and archive.org_bot exist.
func productToken(userAgent string) string {
	end := strings.IndexFunc(userAgent, func(r rune) bool {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			return false
		}
		return r != '-' && r != '_' && r != '.'
	})
	if end >= 0 {
		userAgent = userAgent[:end]
	}
	return strings.ToLower(userAgent)
}

// Group gives the rules for a crawler. userAgent may be a bare product token
// ("Clew") or a whole User-Agent header ("Clew/1.0 (+https://...)"), whose
// first product token counts. Tokens are compared whole and without regard to
// case, so a group for "foo" says nothing to "foobot". All groups for the token
// are merged; if there is none, the groups for "*" apply; if there is none of
// those either, everything is allowed (RFC 9309 section 2.2.1).
func (r *Robots) Group(userAgent string) Rules {
	if r == nil {
		return Rules{}
	}
	token := productToken(userAgent)
	if rules, ok := r.merge(token); ok && token != "" {
		return rules
	}
	rules, _ := r.merge("*")
	return rules
}

func (r *Robots) merge(token string) (Rules, bool) {
	var merged Rules
	found := false
	for _, g := range r.groups {
		if slices.Contains(g.agents, token) {
			found = true
			merged.rules = append(merged.rules, g.rules...)
			merged.delay = max(merged.delay, g.delay)
		}
	}
	slices.SortStableFunc(merged.rules, rule.compare)
	return merged, found
}

// Sitemaps gives the values of the Sitemap lines, in order and as written.
// They belong to no group.
func (r *Robots) Sitemaps() []string {
	if r == nil {
		return nil
	}
	return slices.Clone(r.sitemaps)
}
