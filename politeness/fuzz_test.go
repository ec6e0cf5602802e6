package politeness

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// FuzzRetryAfterRoundTrip holds that what a server means is what is read, in seconds
// and as a date in each of the three forms.
func FuzzRetryAfterRoundTrip(f *testing.F) {
	f.Fuzz(func(t *testing.T, seconds int32) {
		want := max(time.Duration(seconds)*time.Second, 0)
		if d, ok := ParseRetryAfter(strconv.Itoa(int(seconds)), noon()); !ok || d != want {
			t.Errorf("%d seconds are read as %v, %t", seconds, d, ok)
		}
		at := noon().Add(time.Duration(seconds) * time.Second).UTC()
		for _, layout := range []string{http.TimeFormat, time.RFC850, time.ANSIC} {
			if layout == time.RFC850 && (at.Year() < 1970 || at.Year() > 2068) {
				continue // two digits of a year mean another century there
			}
			value := at.Format(layout)
			if d, ok := ParseRetryAfter(value, noon()); !ok || d != want {
				t.Errorf("%q is read as %v, %t, want %v", value, d, ok, want)
			}
		}
	})
}

// FuzzRetry holds that the wait before a retry is within its bounds, whatever a server says.
func FuzzRetry(f *testing.F) {
	f.Fuzz(func(t *testing.T, status, attempt int, retryAfter string, seed uint64, date int64) {
		wait, _ := ParseRetryAfter(retryAfter, time.Unix(date, 0))
		delay, again := Retry{}.Next(attempt, Cause{Status: status, RetryAfter: wait, Seed: seed})
		if most := max(MaxRetryAfter, DefaultRetryCap*3/2); delay < 0 || delay > most || !again && delay != 0 {
			t.Errorf("attempt %d with status %d waits %v, %t", attempt, status, delay, again)
		}
		if again && (delay < DefaultRetryBase || delay < min(wait, MaxRetryAfter) || attempt > DefaultRetries) {
			t.Errorf("attempt %d with status %d waits %v, the server asked for %v", attempt, status, delay, wait)
		}
	})
}

// FuzzJudgeRobots holds that whatever is answered, it is known for when.
func FuzzJudgeRobots(f *testing.F) {
	f.Fuzz(func(t *testing.T, status int, body []byte, cacheControl, retryAfter string) {
		h := http.Header{"Cache-Control": {cacheControl}, "Retry-After": {retryAfter}}
		v := JudgeRobots(status, body, h, nil, noon())
		if age := v.Expires.Sub(noon()); age < 0 || age > MaxRobotsAge {
			t.Errorf("status %d, %q, %q: good for %v", status, cacheControl, retryAfter, age)
		}
		if (v.State == RobotsKnown) != (v.Robots != nil) {
			t.Errorf("status %d: %v with %v", status, v.State, v.Robots)
		}
		if v.State == RobotsKnown && (status < 200 || status > 299) || v.State == RobotsAllowAll && (status < 300 || status > 499) {
			t.Errorf("status %d: %v", status, v.State)
		}
	})
}

// FuzzRobotsTime holds that reading a robots.txt of the full length, and asking it,
// takes little time, whatever is repeated in it.
func FuzzRobotsTime(f *testing.F) {
	f.Fuzz(func(t *testing.T, front, unit, target string) {
		if len(front)+len(target) > 1000 || unit == "" || len(unit) > 200 {
			return // most of it is to be one unit, repeated
		}
		body := front + strings.Repeat(unit, (MaxRobotsBytes-len(front))/len(unit))
		start := time.Now()
		rules := ParseRobots([]byte(body)).Group("clew")
		rules.Allowed("/" + strings.Repeat(target, 2000/max(1, len(target))))
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%q, %q many times, took %v", front, unit, took)
		}
	})
}
