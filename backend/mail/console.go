package mail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Console is the Sender of development: it prints each message. It must
// not be used where anyone but the developer reads the output, since the output holds addresses and
// codes.
type Console struct {
	keep func(context.Context, Message) error

	mu  sync.Mutex // one message is one uninterrupted block
	out io.Writer
}

// NewConsole returns a Console that hands each message to keep, which fills the development inbox,
// and writes it to out; keep may be nil. The caller keeps out open for as long as the Console is
// used.
func NewConsole(out io.Writer, keep func(context.Context, Message) error) *Console {
	return &Console{out: out, keep: keep}
}

// Send keeps the message, then writes its addresses, subject and text as one block. It refuses what
// Mailgun would refuse. An error of keep is returned as it is, and then nothing is written: the
// message was not taken.
func (c *Console) Send(ctx context.Context, m Message) error {
	if err := m.Check(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("mail: console: %w", err)
	}
	if c.keep != nil {
		if err := c.keep(ctx, m); err != nil {
			return err
		}
	}
	return c.write(block(m))
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
	return fmt.Sprintf("%s\nTo: %s\nFrom: %s\nSubject: %s\n\n%s\n%s\n", rule, m.To, m.From,
		m.Subject, m.Text, rule)
}
