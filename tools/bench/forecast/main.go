// Forecast estimates the load of more sessions than fit on one machine.
//
//	go run ./forecast cache                        share of sessions found in a cache
//	go run ./forecast revocations -postgres URL    cost of polling the revocation log
//
// The first simulates one of several instances, with the cache's own library and weights. The
// second measures cached stores of backend/session, one for each instance, on one server.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch {
	case len(os.Args) > 1 && os.Args[1] == "cache":
		err = simulateCache(os.Args[2:])
	case len(os.Args) > 1 && os.Args[1] == "revocations":
		err = measureRevocations(ctx, os.Args[2:])
	default:
		err = fmt.Errorf("first argument must be cache or revocations")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "forecast:", err)
		os.Exit(1)
	}
}
