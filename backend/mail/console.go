package mail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Console is the Sender of development: it writes each message out for a person to read. It must not be used where
// anyone but the developer reads the output, since the output holds addresses and codes.
type Console struct {
	keep func(context.Context, Message) error

	mu  sync.Mutex // one message is one uninterrupted block
	out io.Writer
}

// NewConsole returns a Console that writes to out and then hands the message to keep, which fills the development
// inbox; keep may be nil. The caller keeps out open for as long as the Console is used.
func NewConsole(out io.Writer, keep func(context.Context, Message) error) *Console {
	return &Console{out: out, keep: keep}
}

// Send writes the message's addresses, subject and text as one block, then keeps it. It refuses what Mailgun would
// refuse. An error of keep is returned as it is.
func (c *Console) Send(ctx context.Context, m Message) error {
	if err := m.check(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("mail: console: %w", err)
	}
	if err := c.write(block(m)); err != nil {
		return err
	}
	if c.keep == nil {
		return nil
	}
	return c.keep(ctx, m)
}

func (c *Console) write(block string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := io.WriteString(c.out, block); err != nil {
		return errors.New("mail: console: cannot write")
	}
	return nil
}

func block(m Message) string {
	rule := strings.Repeat("-", 72)
	return fmt.Sprintf("%s\nTo: %s\nFrom: %s\nSubject: %s\n\n%s\n%s\n", rule, m.To, m.From, m.Subject, m.Text, rule)
}
