// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// writePair writes a self-signed certificate of a name, as of a time.
func writePair(t *testing.T, o tlsOptions, name string, modified time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{o.certFile: {Type: "CERTIFICATE", Bytes: cert}, o.keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, modified, modified); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCertificateIsReadAgain(t *testing.T) {
	t.Parallel()
	o := tlsOptions{certFile: filepath.Join(t.TempDir(), "crt"), keyFile: filepath.Join(t.TempDir(), "key")}
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if _, err := o.secure(plain); err == nil {
		t.Fatal("a missing certificate is no error at the start")
	}
	now := time.Now()
	writePair(t, o, "first", now)
	listener, err := o.secure(plain)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.(*tls.Conn).Handshake() // the client says how it went
			_ = conn.Close()
		}
	}()
	served := func() string {
		t.Helper()
		conn, err := tls.Dial("tcp", plain.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	if got := served(); got != "first" {
		t.Errorf("served %q", got)
	}
	writePair(t, o, "second", now.Add(time.Second))
	if got := served(); got != "second" {
		t.Errorf("served %q after a change", got)
	}
	if err := os.WriteFile(o.keyFile, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := served(); got != "second" {
		t.Errorf("served %q while the files are broken", got)
	}
}

func TestWithoutACertificateItIsPlain(t *testing.T) {
	t.Parallel()
	var o tlsOptions
	if listener, err := o.secure(nil); listener != nil || err != nil {
		t.Errorf("secure() = %v %v", listener, err)
	}
}
