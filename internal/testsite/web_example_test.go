package testsite_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/clew-crawler/clew/internal/testsite"
)

func ExampleNewWeb() {
	web := testsite.NewWeb(testsite.WebConfig{
		Seed: 1, Hosts: 1000, Faults: []testsite.Fault{{Kind: testsite.Busy, Rate: 1, Times: 1}},
	})
	transport := web.InProcess()
	for range 2 {
		request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, web.Front(999), nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		response, err := transport.RoundTrip(request)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(response.Status)
		_ = response.Body.Close()
	}
	fmt.Println(len(web.Log()), "visits;", len(web.Truth(testsite.Limits{Start: web.Fronts()}).Read), "pages to read")
	// Output:
	// 503 Service Unavailable
	// 200 OK
	// 2 visits; 20000 pages to read
}
