// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// pump sends one request again and again over many connections, as redis-benchmark does: one thread that waits for all of
// them at once. It leaves the machine's other cores, and most of its own, to what is measured.
type pump struct {
	request   []byte
	epoll     int
	conns     map[int32]*pumped
	left      int // requests to send
	latencies []time.Duration
}

// pumped is one connection with a request under way.
type pumped struct {
	sent  time.Time
	reply []byte // as much as there is
}

// pumpAll has clients connections send count requests and gives how long each took, and all together.
func pumpAll(address string, clients, count int, request []byte) (latencies []time.Duration, took time.Duration, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p := &pump{request: request, conns: map[int32]*pumped{}, left: count}
	if p.epoll, err = syscall.EpollCreate1(0); err != nil {
		return nil, 0, err
	}
	defer syscall.Close(p.epoll)
	defer func() {
		for fd := range p.conns {
			_ = syscall.Close(int(fd))
		}
	}()
	for range clients {
		if err := p.connect(address); err != nil {
			return nil, 0, err
		}
	}
	began := time.Now()
	for fd := range p.conns {
		if err := p.send(fd); err != nil {
			return nil, 0, err
		}
	}
	for len(p.latencies) < count {
		if err := p.wait(); err != nil {
			return nil, 0, err
		}
	}
	return p.latencies, time.Since(began), nil
}

func (p *pump) connect(address string) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	p.conns[int32(fd)] = &pumped{} //nolint:gosec // a file descriptor is small
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
		return err
	}
	if err := errors.Join(syscall.SetNonblock(fd, true), syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)); err != nil {
		return err
	}
	return syscall.EpollCtl(p.epoll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)}) //nolint:gosec // as above
}

func (p *pump) send(fd int32) error {
	if p.left == 0 {
		return nil
	}
	p.left--
	c := p.conns[fd]
	c.sent, c.reply = time.Now(), c.reply[:0]
	n, err := syscall.Write(int(fd), p.request)
	if err == nil && n < len(p.request) {
		err = errors.New("a request does not fit the socket")
	}
	return err
}

// wait takes what came and sends the next request on each connection that has its reply.
func (p *pump) wait() error {
	var events [64]syscall.EpollEvent
	n, err := syscall.EpollWait(p.epoll, events[:], 10_000)
	if errors.Is(err, syscall.EINTR) {
		return nil
	}
	if err != nil {
		return err
	}
	if n == 0 {
		return errors.New("no reply in ten seconds")
	}
	var buf [16 << 10]byte
	for _, event := range events[:n] {
		got, err := syscall.Read(int(event.Fd), buf[:])
		if err != nil {
			return err
		}
		if got == 0 {
			return errors.New("the server closed a connection")
		}
		c := p.conns[event.Fd]
		c.reply = append(c.reply, buf[:got]...)
		isWhole, err := isReply(c.reply)
		if err != nil {
			return err
		}
		if !isWhole {
			continue
		}
		p.latencies = append(p.latencies, time.Since(c.sent))
		if err := p.send(event.Fd); err != nil {
			return err
		}
	}
	return nil
}

// isReply reports whether an HTTP reply is whole; one that is no success is an error.
func isReply(reply []byte) (bool, error) {
	head, body, ok := bytes.Cut(reply, []byte("\r\n\r\n"))
	if !ok {
		return false, nil
	}
	_, rest, ok := bytes.Cut(head, []byte("\r\nContent-Length: "))
	if !ok {
		return false, errors.New("a reply without its length")
	}
	digits, _, _ := bytes.Cut(rest, []byte("\r\n"))
	length, err := strconv.Atoi(string(digits))
	if err != nil || len(body) < length {
		return false, err
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 200")) {
		return false, fmt.Errorf("reply: %s", body)
	}
	return true, nil
}
