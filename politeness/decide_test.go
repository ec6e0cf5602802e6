package politeness

import (
	"errors"
	"math"
	"net/http"
	"testing"
	"time"
)

func noon() time.Time { return time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC) }

func TestJudgeRobots(t *testing.T) {
	now := noon()
	body := []byte("user-agent: *\ndisallow: /a")
	tests := []struct {
		name   string
		status int
		header http.Header
		err    error
		state  RobotsState
		age    time.Duration
	}{
		{"found", 200, nil, nil, RobotsKnown, 24 * time.Hour},
		{"partial", 206, nil, nil, RobotsKnown, 24 * time.Hour},
		{"max-age", 200, http.Header{"Cache-Control": {"public, Max-Age=7200"}}, nil, RobotsKnown, 2 * time.Hour},
		{"short max-age", 200, http.Header{"Cache-Control": {"max-age=1"}}, nil, RobotsKnown, time.Hour},
		{"long max-age", 200, http.Header{"Cache-Control": {"max-age=31536000"}}, nil, RobotsKnown, 24 * time.Hour},
		{"bad max-age", 200, http.Header{"Cache-Control": {"max-age=-5"}}, nil, RobotsKnown, 24 * time.Hour},
		{"no-cache", 200, http.Header{"Cache-Control": {"no-cache"}}, nil, RobotsKnown, time.Hour},
		{"too many redirects", 302, nil, nil, RobotsAllowAll, 24 * time.Hour},
		{"unauthorised", 401, nil, nil, RobotsAllowAll, 24 * time.Hour},
		{"forbidden", 403, nil, nil, RobotsAllowAll, 24 * time.Hour},
		{"not found", 404, http.Header{"Cache-Control": {"max-age=7200"}}, nil, RobotsAllowAll, 2 * time.Hour},
		{"too many requests", 429, http.Header{"Retry-After": {"30"}}, nil, RobotsUnreachable, 30 * time.Second},
		{"busy", 503, nil, nil, RobotsUnreachable, 0},
		{"busy for days", 503, http.Header{"Retry-After": {"999999"}}, nil, RobotsUnreachable, MaxRetryAfter},
		{"strange status", 601, nil, nil, RobotsUnreachable, 0},
		{"no answer", 0, nil, errors.New("refused"), RobotsUnreachable, 0},
		{"broken body", 200, nil, errors.New("unexpected EOF"), RobotsUnreachable, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := JudgeRobots(tt.status, body, tt.header, tt.err, now)
			if v.State != tt.state {
				t.Errorf("state = %v, want %v", v.State, tt.state)
			}
			if want := now.Add(tt.age); !v.Expires.Equal(want) {
				t.Errorf("expires %v, want %v", v.Expires, want)
			}
			if known := v.State == RobotsKnown; known != (v.Robots != nil) || known == v.Robots.Group("x").Allowed("/a") {
				t.Error("rules do not go with the state")
			}
		})
	}
}

func TestRobotsStateString(t *testing.T) {
	for state, want := range map[RobotsState]string{
		RobotsUnreachable: "unreachable", RobotsKnown: "known", RobotsAllowAll: "allow all", 9: "RobotsState(9)",
	} {
		if got := state.String(); got != want {
			t.Errorf("RobotsState(%d) = %q, want %q", uint8(state), got, want)
		}
	}
}

