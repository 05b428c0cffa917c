package mysql

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
)

// errMalformed reports an answer that is not MySQL's protocol.
var errMalformed = errors.New("the server's answer is not understood: is it a MySQL server?")

const (
	// longest is the payload of a packet that another one continues.
	longest = 1<<24 - 1
	// limit bounds what we keep of one answer: MySQL's own limit of a packet.
	limit = 1 << 30
)

// Commands and the first bytes of answers.
const (
	comQuit  = 0x01
	comQuery = 0x03

	isOK    = 0x00
	isMore  = 0x01 // more data of the login
	isFile  = 0xfb // the server asks for a file of the client; in a row it is NULL
	isEnd   = 0xfe // the end of rows, or another plugin for the login
	isError = 0xff
)

// wire sends and receives packets: 3 bytes of length, 1 of sequence, payload.
type wire struct {
	conn     net.Conn
	sequence byte
}

// receive returns the payload of the next packet, and a server's error as an
// *Error.
func (w *wire) receive() ([]byte, error) {
	var payload bytes.Buffer
	for {
		var head [4]byte
		if _, err := io.ReadFull(w.conn, head[:]); err != nil {
			return nil, fmt.Errorf("read from the server: %w", err)
		}
		w.sequence = head[3] + 1
		head[3] = 0
		n := int64(binary.LittleEndian.Uint32(head[:]))
		if int64(payload.Len())+n > limit {
			return nil, errMalformed
		}
		if _, err := io.CopyN(&payload, w.conn, n); err != nil {
			return nil, fmt.Errorf("read from the server: %w", err)
		}
		if n < longest {
			break
		}
	}
	switch {
	case payload.Len() == 0:
		return nil, errMalformed
	case payload.Bytes()[0] == isError:
		return nil, parseError(payload.Bytes()[1:])
	}
	return payload.Bytes(), nil
}

func (w *wire) send(payload []byte) error {
	for {
		n := min(len(payload), longest)
		packet := binary.LittleEndian.AppendUint32(make([]byte, 0, 4+n), uint32(n)|uint32(w.sequence)<<24)
		if _, err := w.conn.Write(append(packet, payload[:n]...)); err != nil {
			return fmt.Errorf("write to the server: %w", err)
		}
		w.sequence++
		if payload = payload[n:]; n < longest {
			return nil
		}
	}
}

// command begins an exchange.
func (w *wire) command(code byte, text string) error {
	w.sequence = 0
	return w.send(append([]byte{code}, text...))
}

// parseError reads an error packet behind its first byte.
func parseError(payload []byte) error {
	r := reader{rest: payload}
	e := &Error{Code: int(r.integer(2)), State: "HY000"}
	if bytes.HasPrefix(r.rest, []byte("#")) { // not before the login
		e.State = string(r.take(6)[1:])
	}
	e.Message = string(r.rest)
	if r.short {
		return errMalformed
	}
	return e
}

// reader reads the fields of a packet. Past the end it returns zeros, and
// short says so.
type reader struct {
	rest  []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.rest) {
		r.rest, r.short = nil, true
		return make([]byte, max(0, min(n, 64)))
	}
	field := r.rest[:n]
	r.rest = r.rest[n:]
	return field
}

// integer reads n bytes, the least significant first.
func (r *reader) integer(n int) uint64 {
	var all [8]byte
	copy(all[:], r.take(n))
	return binary.LittleEndian.Uint64(all[:])
}

// text reads up to a NUL, which it drops, or to the end.
func (r *reader) text() string {
	field, rest, _ := bytes.Cut(r.rest, []byte{0})
	r.rest = rest
	return string(field)
}

// number reads a length or a count; null says that NULL stands there.
func (r *reader) number() (n uint64, null bool) {
	switch n = r.integer(1); n {
	case isFile:
		return 0, true
	case 0xfc:
		n = r.integer(2)
	case 0xfd:
		n = r.integer(3)
	case 0xfe:
		n = r.integer(8)
	}
	return n, false
}

// value reads a value with its length before it; nil is NULL.
func (r *reader) value() *string {
	n, null := r.number()
	if null {
		return nil
	}
	return new(string(r.take(int(min(n, limit)))))
}
