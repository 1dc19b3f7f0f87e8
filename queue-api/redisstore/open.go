// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// What clients of every kind are tuned to: no hidden retries (a script that may have run is not run again behind the
// caller's back; a Redis Cluster's redirections apart) and deadlines from the context.
const (
	dialTimeout = 3 * time.Second
	ioTimeout   = 5 * time.Second
	poolTimeout = 2 * time.Second
	poolSize    = 64
)

// Open makes a client of the Redis that a URL names:
//
//	redis://, rediss://, unix://                                 one server
//	redis+sentinel://[USER:PASSWORD@]HOST[:26379][,HOST]/MASTER  the server that Sentinels say is the master
//	redis+cluster://[USER:PASSWORD@]HOST[:6379][,HOST]           a Redis Cluster, of which some nodes are named
//
// rediss+sentinel and rediss+cluster use TLS. Of the first form are the options those of go-redis; redis+sentinel takes db,
// sentinel_username and sentinel_password, which are the Sentinels' own credentials.
func Open(address string) (redis.UniversalClient, error) {
	scheme, rest, _ := strings.Cut(address, "://")
	security, kind, several := strings.Cut(scheme, "+")
	if !several {
		o, err := Options(address)
		if err != nil {
			return nil, err
		}
		return redis.NewClient(o), nil
	}
	o, err := severalServers(security, kind, rest)
	if err != nil {
		return nil, err
	}
	return redis.NewUniversalClient(o), nil
}

// Options reads the URL of one server into a client's options.
func Options(address string) (*redis.Options, error) {
	o, err := redis.ParseURL(address)
	if err != nil {
		return nil, badURL(err)
	}
	o.MaxRetries = -1
	o.ContextTimeoutEnabled = true
	o.DialTimeout = dialTimeout
	o.DialerRetries = 1 // whoever waits is told at once; the next call dials again
	o.ReadTimeout = ioTimeout
	o.WriteTimeout = ioTimeout
	o.PoolTimeout = poolTimeout
	o.PoolSize = poolSize
	return o, nil
}

// badURL leaves out the URL, which may have a password in it.
func badURL(err error) error {
	if parse, ok := errors.AsType[*url.Error](err); ok {
		err = parse.Err
	}
	return fmt.Errorf("redis URL: %w", err)
}

var (
	errScheme  = errors.New("scheme must be redis, rediss, unix, redis+sentinel, rediss+sentinel, redis+cluster or rediss+cluster")
	errMaster  = errors.New("redis+sentinel needs the name of the master as its path")
	errPath    = errors.New("redis+cluster takes no path")
	errNoHosts = errors.New("no host")
)

// severalServers reads the URL of Sentinels or of a Redis Cluster. Hosts are read here: a URL may have one.
func severalServers(security, kind, rest string) (*redis.UniversalOptions, error) {
	ports := map[string]string{"sentinel": "26379", "cluster": "6379"}
	if ports[kind] == "" || security != "redis" && security != "rediss" {
		return nil, badURL(errScheme)
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	at := strings.LastIndex(rest[:end], "@")
	u, err := url.Parse("redis://" + rest[:at+1] + "host" + rest[end:])
	if err != nil {
		return nil, badURL(err)
	}
	o := &redis.UniversalOptions{
		IsClusterMode: kind == "cluster", MaxRetries: -1, ContextTimeoutEnabled: true, DialTimeout: dialTimeout, DialerRetries: 1,
		ReadTimeout: ioTimeout, WriteTimeout: ioTimeout, PoolTimeout: poolTimeout, PoolSize: poolSize,
	}
	o.Username = u.User.Username()
	o.Password, _ = u.User.Password()
	if security == "rediss" {
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if o.Addrs, err = hosts(rest[at+1:end], ports[kind]); err != nil {
		return nil, badURL(err)
	}
	if kind == "cluster" {
		err = clusterOptions(u)
	} else {
		err = sentinelOptions(u, o)
	}
	if err != nil {
		return nil, badURL(err)
	}
	return o, nil
}

// hosts are separated by commas; port is of those that name none.
func hosts(list, port string) ([]string, error) {
	var out []string
	for host := range strings.SplitSeq(list, ",") {
		name, given, err := net.SplitHostPort(host)
		if err != nil {
			name, given = strings.Trim(host, "[]"), port
		}
		if name == "" {
			return nil, errNoHosts
		}
		out = append(out, net.JoinHostPort(name, given))
	}
	return out, nil
}

func clusterOptions(u *url.URL) error {
	if strings.Trim(u.Path, "/") != "" {
		return errPath
	}
	return unknownOptions(u.Query())
}

func sentinelOptions(u *url.URL, o *redis.UniversalOptions) (err error) {
	if o.MasterName = strings.Trim(u.Path, "/"); o.MasterName == "" {
		return errMaster
	}
	query := u.Query()
	o.SentinelUsername, o.SentinelPassword = query.Get("sentinel_username"), query.Get("sentinel_password")
	if db := query.Get("db"); db != "" {
		if o.DB, err = strconv.Atoi(db); err != nil {
			return fmt.Errorf("db: %w", err)
		}
	}
	for _, known := range []string{"db", "sentinel_username", "sentinel_password"} {
		query.Del(known)
	}
	return unknownOptions(query)
}

func unknownOptions(query url.Values) error {
	for name := range query {
		return fmt.Errorf("unknown option %.64q", name)
	}
	return nil
}
