// Package pebblestore keeps a crawl in a directory, with the embedded storage
// engine Pebble for the frontier and one append-only file for the items.
//
//	DIR/LOCK          held by the process that runs the crawl, and names it
//	DIR/crawl.json    what this directory is: format number, spider, fingerprint recipe
//	DIR/frontier/     pending, delayed and failed tasks, fingerprints, hosts, values, books
//	DIR/items.jsonl   the items, one JSON value a line, in the order of their commits
//	DIR/report.json   written at the end; its presence says that the crawl is finished
//
// # A commit
//
// [Store.Commit] appends the group's lines to items.jsonl and syncs the file;
// then one synced batch writes everything else together with the new length of
// the log and a checksum of the lines. Whatever stands behind that length at the
// next open belongs to no commit and is cut off. A log that is shorter than its
// committed length is damage.
//
// # When the disk fails
//
// A failed write or sync poisons the store: nothing commits again, nothing is
// retried, and every call returns the first error. Pebble would report some
// failed commits as successful if its fatal errors were survived, and would wait
// for space on a full disk for ever; so the poison is looked at after every
// commit before it counts, and a poisoned store is abandoned within a second
// rather than closed.
package pebblestore
