// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/muster-batch/muster/hack/localcluster/flock"
	"github.com/muster-batch/muster/hack/localcluster/node"
)

// Fleet is the instances of one local cluster.
type Fleet struct {
	Nodes node.Config
	// Slots is how many instances there can be at once.
	Slots int
	// BootArgs are the arguments that make this executable boot the named instance.
	BootArgs func(instanceID string) []string
	// IsOpen reports whether the cluster takes launches; it does not while it is being taken down.
	IsOpen func() bool
}

// ErrOutOfCapacity means that every slot is taken. The command's exit code for it is [ExitOutOfCapacity].
var ErrOutOfCapacity = errors.New("out of capacity")

// ExitOutOfCapacity is EX_TEMPFAIL of sysexits.h.
const ExitOutOfCapacity = 75

// Run carries out a verb: one JSON document in, one out.
func (f Fleet) Run(verb string, in io.Reader, out, notes io.Writer) error {
	switch verb {
	case "instance-types":
		return answer(in, out, func(request instanceTypesRequest) (any, error) { return f.instanceTypes(request, notes) })
	case "launch":
		return answer(in, out, func(request launchRequest) (any, error) { return f.launch(request) })
	case "list":
		return answer(nil, out, func(struct{}) (any, error) { return f.list() })
	case "terminate":
		return answer(in, out, func(request terminateRequest) (any, error) { return struct{}{}, f.terminate(request.InstanceIDs) })
	}
	return fmt.Errorf("unknown verb %q: one of instance-types, launch, list, terminate", verb)
}

func answer[Request any](in io.Reader, out io.Writer, do func(Request) (any, error)) error {
	var request Request
	if in != nil {
		if err := json.NewDecoder(in).Decode(&request); err != nil {
			return fmt.Errorf("read request: %w", err)
		}
	}
	reply, err := do(request)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(reply)
}

// Lock is held by whoever changes the set of instances.
func (f Fleet) Lock() (*os.File, error) {
	return flock.Lock(filepath.Join(f.Nodes.Dir, "lock"), nil)
}

// Instances are the instances that are not gone. The remains of those that have died, as in a restart of the machine, are
// left where they are: terminate removes them.
func (f Fleet) Instances() ([]Instance, error) {
	all, err := f.records()
	if err != nil {
		return nil, err
	}
	alive := []Instance{}
	for _, instance := range all {
		if instance.State = f.Nodes.State(instance.InstanceID); instance.State != node.Dead {
			alive = append(alive, instance)
		}
	}
	return alive, nil
}

// records are the instances that have a record, sorted by id.
func (f Fleet) records() ([]Instance, error) {
	files, err := filepath.Glob(filepath.Join(f.Nodes.Folder("*"), recordName))
	if err != nil {
		return nil, err
	}
	var instances []Instance
	for _, file := range files {
		instance, err := readRecord(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue // It ended between the two looks.
		}
		if err != nil {
			return nil, err
		}
		instances = append(instances, instance)
	}
	return instances, nil
}

// Instance returns the instance of that id.
func (f Fleet) Instance(id string) (Instance, error) {
	return readRecord(filepath.Join(f.Nodes.Folder(id), recordName))
}

const recordName = "instance.json"

func readRecord(file string) (Instance, error) {
	var instance Instance
	content, err := os.ReadFile(file)
	if err != nil {
		return instance, fmt.Errorf("read instance: %w", err)
	}
	if err := json.Unmarshal(content, &instance); err != nil {
		return instance, fmt.Errorf("read instance %s: %w", file, err)
	}
	return instance, nil
}

// writeRecord writes by renaming: an instance has a whole record or none.
func (f Fleet) writeRecord(instance Instance) error {
	content, err := json.MarshalIndent(instance, "", "  ")
	if err != nil {
		return err
	}
	file := filepath.Join(f.Nodes.Folder(instance.InstanceID), recordName)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", content, 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}
