package harness

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"
)

// The types of RFC 9114 that are needed here.
const (
	dataFrame     = 0x0
	headersFrame  = 0x1
	settingsFrame = 0x4
	controlStream = 0x0
	noError       = 0x100
)

// QUICAddr returns the QUIC address of the gate, as host:port.
func (g *Gate) QUICAddr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(g.tlsPort)) }

// DialQUIC opens a connection for ExchangeHTTP3. With early data, and a configuration whose
// cache holds a session, it returns before the handshake.
func (g *Gate) DialQUIC(tb testing.TB, config *tls.Config) *quic.Conn {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), answerLimit)
	defer cancel()
	connection, err := quic.DialAddrEarly(ctx, g.QUICAddr(), config, nil)
	if err != nil {
		tb.Fatalf("dialling the gate over QUIC: %v", err)
	}
	control, err := connection.OpenUniStream()
	if err != nil {
		tb.Fatalf("opening the control stream: %v", err)
	}
	if _, err := control.Write(append([]byte{controlStream}, frameHTTP3(settingsFrame, nil)...)); err != nil {
		tb.Fatalf("sending settings: %v", err)
	}
	return connection
}

// ExchangeHTTP3 sends a message on a new stream, and reads the answer.
func ExchangeHTTP3(ctx context.Context, connection *quic.Conn, message Message) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	stream, err := connection.OpenStreamSync(ctx)
	if err != nil {
		return Answer{}, err
	}
	if err := stream.SetDeadline(time.Now().Add(answerLimit)); err != nil {
		return Answer{}, err
	}
	sent := frameHTTP3(headersFrame, qpackBlock(message.Fields))
	if message.Body != "" {
		sent = append(sent, frameHTTP3(dataFrame, []byte(message.Body))...)
	}
	if len(message.Trailer) > 0 {
		sent = append(sent, frameHTTP3(headersFrame, qpackBlock(message.Trailer))...)
	}
	_, unsent := stream.Write(sent)
	if !message.Open {
		unsent = errors.Join(unsent, stream.Close())
	}
	answer, err := readHTTP3(quicvarint.NewReader(stream))
	if err != nil {
		return answer, errors.Join(unsent, err)
	}
	// A server that has answered may stop the client from sending (RFC 9114 §4.1), so that
	// the end could not be sent.
	return answer, nil
}

func frameHTTP3(kind uint64, payload []byte) []byte {
	frame := quicvarint.Append(nil, kind)
	return append(quicvarint.Append(frame, uint64(len(payload))), payload...)
}

func qpackBlock(fields []Field) []byte {
	var block bytes.Buffer
	encoder := qpack.NewEncoder(&block)
	for _, field := range fields {
		// A buffer takes everything.
		_ = encoder.WriteField(qpack.HeaderField{Name: field.Name, Value: field.Value})
	}
	return block.Bytes()
}

func readHTTP3(stream quicvarint.Reader) (answer Answer, err error) {
	for {
		kind, err := quicvarint.Read(stream)
		if errors.Is(err, io.EOF) && answer.Status != 0 {
			return answer, nil
		}
		if err != nil {
			return answer, fmt.Errorf("reading a frame: %w", err)
		}
		size, err := quicvarint.Read(stream)
		if err != nil {
			return answer, fmt.Errorf("reading a frame: %w", err)
		}
		payload := make([]byte, size)
		if _, err := io.ReadFull(stream, payload); err != nil {
			return answer, fmt.Errorf("reading a frame: %w", err)
		}
		switch kind {
		case headersFrame:
			fields, err := qpackFields(payload)
			if err != nil {
				return answer, err
			}
			if err := answer.take(fields); err != nil {
				return answer, err
			}
		case dataFrame:
			answer.Body += string(payload)
		}
	}
}

func qpackFields(block []byte) (fields []Field, err error) {
	next := qpack.NewDecoder().Decode(block)
	for {
		field, err := next()
		if errors.Is(err, io.EOF) {
			return fields, nil
		}
		if err != nil {
			return nil, err
		}
		fields = append(fields, Field{field.Name, field.Value})
	}
}
