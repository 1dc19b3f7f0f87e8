// SPDX-License-Identifier: Apache-2.0

package progress_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/muster-batch/muster/hack/localcluster/progress"
)

func TestOffATerminalAStepIsALine(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "out")
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	board := progress.New(out)
	ended := board.Run()
	errBroken := errors.New("broken")
	_ = board.Do("etcd", func(step *progress.Step) error { step.Note("127.0.0.1:%d", 4); return nil })
	if err := board.Do("redis", func(*progress.Step) error { return errBroken }); !errors.Is(err, errBroken) {
		t.Errorf("Do() error = %v, want the step's own", err)
	}
	board.Say("done with %d", 2)
	ended()
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`^  ok     etcd +\d+\.\d\ds  127\.0\.0\.1:4\n  FAILED redis +\d+\.\d\ds\ndone with 2\n$`)
	if !want.Match(got) {
		t.Errorf("output = %q, want a match of %s", got, want)
	}
}
