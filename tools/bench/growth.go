package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
)

// measureGrowth makes package growth compare 10^7 sessions with 10^4, on the same Postgres. It
// prints its own tables.
func measureGrowth(ctx context.Context, b *bench) error {
	if b.growth == "" {
		b.report.skip("growth to 10^7 sessions", "--without-growth was given")
		return nil
	}
	sizes := "1e4,1e7"
	if b.quick {
		b.report.skip("growth to 10^7 sessions",
			"a quick run has 10^5 sessions; its ratios are in the output of growth")
		sizes = "1e4,1e5"
	}
	file := b.path("growth.json")
	cmd := exec.CommandContext(ctx, b.growth, "-postgres", b.database, "-sana", b.sana, "-sizes",
		sizes, "-reads", "cached,uncached", "-expired", "0", "-touches", "0", "-json", file)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var measured struct {
		Ratios map[string]float64 `json:"ratios"`
	}
	if err := json.Unmarshal(content, &measured); err != nil {
		return err
	}
	for key, aim := range growthRatios {
		value, ok := measured.Ratios[key]
		switch {
		case ok:
			b.report.add(key, "ratios."+key, value, "", aim)
		case !b.quick:
			return fmt.Errorf("growth did not write %s", key)
		}
	}
	return nil
}