func TestRetryNext(t *testing.T) {
	transient := Cause{Transient: true}
	tests := []struct {
		name    string
		retry   Retry
		attempt int
		cause   Cause
		again   bool
		least   time.Duration // and less than half as much again
	}{
		{"first", Retry{}, 1, transient, true, time.Second},
		{"second", Retry{}, 2, transient, true, 2 * time.Second},
		{"fifth", Retry{}, 5, transient, true, 16 * time.Second},
		{"given up", Retry{}, 6, transient, false, 0},
		{"own maximum", Retry{Max: 1}, 2, transient, false, 0},
		{"capped", Retry{Max: 100, Cap: 3 * time.Second}, 90, transient, true, 3 * time.Second},
		{"no overflow", Retry{Max: math.MaxInt, Cap: 1 << 60}, math.MaxInt, transient, true, 1 << 60},
		{"base beyond cap", Retry{Base: time.Hour, Cap: time.Minute}, 1, transient, true, time.Minute},
		{"off", Retry{Off: true}, 1, transient, false, 0},
		{"attempt 0 is like 1", Retry{}, 0, transient, true, time.Second},
		{"busy", Retry{}, 1, Cause{Status: 503}, true, time.Second},
		{"not found", Retry{}, 1, Cause{Status: 404}, false, 0},
		{"fine but blocked", Retry{}, 1, Cause{Status: 200, Transient: true}, true, time.Second},
		{"own status", Retry{Statuses: []int{404}}, 1, Cause{Status: 404}, true, time.Second},
		{"own statuses replace", Retry{Statuses: []int{404}}, 1, Cause{Status: 503}, false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for seed := range uint64(100) {
				tt.cause.Seed = seed
				delay, again := tt.retry.Next(tt.attempt, tt.cause)
				if again != tt.again || delay < tt.least || delay > tt.least+tt.least/2 {
					t.Fatalf("seed %d: Next = %v, %t, want from %v, %t", seed, delay, again, tt.least, tt.again)
				}
			}
		})
	}
}

func TestRetryDefaultStatuses(t *testing.T) {
	worth := map[int]bool{408: true, 425: true, 429: true, 500: true, 502: true, 503: true, 504: true, 522: true, 524: true}
	for status := range 600 {
		if _, again := (Retry{}).Next(1, Cause{Status: status}); again != worth[status] {
			t.Errorf("status %d: again = %t", status, again)
		}
	}
}

func TestRetryHonoursRetryAfter(t *testing.T) {
	tests := []struct{ after, least, most time.Duration }{
		{0, time.Second, 1500 * time.Millisecond},
		{time.Millisecond, time.Second, 1500 * time.Millisecond},
		{time.Minute, time.Minute, time.Minute},
		{math.MaxInt64, MaxRetryAfter, MaxRetryAfter},
		{-time.Minute, time.Second, 1500 * time.Millisecond},
	}
	for _, tt := range tests {
		delay, _ := (Retry{}).Next(1, Cause{Status: 429, RetryAfter: tt.after})
		if delay < tt.least || delay > tt.most {
			t.Errorf("Retry-After %v: delay %v, want %v to %v", tt.after, delay, tt.least, tt.most)
		}
	}
}

func TestRetryJitterIsDeterministicAndSpread(t *testing.T) {
	seen := map[time.Duration]bool{}
	for seed := range uint64(1000) {
		cause := Cause{Transient: true, Seed: seed}
		first, _ := (Retry{}).Next(1, cause)
		second, _ := (Retry{}).Next(1, cause)
		if first != second {
			t.Fatalf("seed %d: %v, then %v", seed, first, second)
		}
		seen[first.Truncate(10*time.Millisecond)] = true
	}
	if len(seen) < 45 { // of 50 steps of 10 ms in half a second
		t.Errorf("1000 seeds give only %d delays", len(seen))
	}
}

