package clew

import (
	"strings"
	"testing"
	"time"

	"github.com/clew-crawler/clew/fetch"
)

// TestNothingAnswers starts a crawl while the network is down, or with a start URL
// whose host does not exist: nothing is burnt for that, and the same command goes on.
func TestNothingAnswers(t *testing.T) {
	for _, robots := range []bool{true, false} {
		conBubble(t, func(t *testing.T) {
			down := true
			web := newConWeb(func(conVisit) conReply {
				if down {
					return conReply{fail: fetch.KindConnect}
				}
				return conReply{}
			})
			s := conSpider(web)
			s.IgnoreRobots = !robots
			disk := conDisk()
			begin := time.Now()
			r := conRun(t, s, disk)
			conStatus(t, r, Paused, 0)
			if r.Stats.Failed != 0 || r.Stats.Pending+r.Stats.Delayed != 1 || !strings.HasPrefix(r.Reason, "no host could be reached") {
				t.Errorf("%d failed, %d pending, reason %q", r.Stats.Failed, r.Stats.Pending, r.Reason)
			}
			if took := time.Since(begin); took > 5*time.Minute {
				t.Errorf("it took %v to say so", took)
			}
			down = false
			conStatus(t, conRun(t, s, disk), Finished, 1)
		})
	}
}
