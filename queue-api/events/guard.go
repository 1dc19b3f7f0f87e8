// SPDX-License-Identifier: Apache-2.0

package events

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// AllowList names internal addresses that webhooks may reach: those of these prefixes.
type AllowList []netip.Prefix

// ParseAllowList reads addresses and CIDR prefixes.
func ParseAllowList(entries []string) (AllowList, error) {
	var list AllowList
	for _, e := range entries {
		p, err := netip.ParsePrefix(e)
		if err != nil {
			a, addressErr := netip.ParseAddr(e)
			if addressErr != nil {
				return nil, fmt.Errorf("%q is neither an IP address nor a CIDR prefix", e)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		list = append(list, p.Masked())
	}
	return list, nil
}

// shared are the addresses that are internal though net/netip does not call them private.
var shared = []netip.Prefix{
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("2002::/16"),
}

// permits reports whether a webhook may reach the address: any public one, and the internal ones listed. It is asked with
// the address of the connection itself, so that a name cannot be resolved to one thing and reached as another.
func (l AllowList) permits(a netip.Addr) bool {
	a = a.Unmap()
	for _, p := range l {
		if p.Contains(a) {
			return true
		}
	}
	for _, p := range shared {
		if p.Contains(a) {
			return false
		}
	}
	return a.IsGlobalUnicast() && !a.IsPrivate()
}

var errInternal = errors.New("the address is internal and not on the allow list")

// control refuses a connection by its address, before it is made.
func (l AllowList) control(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !l.permits(to.Addr()) {
		return errInternal
	}
	return nil
}

// newClient makes a client that follows no redirect, uses no proxy and reaches no internal address.
func newClient(allow AllowList, timeout time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: timeout, Control: allow.control}
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: timeout, ResponseHeaderTimeout: timeout,
			MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 64 << 10,
		},
	}
}

// withoutURL drops the URL of a client's error: it may hold a secret.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
