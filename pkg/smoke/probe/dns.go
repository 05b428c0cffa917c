package probe

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// dns looks a name up, at the given server or the system's.
func (c *Client) dns(ctx context.Context, r Request) (*Answer, error) {
	resolver := net.DefaultResolver
	if r.Server != "" {
		dialer := net.Dialer{Timeout: r.Connection.connectTimeout()}
		resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, r.Server)
			if err != nil {
				return nil, fmt.Errorf("ask the DNS server: %w", err)
			}
			return conn, nil
		}}
	}
	start := time.Now()
	values, err := lookup(ctx, resolver, r.Target, r.RecordType)
	if err != nil {
		return nil, fail(ctx, r.Target, err)
	}
	slices.Sort(values)
	return &Answer{URL: r.Target, Values: slices.Compact(values), Duration: time.Since(start)}, nil
}

func lookup(ctx context.Context, resolver *net.Resolver, name, record string) ([]string, error) {
	var values []string
	switch record {
	case "", "A", "AAAA":
		network := map[string]string{"": "ip", "A": "ip4", "AAAA": "ip6"}[record]
		addresses, err := resolver.LookupNetIP(ctx, network, name)
		for _, a := range addresses {
			values = append(values, a.Unmap().String())
		}
		return values, wrapLookup(err)
	case "CNAME":
		target, err := resolver.LookupCNAME(ctx, name)
		return []string{trimDot(target)}, wrapLookup(err)
	case "MX":
		records, err := resolver.LookupMX(ctx, name)
		for _, mx := range records {
			values = append(values, trimDot(mx.Host))
		}
		return values, wrapLookup(err)
	case "NS":
		records, err := resolver.LookupNS(ctx, name)
		for _, ns := range records {
			values = append(values, trimDot(ns.Host))
		}
		return values, wrapLookup(err)
	case "TXT":
		values, err := resolver.LookupTXT(ctx, name)
		return values, wrapLookup(err)
	default:
		return nil, &Error{CauseRequest, name, fmt.Errorf("record type %q is not one of A, AAAA, CNAME, MX, NS, TXT", record)}
	}
}

func wrapLookup(err error) error {
	if err != nil {
		return fmt.Errorf("look up: %w", err)
	}
	return nil
}

func trimDot(name string) string { return strings.TrimSuffix(name, ".") }
