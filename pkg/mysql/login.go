package mysql

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // the plugin mysql_native_password is made of it
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
)

// Capabilities,
// https://dev.mysql.com/doc/dev/mysql-server/latest/group__group__cs__capabilities__flags.html.
const (
	longPassword     = 1 << 0
	longFlag         = 1 << 2
	connectWithDB    = 1 << 3
	protocol41       = 1 << 9
	encryption       = 1 << 11
	transactions     = 1 << 13
	secureConnection = 1 << 15
	multiResults     = 1 << 17
	pluginAuth       = 1 << 19
)

// utf8mb4 is the number of the collation utf8mb4_general_ci, which MySQL and
// MariaDB share.
const utf8mb4 = 45

// greeting is what a server says first.
type greeting struct {
	capabilities uint64
	salt         []byte
	plugin       string
}

// parseGreeting reads protocol 10's handshake,
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_v10.html.
func parseGreeting(payload []byte) (greeting, error) {
	r := reader{rest: payload}
	if r.integer(1) != 10 {
		return greeting{}, errMalformed
	}
	r.text()  // the version
	r.take(4) // the connection's number
	g := greeting{salt: append([]byte(nil), r.take(8)...)}
	r.take(1)
	g.capabilities = r.integer(2)
	r.take(3) // collation and status
	g.capabilities |= r.integer(2) << 16
	n := int(r.integer(1))
	r.take(10)
	g.salt = append(g.salt, r.take(max(13, n-8))...)
	g.salt = g.salt[:len(g.salt)-1] // a NUL ends it
	g.plugin = r.text()
	if r.short || g.capabilities&protocol41 == 0 || g.capabilities&pluginAuth == 0 {
		return greeting{}, errMalformed
	}
	return g, nil
}

// login takes a new connection to where it answers commands.
func (c *Conn) login(ctx context.Context, config Config) error {
	payload, err := c.receive()
	if err != nil {
		return err
	}
	server, err := parseGreeting(payload)
	if err != nil {
		return err
	}
	capabilities := uint32(longPassword | longFlag | protocol41 | transactions | secureConnection | multiResults | pluginAuth)
	if config.Database != "" {
		capabilities |= connectWithDB
	}
	can := server.capabilities&encryption != 0
	if config.TLS != nil && !can && !config.TLS.InsecureSkipVerify {
		return errors.New("the server cannot encrypt the connection")
	}
	if config.TLS != nil && can {
		capabilities |= encryption
		if err := c.encrypt(ctx, head(capabilities), config.TLS); err != nil {
			return err
		}
	}
	proof, err := prove(server.plugin, config.Password, server.salt)
	if err != nil { // it may have another plugin for this user
		server.plugin, proof = nativePassword, scrambleNative(config.Password, server.salt)
	}
	answer := append(head(capabilities), config.User...)
	answer = append(answer, 0, byte(len(proof)))
	answer = append(answer, proof...)
	if config.Database != "" {
		answer = append(append(answer, config.Database...), 0)
	}
	answer = append(append(answer, server.plugin...), 0)
	if err := c.send(answer); err != nil {
		return err
	}
	return c.admitted(config.Password, server)
}

// head is how the answer to a greeting begins, and all of a wish for TLS.
func head(capabilities uint32) []byte {
	b := binary.LittleEndian.AppendUint32(nil, capabilities)
	b = binary.LittleEndian.AppendUint32(b, longest)
	return append(append(b, utf8mb4), make([]byte, 23)...)
}

func (c *Conn) encrypt(ctx context.Context, wish []byte, config *tls.Config) error {
	if err := c.send(wish); err != nil {
		return err
	}
	over := tls.Client(c.conn, config)
	if err := over.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("encrypt the connection: %w", err)
	}
	c.conn, c.encrypted = over, true
	return nil
}

// admitted goes on with the login until the server is content.
func (c *Conn) admitted(password string, server greeting) error {
	for range 8 { // more than any plugin needs
		payload, err := c.receive()
		if err != nil {
			return err
		}
		var answer []byte
		switch r := (reader{rest: payload[1:]}); payload[0] {
		case isOK:
			return nil
		case isEnd:
			server.plugin = r.text()
			answer, err = prove(server.plugin, password, bytes.TrimSuffix(r.rest, []byte{0}))
		case isMore:
			answer, err = c.more(server.plugin, r, password)
		default:
			err = errMalformed
		}
		if err == nil && answer != nil {
			err = c.send(answer)
		}
		if err != nil {
			return err
		}
	}
	return errMalformed
}

// Plugins, and what caching_sha2_password's server says when it knows the
// password by heart or needs it in full,
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html.
const (
	nativePassword = "mysql_native_password"
	cachingSHA2    = "caching_sha2_password"

	known  = 3
	inFull = 4
)

// more answers what caching_sha2_password says after our proof.
func (c *Conn) more(plugin string, r reader, password string) ([]byte, error) {
	said := r.integer(1)
	switch {
	case plugin != cachingSHA2 || r.short:
		return nil, errMalformed
	case said == known:
		return nil, nil
	case said != inFull:
		return nil, errMalformed
	case !c.encrypted && !c.local:
		return nil, errors.New("the server wants the password itself, which must not go over a connection that is not encrypted")
	}
	return append([]byte(password), 0), nil
}

// prove shows knowledge of the password.
func prove(plugin, password string, salt []byte) ([]byte, error) {
	switch plugin {
	case nativePassword:
		return scrambleNative(password, salt), nil
	case cachingSHA2:
		return scrambleSHA2(password, salt), nil
	}
	return nil, fmt.Errorf("the server wants this user to log in by %q, which is not supported: %s and %s are",
		plugin, nativePassword, cachingSHA2)
}

// scrambleNative is SHA1(password) XOR SHA1(salt, SHA1(SHA1(password))).
func scrambleNative(password string, salt []byte) []byte {
	if password == "" {
		return []byte{}
	}
	once := sha1.Sum([]byte(password))                                //nolint:gosec // as above
	twice := sha1.Sum(once[:])                                        //nolint:gosec // as above
	mask := sha1.Sum(append(salt[:len(salt):len(salt)], twice[:]...)) //nolint:gosec // as above
	subtle.XORBytes(once[:], once[:], mask[:])
	return once[:]
}

// scrambleSHA2 is SHA256(password) XOR SHA256(SHA256(SHA256(password)), salt).
func scrambleSHA2(password string, salt []byte) []byte {
	if password == "" {
		return []byte{}
	}
	once := sha256.Sum256([]byte(password))
	twice := sha256.Sum256(once[:])
	mask := sha256.Sum256(append(twice[:], salt...))
	subtle.XORBytes(once[:], once[:], mask[:])
	return once[:]
}
