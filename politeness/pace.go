package politeness

import "time"

// Pace holds what bears on the time between two fetches of one host. Each field
// may be zero; the zero value asks for no delay.
type Pace struct {
	Delay      time.Duration // what the spider wants
	Robots     time.Duration // what robots.txt asks for, Rules.Delay
	Throttle   time.Duration // what the host's answering times suggest
	RetryAfter time.Duration // what the server asked for
	BackOff    time.Duration // what failures of the host suggest

	// Jitter spreads Delay evenly over half to one and a half times its
	// length, so that the fetches form no rhythm. It never shortens what the
	// other fields ask for.
	Jitter bool
}

// Wait gives the time to leave before the next fetch: the longest of the
// fields. random decides the jitter and lies in [0, 1).
func (p Pace) Wait(random float64) time.Duration {
	delay := p.Delay
	if p.Jitter {
		delay = time.Duration(float64(delay) * (0.5 + random))
	}
	return max(0, delay, p.Robots, p.Throttle, min(p.RetryAfter, MaxRetryAfter), p.BackOff)
}

// The defaults of Parking.
const (
	DefaultParkingFirst = time.Second
	DefaultParkingMax   = 5 * time.Minute
)

// Parking says how long a host that cannot be reached is left alone. The zero
// value is ready to use.
type Parking struct {
	// First is the wait after the first failure; each further failure in a row
	// doubles it. 0 is DefaultParkingFirst.
	First time.Duration

	// Max is the longest wait; 0 is DefaultParkingMax.
	Max time.Duration
}

// Until gives the instant before which a host must not be tried again after a
// number of failures in a row. After none it is now.
func (p Parking) Until(failures int, now time.Time) time.Time {
	if failures <= 0 {
		return now
	}
	return now.Add(doubled(orDefault(p.First, DefaultParkingFirst), failures-1, orDefault(p.Max, DefaultParkingMax)))
}
