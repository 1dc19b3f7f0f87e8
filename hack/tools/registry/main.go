// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/muster-batch/muster/hack/tools/registry/image"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:5000", "address to serve on")
	busybox := flag.String("busybox", "/bin/busybox", "static busybox that becomes the busybox image")
	pause := flag.String("pause", "", "static program that becomes the pause image; empty for none")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *listen, *busybox, *pause); err != nil {
		fmt.Fprintln(os.Stderr, "registry:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. /readyz answers 200 once the images are in.
func run(ctx context.Context, listen, busybox, pause string) error {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/v2/", versions(registry.New(registry.Logger(stdlog.New(io.Discard, "", 0)))))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	if err := fill(ctx, listener.Addr().String(), busybox, pause); err != nil {
		return err
	}
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	select {
	case err := <-served:
		if !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
	case <-ctx.Done():
	}
	return server.Close()
}

// fill pushes the images to the registry itself, which is how any other image gets there too.
func fill(ctx context.Context, addr, busybox, pause string) error {
	img, err := image.Busybox(busybox)
	if err != nil {
		return fmt.Errorf("make busybox image: %w", err)
	}
	for _, repository := range busyboxes {
		if err := push(ctx, addr+"/"+repository+":latest", img); err != nil {
			return err
		}
	}
	if pause == "" {
		return nil
	}
	if img, err = image.Program(pause, "", image.Origin{}); err != nil {
		return fmt.Errorf("make pause image: %w", err)
	}
	return push(ctx, addr+"/pause:local", img)
}

func push(ctx context.Context, reference string, img v1.Image) error {
	ref, err := name.ParseReference(reference, name.Insecure)
	if err != nil {
		return fmt.Errorf("parse %q: %w", reference, err)
	}
	if err := remote.Write(ref, img, remote.WithContext(ctx)); err != nil {
		return fmt.Errorf("push %s: %w", reference, err)
	}
	return nil
}

// busyboxes are busybox's repositories: at docker.io, and at public.ecr.aws.
var busyboxes = []string{"library/busybox", "docker/library/busybox"}

// version matches the tags that busybox has on Docker Hub: 1.36, 1.36.1-musl, stable, stable-glibc.
var version = regexp.MustCompile(`^(\d+(\.\d+)*|stable|unstable)(-(glibc|musl|uclibc))?$|^(glibc|musl|uclibc)$`)

// versions answers a manifest request for any of busybox's published tags with the one busybox there is.
// Other unknown tags stay unknown: a typing error must not pull.
func versions(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, repository := range busyboxes {
			prefix := "/v2/" + repository + "/manifests/"
			if tag, ok := strings.CutPrefix(r.URL.Path, prefix); ok && version.MatchString(tag) {
				r.URL.Path = prefix + "latest"
			}
		}
		next.ServeHTTP(w, r)
	})
}
