package politeness

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAllowed(t *testing.T) {
	const agent = "Clew/1.0 (+https://clew.example/bot)"
	tests := []struct {
		name   string
		robots string
		agent  string
		url    string
		want   bool
	}{
		{"empty file", "", agent, "/x", true},
		{"not a robots.txt", "<html><body>Disallow: /</body></html>", agent, "/x", true},
		{"no matching rule", "user-agent: *\ndisallow: /a", agent, "/b", true},
		{"star group", "user-agent: *\ndisallow: /", agent, "/x", false},
		{"own group hides the star group", "user-agent: *\ndisallow: /\nuser-agent: clew\ndisallow: /a", agent, "/x", true},
		{"own group stands first", "user-agent: clew\nallow: /\n\nuser-agent: *\ndisallow: /", agent, "/x", true},
		{"own group without rules hides the star group", "user-agent: *\ndisallow: /\nuser-agent: clew\ndisallow:", agent, "/x", true},
		{"agent without regard to case", "User-Agent: CLEW\nDisallow: /", agent, "/x", false},
		{"agent line with version", "User-agent: Clew/2.1\nDisallow: /", agent, "/x", false},
		{"prefix is another agent", "User-agent: cle\nDisallow: /", agent, "/x", true},
		{"longer name is another agent", "User-agent: foo\nDisallow: /", "foobot", "/x", true},
		{"hyphenated name is another agent", "User-agent: foo\nDisallow: /", "foo-news", "/x", true},
		{"dots and digits in names", "User-agent: archive.org_bot2\nDisallow: /", "archive.org_bot2", "/x", false},
		{"no name means star", "User-agent: *\nDisallow: /", "", "/x", false},
		{"empty agent line names nobody", "User-agent:\nDisallow: /", "", "/x", true},
		{"groups of one agent are merged", "user-agent: clew\ndisallow: /a\nuser-agent: b\ndisallow: /\nuser-agent: clew\ndisallow: /c", agent, "/c", false},
		{"several agents share a group", "user-agent: a\nuser-agent: clew\ndisallow: /", agent, "/x", false},
		{"agents with a blank line between", "user-agent: a\n\nuser-agent: clew\ndisallow: /", agent, "/x", false},
		{"sitemap does not end the agents", "user-agent: clew\nsitemap: https://e.com/s\nuser-agent: b\ndisallow: /", agent, "/x", false},
		{"crawl-delay does not end the agents", "user-agent: clew\ncrawl-delay: 1\nuser-agent: b\ndisallow: /", agent, "/x", false},
		{"unknown key does not end the agents", "user-agent: clew\nfoo: 1\nuser-agent: b\ndisallow: /", agent, "/x", false},
		{"rule before any group", "disallow: /\nuser-agent: *\nallow: /a", agent, "/x", true},
		{"byte order mark", "\xef\xbb\xbfuser-agent: *\ndisallow: /", agent, "/x", false},
		{"carriage returns only", "user-agent: *\rdisallow: /", agent, "/x", false},
		{"dos line ends", "user-agent: *\r\ndisallow: /a\r\ndisallow: /b\r\n", agent, "/b", false},
		{"spaces and comments", "  user-agent :  *  # all\n\tdisallow\t: /a # no", agent, "/a", false},
		{"line without colon", "user-agent: *\ndisallow /\n", agent, "/x", true},
		{"longest match: allow", "user-agent: *\ndisallow: /a\nallow: /a/b", agent, "/a/b/c", true},
		{"longest match: disallow", "user-agent: *\nallow: /a\ndisallow: /a/b", agent, "/a/b/c", false},
		{"tie: allow last", "user-agent: *\ndisallow: /a\nallow: /a", agent, "/a", true},
		{"tie: allow first", "user-agent: *\nallow: /a\ndisallow: /a", agent, "/a", true},
		{"prefix of a word", "user-agent: *\ndisallow: /fish", agent, "/fishheads/x", false},
		{"case of the path counts", "user-agent: *\ndisallow: /Fish", agent, "/fish", true},
		{"folder is not its name", "user-agent: *\ndisallow: /fish/", agent, "/fish", true},
		{"pattern without slash", "user-agent: *\ndisallow: fish", agent, "/fish", true},
		{"star inside", "user-agent: *\ndisallow: /a*/c", agent, "/ax/b/c", false},
		{"star matches nothing", "user-agent: *\ndisallow: /a*b", agent, "/ab", false},
		{"star first", "user-agent: *\ndisallow: *.php", agent, "/x/index.php?id=1", false},
		{"two stars keep their order", "user-agent: *\ndisallow: /*b*a", agent, "/ab", true},
		{"dollar", "user-agent: *\ndisallow: /*.php$", agent, "/x.php", false},
		{"dollar and a query", "user-agent: *\ndisallow: /*.php$", agent, "/x.php?a", true},
		{"dollar takes the last place", "user-agent: *\ndisallow: /*.php$", agent, "/x.php/y.php", false},
		{"dollar needs room of its own", "user-agent: *\ndisallow: /aba*ba$", agent, "/aba", true},
		{"dollar without star", "user-agent: *\ndisallow: /a$", agent, "/ab", true},
		{"dollar alone on the root", "user-agent: *\nallow: /$\ndisallow: /", agent, "https://e.com", true},
		{"dollar inside is ordinary", "user-agent: *\ndisallow: /a$b", agent, "/a$bc", false},
		{"escaped star in the pattern", "user-agent: *\ndisallow: /a%2Ab", agent, "/a*b", false},
		{"escaped star is no wildcard", "user-agent: *\ndisallow: /a%2Ab", agent, "/axb", true},
		{"escaped dollar is no end", "user-agent: *\ndisallow: /a%24", agent, "/a$x", false},
		{"query is matched", "user-agent: *\ndisallow: /s?q=", agent, "https://e.com/s?q=1", false},
		{"query without path", "user-agent: *\ndisallow: /?q", agent, "https://e.com?q=1", false},
		{"fragment is not", "user-agent: *\ndisallow: /*secret", agent, "/a#secret", true},
		{"UTF-8 in the pattern", "user-agent: *\ndisallow: /foo/bar/ツ", agent, "/foo/bar/%E3%83%84", false},
		{"UTF-8 in the URL", "user-agent: *\ndisallow: /foo/bar/%e3%83%84", agent, "/foo/bar/ツ", false},
		{"escaped letters in the pattern", "user-agent: *\ndisallow: /foo/bar/%62%61%7A", agent, "/foo/bar/baz", false},
		{"escaped letters in the URL", "user-agent: *\ndisallow: /baz", agent, "/%62%61%7a", false},
		{"escaped slash is no slash", "user-agent: *\ndisallow: /a/b", agent, "/a%2Fb", true},
		{"reserved characters in the query", "user-agent: *\ndisallow: /a?u=https://e.com", agent, "/a?u=https%3A%2F%2Fe.com", false},
		{"broken escape", "user-agent: *\ndisallow: /100%", agent, "/100%", false},
		{"robots.txt itself", "user-agent: *\ndisallow: /", agent, "https://e.com/robots.txt", true},
		{"robots.txt elsewhere", "user-agent: *\ndisallow: /", agent, "https://e.com/a/robots.txt", false},
		{"root by authority alone", "user-agent: *\ndisallow: /", agent, "https://e.com", false},
		{"authority is not matched", "user-agent: *\ndisallow: /*e.com", agent, "https://e.com/x", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ParseRobots([]byte(tt.robots)).Group(tt.agent).Allowed(tt.url)
			if got != tt.want {
				t.Errorf("Allowed(%q) = %t, want %t by\n%s", tt.url, got, tt.want, tt.robots)
			}
		})
	}
}

