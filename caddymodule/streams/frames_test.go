package streams

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// frame returns a frame of a WebSocket as bytes on the wire.
func frame(opcode byte, payload int, masked bool) []byte {
	f := []byte{0x80 | opcode}
	mask := byte(0)
	if masked {
		mask = 0x80
	}
	switch {
	case payload < 126:
		f = append(f, mask|byte(payload))
	case payload < 1<<16:
		f = binary.BigEndian.AppendUint16(append(f, mask|126), uint16(payload))
	default:
		f = binary.BigEndian.AppendUint64(append(f, mask|127), uint64(payload))
	}
	if masked {
		f = append(f, 1, 2, 3, 4)
	}
	return append(f, bytes.Repeat([]byte{0x88}, payload)...) // looks like close frames
}

// Frames of all lengths are followed, in writes of any size.
func TestTheEndOfEachFrameIsKnown(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var f frames
		for range 1 + random.IntN(8) {
			length := []int{0, 1, 125, 126, 127, 65535, 65536, random.IntN(1 << 17)}[random.IntN(8)]
			wire := frame(byte(random.IntN(3)), length, random.IntN(2) == 0)
			for len(wire) > 0 {
				piece := 1 + random.IntN(min(len(wire), 1+random.IntN(1<<16)))
				f.pass(wire[:piece])
				wire = wire[piece:]
				if f.between() != (len(wire) == 0) {
					t.Fatalf("with %d bytes of a frame of %d to come: between is %v", len(wire), length, f.between())
				}
			}
		}
	}
}

// Fault: the upstream has sent a close frame already. A second one would be an error of
// the protocol.
func TestNothingFollowsACloseFrame(t *testing.T) {
	var f frames
	f.pass(frame(1, 5, false))
	f.pass(frame(8, 2, false))
	if f.between() {
		t.Error("after a close frame there is room for another")
	}
}
