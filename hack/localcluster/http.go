// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/muster-batch/muster/hack/localcluster/pki"
)

// httpClient trusts the cluster's authority and authenticates with admin.
func httpClient(caCert string, admin pki.Pair) (*http.Client, error) {
	content, err := os.ReadFile(caCert)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(content)
	certificate, err := tls.LoadX509KeyPair(admin.Cert, admin.Key)
	if err != nil {
		return nil, err
	}
	return &http.Client{
		Timeout: time.Minute,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{
			RootCAs: roots, Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12,
		}},
	}, nil
}

// probe is nil once a program is ready.
type probe func(context.Context) error

// answers probes by an HTTP request that is to be answered 200.
func (c *cluster) answers(url string) probe {
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := c.api.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s: %s", url, response.Status, strings.TrimSpace(string(body)))
		}
		return nil
	}
}

// pongs probes Redis, which says LOADING while it reads its data.
func pongs(address string) probe {
	return func(context.Context) error {
		connection, err := net.DialTimeout("tcp", address, 10*time.Second)
		if err != nil {
			return err
		}
		defer connection.Close()
		if err := connection.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			return err
		}
		if _, err := connection.Write([]byte("PING\r\n")); err != nil {
			return err
		}
		reply := make([]byte, 64)
		n, err := connection.Read(reply)
		if err != nil {
			return err
		}
		if answer := string(reply[:n]); answer != "+PONG\r\n" {
			return fmt.Errorf("redis answers %q", answer)
		}
		return nil
	}
}
