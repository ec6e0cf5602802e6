package cli_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/cli"
)

func ExampleMain() {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<q>Call me Ishmael.</q> <q>I would prefer not to.</q>`)
	}))
	defer site.Close()
	quotes := &clew.Spider{
		Name:      "quotes",
		StartURLs: []string{site.URL},
		Logger:    slog.New(slog.DiscardHandler),
		Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
			for quote := range page.CSS("q::text").All() {
				out.Item(map[string]string{"text": quote.Text()})
			}
			return nil
		},
	}

	os.Args = []string{"quotes", "run", "quotes"} // what a user types
	fmt.Println("exit code", cli.Main(quotes))
	// Output:
	// {"text":"Call me Ishmael."}
	// {"text":"I would prefer not to."}
	// exit code 0
}
