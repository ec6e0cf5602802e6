package politeness

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The least and the most time for which an answer about robots.txt holds,
// whatever its Cache-Control says. The upper bound is that of RFC 9309 section
// 2.4; the lower one keeps "no-cache" from doubling every fetch.
const (
	MinRobotsAge = time.Hour
	MaxRobotsAge = 24 * time.Hour
)

// RobotsState says what is known about a host's robots.txt.
type RobotsState uint8

// The states of a robots.txt (RFC 9309 section 2.3.1).
const (
	// RobotsUnreachable: the host could not answer; it must be left alone
	// until it can.
	RobotsUnreachable RobotsState = iota
	// RobotsKnown: there are rules to obey.
	RobotsKnown
	// RobotsAllowAll: there is no robots.txt, so everything is allowed.
	RobotsAllowAll
)

// String gives "unreachable", "known" or "allow all".
func (s RobotsState) String() string {
	switch s {
	case RobotsKnown:
		return "known"
	case RobotsAllowAll:
		return "allow all"
	case RobotsUnreachable:
		return "unreachable"
	default:
		return "RobotsState(" + strconv.Itoa(int(s)) + ")"
	}
}

// RobotsVerdict is what a fetch of robots.txt means. The zero value says that
// the host is unreachable.
type RobotsVerdict struct {
	State RobotsState

	// Robots holds the rules in state RobotsKnown and is nil otherwise.
	Robots *Robots

	// Expires is when to ask again. For an unreachable host it is the instant
	// that its Retry-After names, or now when it names none: then it is
	// Parking that says how long to wait.
	Expires time.Time
}

// JudgeRobots says what the outcome of fetching robots.txt means (RFC 9309
// section 2.3.1). Status, body and header are those of the response after
// redirects, err the error when there was none.
//
//   - 2xx: the body is parsed.
//   - 3xx (more redirects than the fetcher follows) and 4xx: everything is
//     allowed.
//   - 429, 5xx, an error and anything else: the host is unreachable.
//
// A verdict with rules or without any holds for the max-age of its
// Cache-Control, at least MinRobotsAge, at most and by default MaxRobotsAge.
func JudgeRobots(status int, body []byte, header http.Header, err error, now time.Time) RobotsVerdict {
	switch {
	case err == nil && status >= 200 && status <= 299:
		return RobotsVerdict{RobotsKnown, ParseRobots(body), now.Add(robotsAge(header))}
	case err == nil && status >= 300 && status <= 499 && status != http.StatusTooManyRequests:
		return RobotsVerdict{RobotsAllowAll, nil, now.Add(robotsAge(header))}
	}
	wait, _ := ParseRetryAfter(header.Get("Retry-After"), now)
	return RobotsVerdict{RobotsUnreachable, nil, now.Add(min(wait, MaxRetryAfter))}
}

// robotsAge reads how long a response holds from its Cache-Control (RFC 9111
// section 5.2.2).
func robotsAge(header http.Header) time.Duration {
	age := MaxRobotsAge
	for _, line := range header.Values("Cache-Control") {
		for directive := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
			switch strings.ToLower(name) {
			case "no-cache", "no-store":
				return MinRobotsAge
			case "max-age":
				seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 32)
				if err == nil {
					age = time.Duration(seconds) * time.Second
				}
			}
		}
	}
	return min(max(age, MinRobotsAge), MaxRobotsAge)
}
