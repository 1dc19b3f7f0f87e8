// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package docs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	// patience bounds a block; a demo may have to build something first.
	patience = 10 * time.Minute
	// repeats bounds a block that is repeated, or a stream.
	repeats = 4 * time.Minute
)

// TestPages plays every page's blocks in order. Pages of one cluster are played one after the other; at the end come the
// blocks that are to be last.
func TestPages(t *testing.T) {
	pages, err := Pages(root)
	if err != nil {
		t.Fatal(err)
	}
	var sum tally
	for _, cluster := range clusters {
		for _, page := range pages {
			if page.Cluster == cluster && page.IsPlayed() {
				t.Run(page.File, func(t *testing.T) { play(t, page, &sum) })
			}
		}
		for _, page := range pages {
			blocks := slices.DeleteFunc(slices.Clone(page.Blocks), func(b Block) bool { return !b.Has(noteLast) })
			if page.Cluster == cluster && len(blocks) > 0 {
				t.Run(page.File+"/last", func(t *testing.T) { playBlocks(t, page, blocks, &sum) })
			}
		}
	}
	t.Logf("%d blocks of commands played, %d not:\n%s", sum.played, len(sum.left), strings.Join(sum.left, "\n"))
}

// tally is what was done with the blocks of commands.
type tally struct {
	played int
	left   []string
}

// play plays a page's blocks but those that are to be last.
func play(t *testing.T, page Page, sum *tally) {
	t.Helper()
	playBlocks(t, page, slices.DeleteFunc(slices.Clone(page.Blocks), func(b Block) bool { return b.Has(noteLast) }), sum)
}

func playBlocks(t *testing.T, page Page, blocks []Block, sum *tally) {
	t.Helper()
	var playable []Block
	for _, block := range blocks {
		if note := block.Note(noteNotRun); note != nil && block.IsCommands() {
			sum.left = append(sum.left, fmt.Sprintf("    %s: %s", at(page, block), strings.Join(strings.Fields(note.Value), " ")))
		} else if block.IsCommands() || block.Has(noteFile) {
			playable = append(playable, block)
		}
	}
	if !slices.ContainsFunc(playable, Block.IsCommands) {
		return
	}
	p := newPlayer(t, page)
	for _, block := range playable {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		err := p.play(ctx, block)
		cancel()
		if err != nil {
			t.Fatalf("%s: %v", at(page, block), err)
		}
		if block.IsCommands() {
			sum.played++
		}
	}
}

// player is a reader who types a page's commands.
type player struct {
	*shell
	lab *lab
}

// newPlayer has a shell of its own, on the page's cluster, in a folder that has what a checkout has.
func newPlayer(t *testing.T, page Page) player {
	t.Helper()
	l := labs[page.Cluster]
	if page.Cluster == clusterBare && l.env != nil { // what a page installs is in the way of the next
		if err := l.stop(localcluster()); err != nil {
			t.Fatal(err)
		}
		l.env = nil
	}
	if l == nil {
		l = &lab{name: clusterNone, dir: t.TempDir()}
	} else if l.env == nil {
		started := time.Now()
		if err := l.start(t.Context(), localcluster()); err != nil {
			t.Fatal(err)
		}
		t.Logf("the cluster %s was up after %.1f s", l.name, time.Since(started).Seconds())
	}
	dir := t.TempDir()
	for _, name := range []string{"bin", "docs", "hack", "manifests"} {
		if err := os.Symlink(filepath.Join(root, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	path := []string{programs}
	if kubectl := l.env["MUSTER_KUBECTL"]; kubectl != "" {
		path = append(path, filepath.Dir(kubectl))
	}
	env := append(l.environ(), "HOME="+dir, "MUSTER_CACHE="+cache, "PYTHONDONTWRITEBYTECODE=1", "PATH="+strings.Join(append(path, os.Getenv("PATH")), ":"), "GOCACHE="+goEnv(t, "GOCACHE"), "GOMODCACHE="+goEnv(t, "GOMODCACHE"))
	return player{shell: newShell(t, dir, root, env), lab: l}
}

// play plays a block with all that its notes say.
func (p player) play(ctx context.Context, block Block) error {
	if before := block.Note(noteBefore); before != nil {
		if err := p.script(ctx, p.lab.here(before.Value)); err != nil {
			return err
		}
	}
	text := p.lab.here(block.Text)
	if note := block.Note(noteFile); note != nil {
		file := filepath.Join(p.dir, note.Value)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return err
		}
		return os.WriteFile(file, []byte(text+"\n"), 0o600)
	}
	commands := commandsOf(text)
	for i, c := range commands {
		var err error
		switch isLast := i == len(commands)-1; {
		case block.Has(noteStream):
			err = p.stream(ctx, c)
		case block.Has(noteRepeat):
			err = p.repeat(ctx, c)
		default:
			err = p.once(ctx, c, block.Has(noteFails) && isLast)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// once runs a command and compares what it prints with what is shown.
func (p player) once(ctx context.Context, c command, fails bool) error {
	printed, code, err := p.run(ctx, c.text)
	if err != nil {
		return fmt.Errorf("%s\n%w, having printed\n%s", indent(c.text), err, indent(printed))
	}
	if (code != 0) != fails {
		return fmt.Errorf("%s\nended with %d, having printed\n%s", indent(c.text), code, indent(printed))
	}
	if len(c.prints) > 0 {
		if wrong := match(c.prints, printed); wrong != "" {
			return fmt.Errorf("%s\n%s", indent(c.text), wrong)
		}
	}
	return nil
}

// repeat runs a command until it fits.
func (p player) repeat(ctx context.Context, c command) error {
	end := time.Now().Add(repeats)
	for {
		err := p.once(ctx, c, false)
		if err == nil || time.Now().After(end) || ctx.Err() != nil {
			return err
		}
		time.Sleep(pollInterval)
	}
}

// stream is the shell's, for as long as is waited.
func (p player) stream(ctx context.Context, c command) error {
	ctx, cancel := context.WithTimeout(ctx, repeats)
	defer cancel()
	return p.shell.stream(ctx, c)
}
