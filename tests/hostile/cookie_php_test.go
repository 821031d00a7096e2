package hostile

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The types of FastCGI records that this test uses (FastCGI specification §8).
const (
	beginRequest = 1
	endRequest   = 3
	parameters   = 4
	standardIn   = 5
	standardOut  = 6
)

// phpReader starts PHP behind FastCGI, which parses the field into $_COOKIE.
func phpReader(t *testing.T, name string) cookieReader {
	t.Helper()
	script, err := filepath.Abs(filepath.Join("testdata", "cookie_readers", "readers.php"))
	if err != nil {
		t.Fatal(err)
	}
	// A FastCGI server uses its standard input as the socket to listen on.
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "php"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	command := exec.Command("php-cgi")
	file, err := listener.File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := syscall.SetNonblock(int(file.Fd()), false); err != nil {
		t.Fatal(err)
	}
	command.Stdin = file
	command.Env = append(os.Environ(), "PHP_FCGI_MAX_REQUESTS=0") // 0 means no limit
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	connection, err := net.Dial("unix", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return func(field string) (readers, values []string) {
		t.Helper()
		var sent bytes.Buffer
		record(&sent, beginRequest, "\x00\x01\x01\x00\x00\x00\x00\x00") // a responder that keeps the connection
		var content bytes.Buffer
		for _, parameter := range [][2]string{
			{"SCRIPT_FILENAME", script},
			{"REQUEST_METHOD", "GET"},
			{"QUERY_STRING", name},
			{"HTTP_COOKIE", field},
		} {
			for _, text := range parameter {
				_ = binary.Write(&content, binary.BigEndian, uint32(len(text))|1<<31)
			}
			content.WriteString(parameter[0] + parameter[1])
		}
		record(&sent, parameters, content.String())
		record(&sent, parameters, "")
		record(&sent, standardIn, "")
		if _, err := connection.Write(sent.Bytes()); err != nil {
			t.Fatal(err)
		}
		_, body, ok := strings.Cut(answerOfReader(t, connection), "\r\n\r\n")
		if !ok {
			t.Fatalf("PHP does not answer to %q", field)
		}
		return splitFound(t, body)
	}
}

func record(to *bytes.Buffer, kind byte, content string) {
	to.Write([]byte{1, kind, 0, 1, byte(len(content) >> 8), byte(len(content)), 0, 0})
	to.WriteString(content)
}

// answerOfReader reads records until the request ends, and returns the standard output.
func answerOfReader(t *testing.T, connection net.Conn) string {
	t.Helper()
	_ = connection.SetReadDeadline(time.Now().Add(10 * time.Second))
	var output strings.Builder
	for {
		var head [8]byte
		if _, err := io.ReadFull(connection, head[:]); err != nil {
			t.Fatal(err)
		}
		length, padding := int(binary.BigEndian.Uint16(head[4:])), int(head[6])
		content := make([]byte, length+padding)
		if _, err := io.ReadFull(connection, content); err != nil {
			t.Fatal(err)
		}
		switch head[1] {
		case standardOut:
			output.Write(content[:length])
		case endRequest:
			return output.String()
		}
	}
}
