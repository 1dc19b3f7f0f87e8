// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// lifetime is that of every certificate; a local cluster does not live as long.
const lifetime = 5 * 365 * 24 * time.Hour

// Authority signs certificates and keeps them in a folder.
type Authority struct {
	caCert string
	dir    string // of the pairs it makes
	cert   *x509.Certificate
	key    crypto.Signer
}

// Pair is where a certificate and its key lie.
type Pair struct {
	Cert, Key string
}

// Open loads the authority in dir, making a new one if there is none.
func Open(dir string) (*Authority, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	a := &Authority{caCert: filepath.Join(dir, "ca.crt"), dir: dir}
	err := a.load()
	if errors.Is(err, fs.ErrNotExist) {
		err = a.create()
	}
	if err != nil {
		return nil, fmt.Errorf("open certificate authority: %w", err)
	}
	return a, nil
}

// CACert is the file that holds the authority's own certificate.
func (a *Authority) CACert() string { return a.caCert }

// KeepIn is the same authority keeping what it signs in another folder, which exists.
func (a *Authority) KeepIn(dir string) *Authority {
	other := *a
	other.dir = dir
	return &other
}

func (a *Authority) load() error {
	cert, err := os.ReadFile(a.CACert())
	if err != nil {
		return err
	}
	key, err := os.ReadFile(filepath.Join(a.dir, "ca.key"))
	if err != nil {
		return err
	}
	certBlock, _ := pem.Decode(cert)
	keyBlock, _ := pem.Decode(key)
	if certBlock == nil || keyBlock == nil {
		return errors.New("decode PEM: no block")
	}
	if a.cert, err = x509.ParseCertificate(certBlock.Bytes); err != nil {
		return err
	}
	a.key, err = x509.ParseECPrivateKey(keyBlock.Bytes)
	return err
}

func (a *Authority) create() error {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "muster-local"},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	if _, err := a.sign("ca", template); err != nil {
		return err
	}
	return a.load()
}

// Client makes the certificate of the Kubernetes user in groups, stored under name; one made before is kept.
func (a *Authority) Client(name, user string, groups ...string) (Pair, error) {
	return a.once(name, &x509.Certificate{
		Subject:     pkix.Name{CommonName: user, Organization: groups},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

// Server makes the certificate of a server reached under hosts, names or addresses; one made before is kept.
func (a *Authority) Server(name string, hosts ...string) (Pair, error) {
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: hosts[0]},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	return a.once(name, template)
}

// Key makes a bare key pair, stored under name: what service account tokens are signed with. Cert holds the public key.
func (a *Authority) Key(name string) (Pair, error) {
	pair := a.pair(name)
	if exists(pair) {
		return pair, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return Pair{}, err
	}
	return pair, write(pair, "PUBLIC KEY", public, key)
}

// once signs template unless a pair of that name exists.
func (a *Authority) once(name string, template *x509.Certificate) (Pair, error) {
	if pair := a.pair(name); exists(pair) {
		return pair, nil
	}
	pair, err := a.sign(name, template)
	if err != nil {
		return Pair{}, fmt.Errorf("make certificate %s: %w", name, err)
	}
	return pair, nil
}

// sign completes template and stores it with a new key; the authority's own is signed with its own key.
func (a *Authority) sign(name string, template *x509.Certificate) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return Pair{}, err
	}
	now := time.Now()
	template.NotBefore, template.NotAfter = now.Add(-time.Hour), now.Add(lifetime)
	parent, signer := a.cert, a.key
	if template.IsCA {
		parent, signer = template, key
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return Pair{}, err
	}
	pair := a.pair(name)
	return pair, write(pair, "CERTIFICATE", cert, key)
}

func (a *Authority) pair(name string) Pair {
	return Pair{Cert: filepath.Join(a.dir, name+".crt"), Key: filepath.Join(a.dir, name+".key")}
}

func exists(p Pair) bool {
	_, errCert := os.Stat(p.Cert)
	_, errKey := os.Stat(p.Key)
	return errCert == nil && errKey == nil
}

// write stores the key first and each file by renaming: after a crash a pair is there wholly or is made anew.
func write(p Pair, kind string, public []byte, key *ecdsa.PrivateKey) error {
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	if err := writePEM(p.Key, "EC PRIVATE KEY", private, 0o600); err != nil {
		return err
	}
	return writePEM(p.Cert, kind, public, 0o644)
}

func writePEM(file, kind string, content []byte, mode os.FileMode) error {
	block := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content})
	if err := os.WriteFile(file+".new", block, mode); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}
