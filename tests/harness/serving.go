package harness

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// EchoFrame reads one short frame of a client and sends it back.
func EchoFrame(buffered *bufio.ReadWriter) bool {
	var head [6]byte // two bytes, and the mask
	if _, err := io.ReadFull(buffered, head[:]); err != nil {
		return false
	}
	payload := make([]byte, head[1]&0x7f)
	if _, err := io.ReadFull(buffered, payload); err != nil {
		return false
	}
	for i := range payload {
		payload[i] ^= head[2+i%4]
	}
	_, _ = buffered.Write(append([]byte{head[0], byte(len(payload))}, payload...)) // Flush returns the error
	return buffered.Flush() == nil
}

// EveryProtocol lets the port without TLS speak HTTP/2, too.
const EveryProtocol = "servers {\nprotocols h1 h2 h2c h3\n}"

// ServeAll serves the connections to a new port. At the end of the test it closes the open
// connections, and waits until all are served.
func ServeAll(t *testing.T, serve func(net.Conn)) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	wait.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, connection)
			mu.Unlock()
			wait.Go(func() {
				defer connection.Close()
				serve(connection)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		for _, connection := range open {
			_ = connection.Close() // nearly all are closed already
		}
		mu.Unlock()
		wait.Wait()
	})
	return listener
}

// StreamLimit is how long the next part of a stream may take.
const StreamLimit = 20 * time.Second

// AcceptWebSocket answers the handshake of a WebSocket (RFC 6455 §4.2.2).
func AcceptWebSocket(w http.ResponseWriter, r *http.Request) (net.Conn, *bufio.ReadWriter, bool) {
	connection, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return nil, nil, false
	}
	accept := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(buffered, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(accept[:]))
	return connection, buffered, buffered.Flush() == nil
}

// Switched is the text that an upstream sends after it has changed the protocol.
const Switched = "the tunnel is open"
