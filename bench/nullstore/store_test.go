package nullstore_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/clew-crawler/clew/bench/nullstore"
	"github.com/clew-crawler/clew/frontier"
)

// TestQueue runs a frontier through more tasks than it keeps in memory itself.
func TestQueue(t *testing.T) {
	const tasks = 1000
	ctx := context.Background()
	f, err := frontier.Open(ctx, new(nullstore.Store), frontier.Options{})
	if err != nil {
		t.Fatal(err)
	}
	committing := make(chan error, 1)
	go func() { committing <- f.Run(ctx) }()
	seeds := &frontier.Outcome{State: frontier.Done}
	for i := range tasks {
		seeds.Links = append(seeds.Links, frontier.Task{
			Key: frontier.Key{Host: "http://a"}, Fingerprint: frontier.Fingerprint{1, byte(i), byte(i >> 8)},
			Payload: fmt.Append(nil, i),
		})
	}
	if err := f.Admit(ctx, seeds); err != nil {
		t.Fatal(err)
	}
	if err := f.Flush(); err != nil {
		t.Fatal(err)
	}
	for i := range tasks {
		lease, _, ok := f.Next(ctx)
		if !ok || string(lease.Payload) != fmt.Sprint(i) {
			t.Fatalf("lease %d: %v, %v", i, lease, f.Err())
		}
		if err := f.Admit(ctx, &frontier.Outcome{Lease: lease, State: frontier.Done}); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(true); err != nil {
		t.Fatal(err)
	}
	if err := <-committing; err != nil {
		t.Fatal(err)
	}
}
