package redistest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// answerLimit is how long one command of Do may take.
const answerLimit = 10 * time.Second

// Do sends a command on a connection of its own and returns the reply: a string,
// an int64, nil or a []any of these. An error reply fails the test.
func (s *Server) Do(words ...string) any {
	s.tb.Helper()
	reply, err := s.Try(words...)
	if err != nil {
		s.tb.Fatalf("sending %q to redis: %v", words, err)
	}
	return reply
}

// Try is Do, but returns the error: an error reply, or that of the network.
func (s *Server) Try(words ...string) (any, error) {
	network, address := "tcp", s.Addr()
	if s.socket != "" {
		network, address = "unix", s.socket
	}
	return roundTrip(network, address, s.login, words)
}

// TryAs is Try as a user of the server, with a password.
func (s *Server) TryAs(user, password string, words ...string) (any, error) {
	return roundTrip("tcp", s.Addr(), []string{user, password}, words)
}

// roundTrip connects, authenticates if there is a login, and sends one command.
func roundTrip(network, address string, login, words []string) (any, error) {
	conn, err := net.DialTimeout(network, address, answerLimit)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(answerLimit)); err != nil {
		return nil, err
	}
	r := bufio.NewReader(conn)
	if len(login) > 0 {
		if _, err := exchange(conn, r, append([]string{"AUTH"}, login...)); err != nil {
			return nil, fmt.Errorf("authenticating: %w", err)
		}
	}
	return exchange(conn, r, words)
}

func exchange(w io.Writer, r *bufio.Reader, words []string) (any, error) {
	var request bytes.Buffer
	fmt.Fprintf(&request, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&request, "$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := w.Write(request.Bytes()); err != nil {
		return nil, err
	}
	return readReply(r)
}

// readReply reads one reply of the Redis serialization protocol, version 2.
func readReply(r *bufio.Reader) (any, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return nil, errors.New("an empty reply")
	}
	kind, rest := line[0], line[1:]
	switch kind {
	case '+':
		return rest, nil
	case '-':
		return nil, errors.New(rest)
	}
	number, err := strconv.ParseInt(rest, 10, 64)
	switch {
	case err != nil:
		return nil, fmt.Errorf("a reply of %q", line)
	case kind == ':':
		return number, nil
	case kind == '$' && number >= 0:
		text := make([]byte, number+2)
		_, err := io.ReadFull(r, text)
		return string(text[:number]), err
	case kind == '*' && number >= 0:
		elements := make([]any, number)
		for i := range elements {
			if elements[i], err = readReply(r); err != nil {
				return nil, err
			}
		}
		return elements, nil
	case kind == '$' || kind == '*':
		return nil, nil
	default:
		return nil, fmt.Errorf("a reply of %q", line)
	}
}
