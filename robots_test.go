package clew

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestRobotsFillAGroup has robots.txt files that are so large, and come before any page,
// that they alone are more than a group holds.
func TestRobotsFillAGroup(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		rules := "User-agent: *\nDisallow: /private\n" + strings.Repeat("#"+strings.Repeat("x", 98)+"\n", 5000)
		s := conSpider(newConWeb(func(v conVisit) conReply {
			if strings.HasSuffix(v.URL, "/robots.txt") {
				return conReply{body: rules, takes: time.Second}
			}
			return conReply{takes: time.Second}
		}))
		s.IgnoreRobots, s.StartURLs = false, nil
		for i := range 24 {
			s.StartURLs = append(s.StartURLs, fmt.Sprintf("http://h%d.test/", i))
		}
		conStatus(t, conRun(t, s, conDisk(), MaxDuration(time.Hour)), Finished, 24)
	})
}
