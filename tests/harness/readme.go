package harness

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Block is a fenced block of the README.
type Block struct {
	// Language is what stands behind the fence, as "sh".
	Language string
	// Text is what stands in it, each line with its end.
	Text string
}

// Readme returns the fenced blocks of the README, in their order.
func Readme(tb testing.TB) []Block {
	tb.Helper()
	root, err := Root()
	if err != nil {
		tb.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		tb.Fatal(err)
	}
	var blocks []Block
	var current *Block
	for line := range strings.Lines(string(content)) {
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && current == nil:
			current = &Block{Language: strings.TrimSpace(language)}
		case fence:
			blocks, current = append(blocks, *current), nil
		case current != nil:
			current.Text += line
		}
	}
	if current != nil {
		tb.Fatal("the last block of the README is not closed")
	}
	return blocks
}
