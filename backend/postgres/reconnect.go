package postgres

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// readOnly is the SQLSTATE of a write on a server that takes none: a primary that was demoted.
const readOnly = "25006"

// openPool opens a pool that lets go of a server which is not the primary any more, and of
// connections that have ended, before a statement meets them.
func openPool(ctx context.Context, cfg *pgxpool.Config) (*pgxpool.Pool, error) {
	var opened atomic.Pointer[pgxpool.Pool]
	cfg.ShouldPing = mustPing
	cfg.ConnConfig.OnPgError = func(_ *pgconn.PgConn, err *pgconn.PgError) (keep bool) {
		if err.Code != readOnly {
			return !strings.EqualFold(err.Severity, "FATAL")
		}
		if pool := opened.Load(); pool != nil {
			// with target_session_attrs=read-write, the next connections are to the new primary
			pool.Reset()
		}
		return false
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	opened.Store(pool)
	return pool, err
}

// mustPing reports whether an idle connection is pinged before it is used.
func mustPing(_ context.Context, p pgxpool.ShouldPingParams) bool {
	return p.IdleDuration > time.Second || hasNews(p.Conn.PgConn().Conn())
}

// hasNews reports whether a connection on which nothing is expected has something to read: mostly
// that its server has ended. It costs one call of the system, where a ping would cost a round trip.
func hasNews(conn net.Conn) bool {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return true
	}
	news := false
	// Not raw.Read: it would wait for a read that the driver has left behind on the connection
	// after a slow write.
	err = raw.Control(func(fd uintptr) {
		var peeked [1]byte
		_, _, err := syscall.Recvfrom(int(fd), peeked[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		news = err == nil || err != syscall.EAGAIN
	})
	return news || err != nil
}
