package politeness

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaxRetryAfter is the longest wait a server can ask for; a longer Retry-After
// counts as this long. An hour is what busy sites ask for, while days are
// almost always a mistake or a ban, and neither should hold a crawl open.
const MaxRetryAfter = time.Hour

// The defaults of Retry.
const (
	DefaultRetries   = 5
	DefaultRetryBase = time.Second
	DefaultRetryCap  = 5 * time.Minute
)

// Retry says whether and when a failed request is tried again. The zero value
// is ready to use: five retries, after 1, 2, 4, 8 and 16 seconds, for network
// errors and for the statuses 408, 425, 429, 500, 502, 503, 504, 522 and 524.
type Retry struct {
	// Max is how often a request is tried again after its first attempt;
	// 0 is DefaultRetries.
	Max int

	// Base is the delay before the first retry; each further one doubles it.
	// 0 is DefaultRetryBase.
	Base time.Duration

	// Cap is the longest back-off, before jitter; 0 is DefaultRetryCap.
	Cap time.Duration

	// Off turns retries off.
	Off bool

	// Statuses are the HTTP statuses worth another try, in place of the
	// default ones when not empty.
	Statuses []int
}

// Cause is why an attempt failed.
type Cause struct {
	// Status is the HTTP status of the response, 0 if there was none.
	Status int

	// Transient says that another attempt may succeed whatever the status: a
	// network error, a page found to be a block, a handler that asks for it.
	Transient bool

	// RetryAfter is how long the server asked to wait, see ParseRetryAfter;
	// 0 if it did not.
	RetryAfter time.Duration

	// Seed decides the jitter. The same seed and attempt give the same delay,
	// so take it from something that differs between requests.
	Seed uint64
}

// Next decides what follows failed attempt number attempt (the first is 1):
// whether to try again, and after how long. The delay is Base doubled with each
// attempt up to Cap, lengthened by up to a half by the seed so that requests
// which failed together do not come back together, and never less than
// RetryAfter (at most MaxRetryAfter) or the back-off itself.
func (r Retry) Next(attempt int, cause Cause) (delay time.Duration, again bool) {
	if r.Off || attempt > orDefault(r.Max, DefaultRetries) || !r.worthwhile(cause) {
		return 0, false
	}
	backOff := doubled(orDefault(r.Base, DefaultRetryBase), attempt-1, orDefault(r.Cap, DefaultRetryCap))
	spread := time.Duration(float64(backOff) / 2 * unit(cause.Seed+uint64(max(attempt, 0))))
	return max(backOff+spread, min(cause.RetryAfter, MaxRetryAfter)), true
}

func (r Retry) worthwhile(cause Cause) bool {
	if cause.Transient {
		return true
	}
	if len(r.Statuses) > 0 {
		return slices.Contains(r.Statuses, cause.Status)
	}
	switch cause.Status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout,
		522, 524: // connection and response timeouts of a proxy in front of the site
		return true
	}
	return false
}

// orDefault gives fallback for what was left at its zero value, or below.
func orDefault[T int | time.Duration](value, fallback T) T {
	if value <= 0 {
		return fallback
	}
	return value
}

// doubled is base × 2^times, at most limit, without overflow.
func doubled(base time.Duration, times int, limit time.Duration) time.Duration {
	for ; times > 0 && base < limit; times-- {
		if base > limit/2 {
			return limit
		}
		base *= 2
	}
	return min(base, limit)
}

// unit spreads a seed evenly over [0, 1): the splitmix64 finaliser (Steele, Lea
// and Flood, 2014), whose top 53 bits fill a float64.
func unit(seed uint64) float64 {
	seed += 0x9e3779b97f4a7c15
	seed = (seed ^ seed>>30) * 0xbf58476d1ce4e5b9
	seed = (seed ^ seed>>27) * 0x94d049bb133111eb
	seed ^= seed >> 31
	return float64(seed>>11) / (1 << 53)
}

// ParseRetryAfter reads a Retry-After header, seconds or an HTTP date (RFC 9110
// section 10.2.3), as the time to wait from now. A negative number and a date
// in the past are 0; a number beyond what a Duration holds is the longest one.
// It reports false for an empty or unreadable value.
func ParseRetryAfter(value string, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0, false // most answers have none, and no time is dear to parse
	}
	digits, negative := strings.CutPrefix(value, "-")
	if digits != "" && strings.Trim(digits, "0123456789") == "" {
		seconds, err := strconv.ParseInt(digits, 10, 64)
		switch {
		case negative:
			return 0, true
		case err != nil || seconds > int64(math.MaxInt64/time.Second):
			return math.MaxInt64, true
		}
		return time.Duration(seconds) * time.Second, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return max(at.Sub(now), 0), true
}
