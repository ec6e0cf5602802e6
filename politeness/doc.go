// Package politeness decides how a crawler behaves towards the sites it reads:
// what robots.txt permits, how long to wait between two fetches of one host,
// whether and when to try again, and how long to leave an unreachable host
// alone.
//
// It decides and never waits. Every function is a pure function of its
// arguments, the time and the randomness among them, so a decision can be
// stored, repeated after a restart and tested without a clock. All of it is
// safe for concurrent use.
package politeness