func TestParseRetryAfter(t *testing.T) {
	now := noon()
	tests := []struct {
		value string
		want  time.Duration
		ok    bool
	}{
		{"120", 2 * time.Minute, true},
		{" 5 ", 5 * time.Second, true},
		{"0", 0, true},
		{"-7", 0, true},
		{"-99999999999999999999", 0, true},
		{"99999999999999999999", math.MaxInt64, true},
		{"9223372037", math.MaxInt64, true},
		{now.Add(90 * time.Second).Format(http.TimeFormat), 90 * time.Second, true},
		{now.Add(-time.Hour).Format(http.TimeFormat), 0, true},
		{"Monday, 04-May-26 12:00:10 GMT", 10 * time.Second, true},
		{"Mon May  4 12:00:10 2026", 10 * time.Second, true},
		{"Fri, 31 Dec 9999 23:59:59 GMT", math.MaxInt64, true},
		{"", 0, false},
		{"-", 0, false},
		{"1.5", 0, false},
		{"+5", 0, false},
		{"soon", 0, false},
		{"2026-05-04T12:00:00Z", 0, false},
	}
	for _, tt := range tests {
		got, ok := ParseRetryAfter(tt.value, now)
		if got != tt.want || ok != tt.ok {
			t.Errorf("ParseRetryAfter(%q) = %v, %t, want %v, %t", tt.value, got, ok, tt.want, tt.ok)
		}
	}
}

func FuzzParseRetryAfter(f *testing.F) {
	f.Add("120")
	f.Add("Mon, 04 May 2026 12:00:10 GMT")
	f.Add("-9223372036854775809")
	f.Fuzz(func(t *testing.T, value string) {
		if d, ok := ParseRetryAfter(value, noon()); d < 0 || !ok && d != 0 {
			t.Errorf("ParseRetryAfter(%q) = %v, %t", value, d, ok)
		}
	})
}

func TestPaceWait(t *testing.T) {
	const s = time.Second
	tests := []struct {
		name   string
		pace   Pace
		random float64
		want   time.Duration
	}{
		{"zero", Pace{}, 0, 0},
		{"spider", Pace{Delay: 3 * s, Robots: s, Throttle: s, RetryAfter: s, BackOff: s}, 0, 3 * s},
		{"robots", Pace{Delay: s, Robots: 3 * s}, 0, 3 * s},
		{"throttle", Pace{Delay: s, Throttle: 3 * s}, 0, 3 * s},
		{"retry-after", Pace{Delay: s, RetryAfter: 3 * s}, 0, 3 * s},
		{"retry-after capped", Pace{RetryAfter: math.MaxInt64}, 0, MaxRetryAfter},
		{"back-off", Pace{Delay: s, BackOff: 3 * s}, 0, 3 * s},
		{"negative", Pace{Delay: -s}, 0, 0},
		{"random without jitter", Pace{Delay: 2 * s}, 0.9, 2 * s},
		{"jitter down", Pace{Delay: 2 * s, Jitter: true}, 0, s},
		{"jitter none", Pace{Delay: 2 * s, Jitter: true}, 0.5, 2 * s},
		{"jitter up", Pace{Delay: 2 * s, Jitter: true}, 0.75, 2500 * time.Millisecond},
		{"jitter leaves robots alone", Pace{Delay: 2 * s, Robots: 2 * s, Jitter: true}, 0, 2 * s},
	}
	for _, tt := range tests {
		if got := tt.pace.Wait(tt.random); got != tt.want {
			t.Errorf("%s: Wait = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestParkingUntil(t *testing.T) {
	tests := []struct {
		parking  Parking
		failures int
		want     time.Duration
	}{
		{Parking{}, -1, 0},
		{Parking{}, 0, 0},
		{Parking{}, 1, time.Second},
		{Parking{}, 4, 8 * time.Second},
		{Parking{}, 9, 256 * time.Second},
		{Parking{}, 10, 5 * time.Minute},
		{Parking{}, math.MaxInt, 5 * time.Minute},
		{Parking{First: time.Minute, Max: time.Hour}, 3, 4 * time.Minute},
		{Parking{First: time.Hour}, 1, 5 * time.Minute},
	}
	for _, tt := range tests {
		if got := tt.parking.Until(tt.failures, noon()).Sub(noon()); got != tt.want {
			t.Errorf("%+v: %d failures park for %v, want %v", tt.parking, tt.failures, got, tt.want)
		}
	}
}
