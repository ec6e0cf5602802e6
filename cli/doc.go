// Package cli is the command line of Clew: the command clew itself, and, with
// spiders given to [Main], the command line of a program of the user's.
//
// Results go to standard output; progress, log and errors go to standard error. A
// crawl without a directory writes its items to standard output, and its result to
// standard error.
// An error is one line, and a second one that begins with "Try:" where there is
// something to try. The exit codes are
//
//	0  finished
//	1  failed
//	2  wrong usage
//	3  paused with work left
//	4  the crawl directory is damaged, and that was to be refused
package cli
