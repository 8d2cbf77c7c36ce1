// Command guest is /init of a board whose power is going to be cut: it mounts the disk and
// sells, and tells the world outside what it does, until there is no power any more.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/cmd/tillbench/powercut/shop"
	"github.com/tilld/tilld/internal/board/bare"
)

func main() {
	if handled, code := queue.ProbeMain(os.Args[1:]); handled {
		os.Exit(code)
	}
	err := run(context.Background())
	// Seen on the console; the end of /init is a kernel panic, which ends the board.
	fmt.Println("guest:", err)
	time.Sleep(100 * time.Millisecond) // until the console has it
}

func run(ctx context.Context) error {
	words, err := bare.SetUp()
	if err != nil {
		return err
	}
	port, err := bare.OpenPort("hands")
	if err != nil {
		return err
	}
	wire := shop.NewWire(port)
	ended := make(chan error, 1)
	go func() { ended <- wire.Run() }()
	if words["sync"] == "off" {
		if err := bare.IgnoreSyncs(); err != nil {
			return err
		}
	}
	begin := time.Now()
	o := shop.QueueOptions(bare.Data)
	o.Log = slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelWarn}))
	q, found, err := queue.Open(ctx, o)
	if err != nil {
		return err
	}
	wire.Tell(shop.Message{Op: shop.Say, Text: fmt.Sprintf("the journal opened in %v: %s", time.Since(begin).Round(time.Millisecond), strings.Join(found.Notes, "; "))})
	counter, err := shop.NewCounter(&shop.Noted{Journal: q, To: wire}, found, wire, shop.Busy(), true)
	if err != nil {
		return err
	}
	run := 0
	fmt.Sscan(words["run"], &run)
	ctx, stop := context.WithCancelCause(ctx)
	go func() { stop(counter.Till.Run(ctx)) }()
	go func() { stop(<-ended) }()
	go func() { stop(<-q.Fatal()) }()
	if err := counter.Ready(ctx); err != nil {
		return err
	}
	wire.Tell(shop.Message{Op: shop.Say, Text: "selling"})
	shop.NewCashier(counter, wire, found.Token).Work(ctx, run)
	return context.Cause(ctx)
}
