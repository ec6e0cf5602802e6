// Package clewtest helps to test spiders without a network and without a crawl.
//
// [Handle] runs a spider's handler on a saved page and gives back what the handler
// put out, read from the form in which a crawl would store it. [Golden] keeps the
// result in a file beside the page.
//
// A [Site] is a fake web of any number of hosts, with scripted faults and a log of
// what was asked. It takes the place of the network in a spider's HTTP options, or
// for a whole crawl in memory by [Crawl]. It works in a bubble of testing/synctest,
// where delays and retries cost no time.
package clewtest
