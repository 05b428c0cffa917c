package mysql

import "context"

// moreResults is the status of a result that another one follows.
const moreResults = 1 << 3

// Exec runs one statement to its end and returns the first row of its first
// result that has rows: nil if none has, and a nil value is NULL. A statement
// that the server refuses is an *Error, after which the connection is good.
func (c *Conn) Exec(ctx context.Context, statement string) (first []*string, err error) {
	err = c.during(ctx, func() error {
		if err := c.command(comQuery, statement); err != nil {
			return err
		}
		for more := true; more; {
			row, again, err := c.result()
			if err != nil {
				return err
			}
			if first == nil {
				first = row
			}
			more = again
		}
		return nil
	})
	return first, err
}

// result reads one result: a bare OK, or columns and rows,
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset.html.
func (c *Conn) result() (first []*string, more bool, err error) {
	payload, err := c.receive()
	if err != nil {
		return nil, false, err
	}
	switch payload[0] {
	case isOK:
		r := reader{rest: payload[1:]}
		r.number() // rows affected
		r.number() // the last ID
		return nil, r.integer(2)&moreResults != 0, nil
	case isFile: // we have not offered any
		return nil, false, errMalformed
	}
	columns := countColumns(payload)
	if columns == 0 {
		return nil, false, errMalformed
	}
	for range columns {
		if _, err := c.receive(); err != nil {
			return nil, false, err
		}
	}
	if payload, err = c.receive(); err != nil {
		return nil, false, err
	}
	if _, end := parseEnd(payload); !end {
		return nil, false, errMalformed
	}
	for {
		if payload, err = c.receive(); err != nil {
			return nil, false, err
		}
		if status, end := parseEnd(payload); end {
			return first, status&moreResults != 0, nil
		}
		if first != nil {
			continue
		}
		if first = parseRow(payload, columns); first == nil {
			return nil, false, errMalformed
		}
	}
}

// countColumns reads how many columns a result has; 0 is none that MySQL
// would send.
func countColumns(payload []byte) int {
	r := reader{rest: payload}
	n, null := r.number()
	if null || r.short || n > 4096 {
		return 0
	}
	return int(n)
}

// parseEnd tells whether this is the packet that ends columns or rows.
func parseEnd(payload []byte) (status uint64, end bool) {
	if payload[0] != isEnd || len(payload) != 5 {
		return 0, false
	}
	r := reader{rest: payload[3:]} // behind the count of warnings
	return r.integer(2), true
}

// parseRow reads the values of a row; nil if it is none.
func parseRow(payload []byte, columns int) []*string {
	r := reader{rest: payload}
	row := make([]*string, columns)
	for i := range row {
		row[i] = r.value()
	}
	if r.short || len(r.rest) > 0 {
		return nil
	}
	return row
}
