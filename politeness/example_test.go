package politeness_test

import (
	"fmt"
	"net/http"
	"time"

	"github.com/clew-crawler/clew/politeness"
)

func ExampleParseRobots() {
	robots := politeness.ParseRobots([]byte(`
User-agent: *
Crawl-delay: 2
Disallow: /private/
Allow: /private/open$

Sitemap: https://example.com/sitemap.xml
`))
	rules := robots.Group("Clew/1.0 (+https://clew.example/bot)")
	fmt.Println(rules.Allowed("https://example.com/news"))
	fmt.Println(rules.Allowed("https://example.com/private/diary"))
	fmt.Println(rules.Allowed("https://example.com/private/open"))
	fmt.Println(rules.Delay(), robots.Sitemaps())
	// Output:
	// true
	// false
	// true
	// 2s [https://example.com/sitemap.xml]
}

func ExampleJudgeRobots() {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	for _, status := range []int{200, 404, 503} {
		verdict := politeness.JudgeRobots(status, nil, http.Header{}, nil, now)
		fmt.Println(status, verdict.State, verdict.Expires.Sub(now))
	}
	// Output:
	// 200 known 24h0m0s
	// 404 allow all 24h0m0s
	// 503 unreachable 0s
}

func ExampleRetry() {
	var retry politeness.Retry
	for attempt := 1; ; attempt++ {
		delay, again := retry.Next(attempt, politeness.Cause{Status: 503, Seed: 42})
		if !again {
			fmt.Println("gave up after attempt", attempt)
			return
		}
		fmt.Println(attempt, delay.Round(100*time.Millisecond))
	}
	// Output:
	// 1 1.4s
	// 2 3s
	// 3 5.9s
	// 4 10.9s
	// 5 19.9s
	// gave up after attempt 6
}

func ExampleParseRetryAfter() {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	fmt.Println(politeness.ParseRetryAfter("120", now))
	fmt.Println(politeness.ParseRetryAfter("Mon, 04 May 2026 12:05:00 GMT", now))
	fmt.Println(politeness.ParseRetryAfter("later", now))
	// Output:
	// 2m0s true
	// 5m0s true
	// 0s false
}

func ExamplePace() {
	pace := politeness.Pace{Delay: time.Second, Robots: 5 * time.Second, Jitter: true}
	fmt.Println(pace.Wait(0.25))
	// Output: 5s
}

func ExampleParking() {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	var parking politeness.Parking
	for _, failures := range []int{0, 1, 2, 20} {
		fmt.Println(failures, parking.Until(failures, now).Sub(now))
	}
	// Output:
	// 0 0s
	// 1 1s
	// 2 2s
	// 20 5m0s
}
