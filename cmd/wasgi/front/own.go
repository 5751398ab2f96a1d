package front

import (
	"bufio"
	"fmt"
	"net"
	"strings"

	"github.com/valyala/fasthttp"

	"wasgi/abi"
)

// OwnEnviron returns the environ of a GET request that no client has sent but the server
// itself. Target is a path below script, the tenant's SCRIPT_NAME, and may have a query.
func OwnEnviron(host, script, target, tenant, id string) (*abi.Pairs, error) {
	var ctx fasthttp.RequestCtx
	ctx.Init2(ownConn{}, nil, false)
	head := "GET " + script + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n"
	if err := ctx.Request.Read(bufio.NewReader(strings.NewReader(head))); err != nil {
		return nil, fmt.Errorf("a request for %q: %w", target, err)
	}
	t, err := parseTarget(&ctx)
	if err != nil {
		return nil, fmt.Errorf("a request for %q: %w", target, err)
	}
	e := environ(&ctx, t, script, tenant, id)
	addExtensions(e, &ctx, t.raw)
	return e, nil
}

// ownConn has the addresses of a connection, and is none.
type ownConn struct{ net.Conn }

func (ownConn) LocalAddr() net.Addr  { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }
func (ownConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
