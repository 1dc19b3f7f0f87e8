// SPDX-License-Identifier: Apache-2.0

// Command pack writes the image of one static program as a file that docker load takes.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/muster-batch/muster/hack/tools/registry/image"
)

func main() {
	program := flag.String("program", "", "the static program")
	reference := flag.String("name", "", "the image's name and tag")
	roots := flag.String("certificates", "", "the certificates that the program trusts others by; empty for none")
	output := flag.String("output", "", "file to write")
	flag.Parse()
	if err := pack(*program, *roots, *reference, *output); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func pack(program, roots, reference, output string) error {
	tag, err := name.NewTag(reference)
	if err != nil {
		return fmt.Errorf("parse name: %w", err)
	}
	img, err := image.Program(program, roots)
	if err != nil {
		return fmt.Errorf("make image: %w", err)
	}
	if err := tarball.WriteToFile(output, tag, img); err != nil {
		return fmt.Errorf("write image: %w", err)
	}
	fmt.Fprintln(os.Stdout, output)
	return nil
}
