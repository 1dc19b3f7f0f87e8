// SPDX-License-Identifier: Apache-2.0

package main

import (
	_ "embed" // for the model
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

//go:embed aws-batch-model.json
var modelJSON []byte

// filePattern matches every file that this command owns in its output folder.
const filePattern = "zz_generated.*.go"

func main() {
	out := flag.String("out", "queue-api/awsapi", "folder of package awsapi, whose "+filePattern+" are replaced")
	flag.Parse()
	if err := run(*out); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// run replaces the generated files of folder out. Nothing is touched unless all of them could be made.
func run(out string) error {
	files, err := generate(modelJSON)
	if err != nil {
		return err
	}
	stale, err := filepath.Glob(filepath.Join(out, filePattern))
	if err != nil {
		return fmt.Errorf("list generated files: %w", err)
	}
	for _, path := range stale {
		if _, kept := files[filepath.Base(path)]; kept {
			continue
		}
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("remove stale file: %w", err)
		}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(out, name), content, 0o644); err != nil {
			return fmt.Errorf("write generated file: %w", err)
		}
	}
	return nil
}

// generate makes the files, by name, that the model describes.
func generate(modelJSON []byte) (map[string][]byte, error) {
	m, err := loadModel(modelJSON)
	if err != nil {
		return nil, err
	}
	p, err := newPlan(m)
	if err != nil {
		return nil, err
	}
	return render(p)
}
