package boltstore

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// go test ./store/boltstore -run Kill -kill.rounds=1000
var killRounds = flag.Int("kill.rounds", 20, "how often the tests kill a process that uses a store")

// start runs this binary as a child process with the named function, and returns the
// process and its output.
func start(t *testing.T, part, path string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(executable)
	child.Env = append(os.Environ(), childEnv+"="+part, childEnv+"_PATH="+path)
	child.Stderr = os.Stderr
	if _, err := child.StdinPipe(); err != nil { // open until Wait
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(child) }) // the test may have done so already
	return child, bufio.NewScanner(out)
}

// kill sends SIGKILL and waits for the end.
func kill(child *exec.Cmd) {
	_ = child.Process.Kill()
	_ = child.Wait() // reports that the process was killed
}

// appendUntilKilled appends from several goroutines, like a gate in a burst, and prints
// each entry after it was acknowledged.
func appendUntilKilled(path string) error {
	s, err := Open(Options{Path: path})
	if err != nil {
		return err
	}
	failed := make(chan error)
	for range 4 {
		go func() {
			for {
				n := rand.IntN(1 << 30)
				position, err := s.Append(context.Background(), numbered(n, later()))
				if err == nil {
					_, err = fmt.Printf("%d %d\n", position.Seq, n)
				}
				if err != nil {
					failed <- err
				}
			}
		}()
	}
	go func() {
		for n := 0; ; n++ {
			session := store.Session{Issuer: "i", ID: fmt.Sprint(n), Subject: "u", Expires: later()}
			if err := s.Seen(context.Background(), session); err != nil {
				failed <- err
			}
		}
	}()
	return <-failed
}

// Fault: the gate is killed right after it answered 200. All acknowledged entries
// are there after the restart, and no kill looks like a loss.
func TestKilledStoreKeepsWhatItAcknowledged(t *testing.T) {
	path := freshPath(t)
	acknowledged := map[uint64]int{}
	for round := range *killRounds {
		child, out := start(t, "append", path)
		for left := 1 + rand.IntN(200); left > 0 && out.Scan(); left-- {
			note(t, acknowledged, out.Text())
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for out.Scan() { // the output before the kill
			note(t, acknowledged, out.Text())
		}
		kill(child)

		s := openAt(t, path)
		if h := headOf(t, s); h.bounds != (store.Bounds{}) {
			t.Fatalf("round %d: after a kill the bounds are %+v", round, h.bounds)
		}
		held := map[uint64]store.Key{}
		for _, entry := range readAll(t, s) {
			held[entry.Position.Seq] = entry.Revocations[0].Key
		}
		for seq, n := range acknowledged {
			if held[seq] != numbered(n, 1).Key {
				t.Fatalf("round %d: entry %d was acknowledged and is not there", round, seq)
			}
		}
		mustClose(t, s)
	}
	if len(acknowledged) < *killRounds {
		t.Errorf("%d entries were acknowledged in %d rounds, want one a round at least", len(acknowledged), *killRounds)
	}
}

func note(t *testing.T, acknowledged map[uint64]int, line string) {
	t.Helper()
	var seq uint64
	var n int
	if _, err := fmt.Sscanf(line, "%d %d", &seq, &n); err != nil {
		return // the last line may be incomplete
	}
	acknowledged[seq] = n
}

// createUntilKilled creates one store after another below path.
func createUntilKilled(path string) error {
	for n := 0; ; n++ {
		s, err := Open(Options{Path: filepath.Join(path, fmt.Sprint(n), "revocations.db")})
		if err == nil {
			err = s.Close()
		}
		if err == nil {
			_, err = fmt.Println(n)
		}
		if err != nil {
			return err
		}
	}
}

// Fault: the process is killed while it creates the store. At any point of the
// creation, the next start must find neither damage nor a store that is not empty.
func TestKilledCreationGoesOn(t *testing.T) {
	for range *killRounds {
		root := t.TempDir()
		child, out := start(t, "create", root)
		if !out.Scan() {
			t.Fatal("the process created nothing")
		}
		timer := time.NewTimer(rand.N(5 * time.Millisecond)) // during one of the next creations
		<-timer.C
		kill(child)
		dirs, err := os.ReadDir(root)
		if err != nil {
			t.Fatal(err)
		}
		for _, dir := range dirs {
			s := openAt(t, filepath.Join(root, dir.Name(), "revocations.db"))
			if entries := readAll(t, s); len(entries) != 0 {
				t.Errorf("a new store holds %d entries", len(entries))
			}
			mustAppend(t, s, numbered(1, later()))
			mustClose(t, s)
		}
	}
}

// holdUntilKilled opens the store and holds it as long as its input is open.
func holdUntilKilled(path string) error {
	s, err := Open(Options{Path: path})
	if err != nil {
		return err
	}
	fmt.Println("open")
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, s.Close())
}

// Fault: two gates on one file would overwrite each other's pages.
func TestLockedByAnotherProcess(t *testing.T) {
	path := freshPath(t)
	child, out := start(t, "hold", path)
	if !out.Scan() {
		t.Fatal("the process did not open the store")
	}
	wantLocked(t, path, brief)
	kill(child)
	mustAppend(t, openAt(t, path), numbered(1, later()))
}
