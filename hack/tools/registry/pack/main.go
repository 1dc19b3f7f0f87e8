// SPDX-License-Identifier: Apache-2.0

// Command pack makes container images of static Go programs. For each program that is an argument it writes, into a folder,
// NAME, an OCI image layout; NAME.tar, which docker load and ctr images import take; and NAME.cdx.json, what the image is made
// of, which is also in the layout and refers to the image. With -push it puts both into a registry, too.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/muster-batch/muster/hack/tools/registry/image"
)

// options are the flags.
type options struct {
	origin image.Origin
	roots  string // file of certificates
	prefix string // of the images' names
	tag    string
	output string
	push   string // registry and path
	links  links
}

// links are more names of programs, by their first.
type links map[string][]string

// String implements flag.Value.
func (l links) String() string { return fmt.Sprint(map[string][]string(l)) }

// Set implements flag.Value.
func (l links) Set(text string) error {
	program, names, ok := strings.Cut(text, "=")
	if !ok {
		return errors.New("must be PROGRAM=NAME,…")
	}
	l[program] = append(l[program], strings.Split(names, ",")...)
	return nil
}

func main() {
	o := options{links: links{}}
	var created int64
	flag.StringVar(&o.origin.Version, "version", "", "version of the programs")
	flag.StringVar(&o.origin.Revision, "revision", "", "revision of their source")
	flag.StringVar(&o.origin.Source, "source", "", "URL of their source")
	flag.StringVar(&o.origin.Licence, "licence", "", "SPDX identifier of their licence")
	flag.Int64Var(&created, "created", 0, "when, in seconds since 1970, so that the same source gives the same image")
	flag.StringVar(&o.roots, "certificates", "", "file of the certificates that the programs trust others by; empty for none")
	flag.StringVar(&o.prefix, "prefix", "muster", "what comes before the programs' names in those of the images")
	flag.StringVar(&o.tag, "tag", "latest", "tag of the images")
	flag.StringVar(&o.output, "output", ".", "folder to write into")
	flag.StringVar(&o.push, "push", "", "registry and path to put the images into, as REGISTRY/PATH; empty for none")
	flag.Var(o.links, "link", "more names of a program in its image, as PROGRAM=NAME,…; may be repeated")
	flag.Parse()
	o.origin.Created = time.Unix(created, 0)

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o, flag.Args())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, programs []string) error {
	for _, program := range programs {
		p, err := o.pack(program)
		if err != nil {
			return fmt.Errorf("%s: %w", path.Base(program), err)
		}
		digest, err := p.write(o)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		fmt.Fprintln(os.Stdout, digest, p.name)
		if o.push == "" {
			continue
		}
		if err := p.push(ctx, path.Join(o.push, p.name), o.tag); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}
