// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/spf13/pflag"
)

// tlsOptions say with which certificate the API is served; without one it is plain HTTP.
type tlsOptions struct {
	certFile string
	keyFile  string
}

func (o *tlsOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.certFile, "tls-cert-file", "", "Certificate, with its chain, that the Batch API is served with; without one it is plain HTTP. It is read again when it changes.")
	fs.StringVar(&o.keyFile, "tls-private-key-file", "", "Private key of --tls-cert-file.")
}

func (o *tlsOptions) validate() error {
	if (o.certFile == "") != (o.keyFile == "") {
		return errors.New("--tls-cert-file and --tls-private-key-file go together")
	}
	return nil
}

// secure puts TLS on a listener, if there is a certificate.
func (o *tlsOptions) secure(listener net.Listener) (net.Listener, error) {
	if o.certFile == "" {
		return listener, nil
	}
	c := &certificate{certFile: o.certFile, keyFile: o.keyFile}
	if _, err := c.get(nil); err != nil {
		return nil, fmt.Errorf("--tls-cert-file: %w", err)
	}
	return tls.NewListener(listener, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}), nil
}

// certificate is a pair of files that is read again when one of them changes.
type certificate struct {
	certFile, keyFile string

	mu       sync.Mutex
	modified [2]time.Time
	pair     *tls.Certificate
}

// get returns what the files hold, or last held while they cannot be read.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var modified [2]time.Time
	for i, name := range [...]string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil {
			modified[i] = info.ModTime()
		}
	}
	if c.pair != nil && modified == c.modified {
		return c.pair, nil
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		if c.pair != nil {
			return c.pair, nil
		}
		return nil, err
	}
	c.modified, c.pair = modified, &pair
	return c.pair, nil
}
