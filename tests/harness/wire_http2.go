package harness

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// exchangeHTTP2 sends a message as the first stream of a connection, and reads the answer.
func exchangeHTTP2(connection net.Conn, message Message) (Answer, error) {
	framer := http2.NewFramer(connection, connection)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	// The gate must decide whether a message is valid.
	framer.AllowIllegalWrites = true
	if _, err := io.WriteString(connection, http2.ClientPreface); err != nil {
		return Answer{}, err
	}
	err := errors.Join(framer.WriteSettings(), writeHTTP2(framer, message))
	if err != nil {
		return Answer{}, err
	}
	return readHTTP2(framer)
}

func writeHTTP2(framer *http2.Framer, message Message) error {
	const stream = 1
	body, trailer := message.Body != "", len(message.Trailer) > 0
	err := framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: hpackBlock(message.Fields), EndHeaders: true, EndStream: !body && !trailer && !message.Open,
	})
	if body && err == nil {
		err = framer.WriteData(stream, !trailer && !message.Open, []byte(message.Body))
	}
	if trailer && err == nil {
		err = framer.WriteHeaders(http2.HeadersFrameParam{
			StreamID: stream, BlockFragment: hpackBlock(message.Trailer), EndHeaders: true, EndStream: !message.Open,
		})
	}
	return err
}

func hpackBlock(fields []Field) []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range fields {
		// A buffer takes everything.
		_ = encoder.WriteField(hpack.HeaderField{Name: field.Name, Value: field.Value})
	}
	return block.Bytes()
}

func readHTTP2(framer *http2.Framer) (answer Answer, err error) {
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return answer, err
		}
		ended := false
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				err = framer.WriteSettingsAck()
			}
		case *http2.MetaHeadersFrame:
			var fields []Field
			for _, field := range frame.Fields {
				fields = append(fields, Field{field.Name, field.Value})
			}
			err = answer.take(fields)
			ended = frame.StreamEnded()
		case *http2.DataFrame:
			answer.Body += string(frame.Data())
			ended = frame.StreamEnded()
		case *http2.RSTStreamFrame:
			// After a complete answer, a server may end the rest of the request like this.
			return answer, fmt.Errorf("stream was reset: %v", frame.ErrCode)
		case *http2.GoAwayFrame:
			return answer, fmt.Errorf("connection was ended: %v", frame.ErrCode)
		}
		if err != nil || ended {
			return answer, err
		}
	}
}

// take adds the fields of a head, or of a trailer, to the answer.
func (a *Answer) take(fields []Field) error {
	if len(fields) > 0 && fields[0].Name == ":status" {
		status, err := strconv.Atoi(fields[0].Value)
		if err != nil {
			return err
		}
		if status < 200 {
			a.Interim = append(a.Interim, status)
			return nil
		}
		a.Status, a.Header = status, make(http.Header)
	}
	for _, field := range fields {
		if !strings.HasPrefix(field.Name, ":") {
			a.Header.Add(field.Name, field.Value)
		}
	}
	return nil
}
