// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/muster-batch/muster/hack/tools/registry/image"
	"github.com/muster-batch/muster/hack/tools/registry/sbom"
)

// packed is the image of a program and what says what it is made of.
type packed struct {
	name      string
	image     v1.Image
	parts     []byte   // the document
	reference v1.Image // holds it, and refers to the image
}

func (o options) pack(program string) (packed, error) {
	p := packed{name: filepath.Base(program)}
	var err error
	if p.image, err = image.Program(program, o.roots, o.origin, o.links[p.name]...); err != nil {
		return p, err
	}
	binary, err := os.ReadFile(program)
	if err != nil {
		return p, err
	}
	subject := sbom.Subject{Name: p.name, Version: o.origin.Version, Licence: o.origin.Licence, Created: o.origin.Created}
	if o.roots != "" {
		roots, err := os.ReadFile(o.roots)
		if err != nil {
			return p, err
		}
		subject.Files = map[string][]byte{"/etc/ssl/certs/ca-certificates.crt": roots}
	}
	if p.parts, err = sbom.Write(binary, subject); err != nil {
		return p, err
	}
	p.reference, err = refer(p.image, p.parts)
	return p, err
}

// refer makes an artifact of a document about an image. Its configuration is nothing, but that its type tells what it is.
func refer(img v1.Image, document []byte) (v1.Image, error) {
	subject, err := partial.Descriptor(img)
	if err != nil {
		return nil, fmt.Errorf("describe the image: %w", err)
	}
	artifact := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), sbom.MediaType)
	artifact, err = mutate.AppendLayers(artifact, static.NewLayer(document, sbom.MediaType))
	if err != nil {
		return nil, fmt.Errorf("append the document: %w", err)
	}
	about := v1.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size}
	referring, ok := mutate.Subject(artifact, about).(v1.Image)
	if !ok {
		return nil, fmt.Errorf("refer to %s: no image came of it", subject.Digest)
	}
	return referring, nil
}

// write writes all three forms anew and gives the image's digest.
func (p packed) write(o options) (v1.Hash, error) {
	digest, err := p.image.Digest()
	if err != nil {
		return digest, err
	}
	reference := o.prefix + "/" + p.name + ":" + o.tag
	tag, err := name.NewTag(reference)
	if err != nil {
		return digest, fmt.Errorf("name the image: %w", err)
	}
	if err := p.writeLayout(filepath.Join(o.output, p.name), o.tag); err != nil {
		return digest, fmt.Errorf("write layout: %w", err)
	}
	if err := tarball.WriteToFile(filepath.Join(o.output, p.name+".tar"), tag, p.image); err != nil {
		return digest, fmt.Errorf("write archive: %w", err)
	}
	return digest, os.WriteFile(filepath.Join(o.output, p.name+".cdx.json"), p.parts, 0o644)
}

func (p packed) writeLayout(dir, tag string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	to, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	if err := to.AppendImage(p.image, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": tag})); err != nil {
		return err
	}
	return to.AppendImage(p.reference)
}

// push puts the image and what refers to it into a registry, as whom docker login has made known there.
func (p packed) push(ctx context.Context, repository, tag string) error {
	options := []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)}
	to, err := name.NewTag(repository + ":" + tag)
	if err != nil {
		return fmt.Errorf("name the image: %w", err)
	}
	if err := remote.Write(to, p.image, options...); err != nil {
		return fmt.Errorf("push %s: %w", to, err)
	}
	digest, err := p.reference.Digest()
	if err != nil {
		return err
	}
	if err := remote.Write(to.Context().Digest(digest.String()), p.reference, options...); err != nil {
		return fmt.Errorf("push what %s is made of: %w", to, err)
	}
	return nil
}