func TestRobotsDelay(t *testing.T) {
	tests := []struct {
		lines string
		want  time.Duration
	}{
		{"", 0},
		{"Crawl-delay: 2", 2 * time.Second},
		{"crawl-DELAY: 0.5", 500 * time.Millisecond},
		{"Crawl-delay: 10 # please", 10 * time.Second},
		{"Crawl-delay: -1", 0},
		{"Crawl-delay: NaN", 0},
		{"Crawl-delay: Inf", 0},
		{"Crawl-delay: soon", 0},
		{"Crawl-delay: 1e300", MaxCrawlDelay},
		{"Crawl-delay: 86400", MaxCrawlDelay},
		{"Request-rate: 1/5", 5 * time.Second},
		{"Request-rate: 1/5s", 5 * time.Second},
		{"Request-rate: 30/1m", 2 * time.Second},
		{"Request-rate: 2/1H", 30 * time.Minute},
		{"Request-rate: 1/s", time.Second},
		{"Request-rate: 1/5m 0900-1700", 5 * time.Minute},
		{"Request-rate: 0/5", 0},
		{"Request-rate: -1/5", 0},
		{"Request-rate: NaN/5", 0},
		{"Request-rate: 1/x", 0},
		{"Request-rate: 5", 0},
		{"Request-rate:", 0},
		{"Crawl-delay: 2\nRequest-rate: 1/5", 5 * time.Second},
		{"Crawl-delay: 7\nRequest-rate: 1/5", 7 * time.Second},
		{"Crawl-delay: 7\nDisallow: /\nUser-agent: *\nCrawl-delay: 9", 9 * time.Second},
	}
	for _, tt := range tests {
		got := ParseRobots([]byte("User-agent: *\n" + tt.lines)).Group("clew").Delay()
		if got != tt.want {
			t.Errorf("delay of %q = %v, want %v", tt.lines, got, tt.want)
		}
	}
}

