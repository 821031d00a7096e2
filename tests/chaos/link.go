package chaos

import (
	"bytes"
	"net"
	"sync"
	"testing"
	"time"
)

// Direction is one of the two ways over a Link.
type Direction int

// The directions.
const (
	ToRedis Direction = iota
	ToGate
)

// Link is the network between one gate and Redis: a TCP proxy with faults. Its methods may
// be called concurrently.
type Link struct {
	listener net.Listener
	target   string
	over     chan struct{} // closed by Close
	wait     sync.WaitGroup

	mu       sync.Mutex       // guards target too
	passes   [2]chan struct{} // by Direction; closed while bytes pass
	delay    time.Duration
	trap     []byte // see HoldAt
	trapped  Direction
	refusing bool
	open     map[*net.TCPConn]bool
}

// NewLink starts a link to an address. It ends with the test.
func NewLink(tb testing.TB, target string) *Link {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("starting a link: %v", err)
	}
	l := &Link{listener: listener, target: target, over: make(chan struct{}), open: make(map[*net.TCPConn]bool)}
	for i := range l.passes {
		l.passes[i] = make(chan struct{})
		close(l.passes[i])
	}
	l.wait.Go(l.accept)
	tb.Cleanup(l.close)
	return l
}

// Addr returns the address of the link, as host:port.
func (l *Link) Addr() string { return l.listener.Addr().String() }

// Lead makes connections lead to another address, and ends the open ones.
func (l *Link) Lead(target string) {
	l.mu.Lock()
	l.target = target
	l.mu.Unlock()
	l.Cut()
}

// Hold keeps back the data in these directions without any error: a network that loses
// packets. The data arrives late, after Release, as after a TCP retransmission. It arrives
// even if its sender has hung up since. A new connection is accepted only while both
// directions pass.
func (l *Link) Hold(directions ...Direction) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range directions {
		select {
		case <-l.passes[d]:
			l.passes[d] = make(chan struct{})
		default: // already held
		}
	}
}

// HoldAt holds a direction (Hold) as soon as the gate sends data that contains a text. In
// ToRedis it keeps back that data, too. Release removes it.
func (l *Link) HoldAt(text []byte, direction Direction) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trap, l.trapped = text, direction
}

// sent holds a direction if data that the gate sends contains the text of HoldAt.
func (l *Link) sent(data []byte) {
	l.mu.Lock()
	holds, direction := l.trap != nil && bytes.Contains(data, l.trap), l.trapped
	l.mu.Unlock()
	if holds {
		l.Hold(direction)
	}
}

// Release lets all data pass again, also the data that was held back.
func (l *Link) Release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trap = nil
	for _, passes := range l.passes {
		select {
		case <-passes:
		default:
			close(passes)
		}
	}
}

// Delay delays all data that is sent from now on by this time, in each direction.
func (l *Link) Delay(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay = d
}

// Refuse resets every connection, also new ones, until it is called with false.
func (l *Link) Refuse(refuse bool) {
	l.mu.Lock()
	l.refusing = refuse
	l.mu.Unlock()
	if refuse {
		l.Cut()
	}
}

// Cut resets every connection. Data on its way is lost.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for connection := range l.open {
		reset(connection)
	}
}

func (l *Link) close() {
	close(l.over)
	_ = l.listener.Close()
	l.Cut()
	l.wait.Wait()
}

func (l *Link) accept() {
	for {
		gate, err := l.listener.Accept()
		if err != nil {
			return // closed
		}
		l.wait.Go(func() { l.carry(gate.(*net.TCPConn)) })
	}
}

// carry copies one connection between the gate and Redis until both sides have ended.
func (l *Link) carry(gate *net.TCPConn) {
	defer l.forget(gate)
	if !l.keep(gate) || !l.pass(ToRedis) || !l.pass(ToGate) {
		return
	}
	l.mu.Lock()
	target := l.target
	l.mu.Unlock()
	dialled, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	redis := dialled.(*net.TCPConn)
	defer l.forget(redis)
	if !l.keep(redis) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { l.pump(redis, gate, ToRedis) })
	both.Go(func() { l.pump(gate, redis, ToGate) })
	both.Wait()
}

// keep reports whether the link accepts a connection.
func (l *Link) keep(connection *net.TCPConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.over:
		return false
	default:
	}
	if l.refusing {
		return false
	}
	l.open[connection] = true
	return true
}

// forget resets a connection, so that its user gets an error.
func (l *Link) forget(connection *net.TCPConn) {
	l.mu.Lock()
	delete(l.open, connection)
	l.mu.Unlock()
	reset(connection)
}

// pump copies data until it ends.
func (l *Link) pump(to, from *net.TCPConn, direction Direction) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if direction == ToRedis {
			l.sent(buffer[:n])
		}
		if !l.pass(direction) {
			return
		}
		if _, failed := to.Write(buffer[:n]); failed != nil || err != nil {
			_ = to.CloseWrite() // the other side may have ended before
			return
		}
	}
}

// pass waits until data passes in a direction. It reports false if the link is closed.
func (l *Link) pass(direction Direction) bool {
	l.mu.Lock()
	passes, delay := l.passes[direction], l.delay
	l.mu.Unlock()
	return (delay == 0 || await(l.over, time.After(delay))) && await(l.over, passes)
}

// await waits for a value from a channel, and reports false if over is closed first.
func await[T any](over <-chan struct{}, c <-chan T) bool {
	select {
	case <-c:
		return true
	case <-over:
		return false
	}
}

// reset ends a connection with RST.
func reset(connection *net.TCPConn) {
	_ = connection.SetLinger(0) // it may have ended before
	_ = connection.Close()
}
