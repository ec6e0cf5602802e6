// Command clew crawls web sites, and resumes exactly where it was after any stop.
package main

import (
	"os"

	"github.com/clew-crawler/clew/cli"
)

func main() { os.Exit(cli.Main()) }