func TestSitemaps(t *testing.T) {
	r := ParseRobots([]byte("Sitemap: https://e.com/a.xml\nUser-agent: *\nDisallow: /\nsitemap:https://e.com/b.xml\nSitemap:\n"))
	want := []string{"https://e.com/a.xml", "https://e.com/b.xml"}
	if got := r.Sitemaps(); !slices.Equal(got, want) {
		t.Errorf("Sitemaps() = %q, want %q", got, want)
	}
}

func TestNilRobotsAllowEverything(t *testing.T) {
	var r *Robots
	if rules := r.Group("clew"); !rules.Allowed("/x") || rules.Delay() != 0 || r.Sitemaps() != nil {
		t.Error("a nil *Robots says something")
	}
}

func TestParseRobotsReadsWholeLinesUpToItsLimit(t *testing.T) {
	const tail = "disallow: /tail"
	head := "user-agent: *\ndisallow: /head\n#"
	body := head + strings.Repeat("x", MaxRobotsBytes-len(head)-len(tail)+4) + "\n" + tail
	rules := ParseRobots([]byte(body)).Group("clew")
	if rules.Allowed("/head") {
		t.Error("a rule before the limit was lost")
	}
	if !rules.Allowed("/t") || !rules.Allowed("/tail") {
		t.Error("a rule cut by the limit was used")
	}
}

func TestMatchingIsLinear(t *testing.T) {
	pattern := strings.Repeat("*a", 2000) + "$"
	rules := ParseRobots([]byte("user-agent: *\ndisallow: " + pattern)).Group("clew")
	start := time.Now()
	if !rules.Allowed("/" + strings.Repeat("a", 60000) + "b") {
		t.Error("the pattern must not match")
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("matching took %v", took)
	}
}

func FuzzRobots(f *testing.F) {
	f.Add("User-agent: *\nDisallow: /a*b$\nAllow: /a", "Clew/1.0", "https://e.com/axb")
	f.Add("user-agent: clew\rcrawl-delay: 1e9\nrequest-rate: 1/0", "clew", "/%2")
	f.Add("\xef\xbb\xbfUser-agent: a\nDisallow: /%zz%2a%24$", "a", "a?b#c")
	f.Fuzz(func(t *testing.T, body, agent, url string) {
		if len(body) > MaxRobotsBytes-4 {
			return // the rest would be cut off
		}
		robots := ParseRobots([]byte(body))
		rules := robots.Group(agent)
		if d := rules.Delay(); d < 0 || d > MaxCrawlDelay {
			t.Errorf("delay %v is out of bounds", d)
		}
		if rules.Allowed(url) != ParseRobots([]byte("\xef\xbb\xbf\n"+strings.TrimPrefix(body, "\xef\xbb\xbf"))).Group(agent).Allowed(url) {
			t.Error("a byte order mark and an empty line change the answer")
		}
		if !rules.Allowed("/robots.txt") {
			t.Error("robots.txt is forbidden")
		}
		spelt := normalise(pathAndQuery(url), false)
		if again := normalise(spelt, false); again != spelt {
			t.Errorf("normalise is not idempotent: %q, then %q", spelt, again)
		}
	})
}

// FuzzMatch compares the matcher with the obvious one.
func FuzzMatch(f *testing.F) {
	f.Add("/a*b$", "/aXb")
	f.Add("*a*ab$", "/aab")
	f.Add("/", "/")
	f.Fuzz(func(t *testing.T, pattern, target string) {
		if len(pattern) > 12 || len(target) > 40 || strings.Count(pattern, "*") > 4 {
			return // the obvious matcher takes for ever
		}
		pattern, target = normalise(pattern, true), normalise(target, false)
		if got, want := newRule(true, pattern).matches(target), naive(pattern, target); got != want {
			t.Errorf("%q matches %q: %t, want %t", pattern, target, got, want)
		}
	})
}

func naive(pattern, target string) bool {
	switch {
	case pattern == "":
		return true
	case pattern == "$":
		return target == ""
	case pattern[0] == '*':
		return naive(pattern[1:], target) || target != "" && naive(pattern, target[1:])
	}
	return target != "" && pattern[0] == target[0] && naive(pattern[1:], target[1:])
}
