// Package frontier holds what must survive a crawl's death: which requests are
// pending, delayed, failed or done, which fingerprints are known, and when each
// host may be asked again.
//
// It knows nothing of HTTP. A request is a [Task] here: a host, a place in that
// host's queue, a fingerprint, and a payload that only the crawler reads.
//
// # States
//
//	pending → leased → done | failed | dropped
//	          leased → delayed → pending      a retry, when its time has come
//	          leased → pending                interrupted; no attempt is lost
//	failed  → pending                         requeued
//
// A task is in exactly one of them. A lease lives in memory only: a task stays
// pending in the store until the outcome that ends it is committed, so a process
// that dies gives its leases back by dying.
//
// # Order and durability
//
// [Frontier.Admit] is the only way to say what became of a task. It takes
// outcomes one at a time, removes duplicates, gives new tasks their sequence
// numbers and applies changes of state; what it admits may be leased at once.
// One committer makes admitted outcomes durable, whole groups at a time and in
// the order of admission, so a child is never durable without its parent.
//
// # Choosing
//
// Politeness is an order. Hosts wait in a heap by the time at which they may be
// asked again; of the hosts whose time has come, the one whose first task has the
// best priority and the lowest sequence number is served. Whoever holds a lease
// may fetch now. Only the first few tasks of each host's queue are in memory, so
// the size of a crawl costs disk, not memory, and resuming costs the hosts in
// play, not the pending tasks.
package frontier
