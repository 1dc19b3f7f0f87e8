// SPDX-License-Identifier: Apache-2.0

package check

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"
)

// Part is what must not run twice at once: a job, a child of an array, or a node of either.
type Part struct {
	Job   string `json:"job"`   // a child's is its parent's
	Index int    `json:"index"` // of an array's child, else -1
	Node  int    `json:"node"`  // of a multi-node job's node, else -1
}

// Attempt is one try of a part.
type Attempt struct {
	Part

	Number int `json:"attempt"`
}

// Ways a run ends.
const (
	Exited = "exited" // by itself
	Killed = "killed" // because its pod was deleted
	Lost   = "lost"   // with its machine
)

// Run is one start of a pod on a machine, as that machine knows it.
type Run struct {
	Attempt

	UID      string    `json:"uid"` // of the pod
	Instance string    `json:"instance"`
	Start    time.Time `json:"start"`
	End      time.Time `json:"end,omitzero"` // zero while it runs
	How      string    `json:"how,omitempty"`
	ExitCode int       `json:"exitCode"`
	// Reported says that the API server has acknowledged how the run ended: from then on nobody may not know.
	Reported bool `json:"reported,omitempty"`
}

func (r *Run) succeeded() bool { return r.How == Exited && r.ExitCode == 0 }

// Ledger is a file to which machines append a line whenever a run starts, ends or is reported: the run as it then is.
type Ledger struct {
	mu   sync.Mutex // guards file
	file *os.File
}

// OpenLedger makes a ledger, or goes on with one.
func OpenLedger(path string) (*Ledger, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	return &Ledger{file: file}, nil
}

// Write appends a run as it is now.
func (l *Ledger) Write(r Run) error {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	return nil
}

// Close closes the file.
func (l *Ledger) Close() error { return l.file.Close() }

// ReadLedger gives each run as it was last written, in the order of their starts.
func ReadLedger(path string) ([]Run, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	defer file.Close()
	type key struct{ uid, instance string }
	at := map[key]int{}
	var runs []Run
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var r Run
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("read ledger: %w", err)
		}
		i, known := at[key{r.UID, r.Instance}]
		if !known {
			at[key{r.UID, r.Instance}] = len(runs)
			runs = append(runs, r)
			continue
		}
		runs[i] = r
	}
	return runs, lines.Err()
}
