package sql

import "strings"

// splitMySQL cuts a file into statements as the program mysql does: at
// semicolons that no text, name or comment holds, or at what a line DELIMITER
// names instead
// (https://dev.mysql.com/doc/refman/8.4/en/stored-programs-defining.html).
// Empty statements and those of comments only are dropped.
func splitMySQL(text string) (list []statement) {
	delimiter, line := ";", 1
	var current strings.Builder
	begin := 0
	end := func() {
		if current.Len() > 0 {
			list = append(list, statement{begin, strings.TrimSpace(current.String())})
		}
		current.Reset()
	}
	for text != "" {
		n, keep := 0, false
		if current.Len() == 0 {
			if n = delimiterLine(text, &delimiter); n == 0 {
				n = idle(text)
			}
			begin = line
		}
		switch {
		case n > 0:
		case strings.HasPrefix(text, delimiter):
			n = len(delimiter)
			end()
		default:
			n, keep = token(text), true
		}
		if keep {
			current.WriteString(text[:n])
		}
		line += strings.Count(text[:n], "\n")
		text = text[n:]
	}
	end()
	return list
}

// delimiterLine reads a line that changes the delimiter and returns its
// length; 0 is another line.
func delimiterLine(text string, delimiter *string) int {
	line, _, _ := strings.Cut(text, "\n")
	words := strings.Fields(line)
	if len(words) < 2 || !strings.EqualFold(words[0], "delimiter") {
		return 0
	}
	*delimiter = words[1]
	return len(line)
}

// idle is the length of a space or a comment between statements. A comment
// whose content some servers run, /*! … */, is none.
func idle(text string) int {
	switch {
	case strings.ContainsRune(" \t\r\n\f\v", rune(text[0])):
		return 1
	case lineComment(text), strings.HasPrefix(text, "/*") && !strings.HasPrefix(text, "/*!") && !strings.HasPrefix(text, "/*M!"):
		return token(text)
	}
	return 0
}

// token is the length of what no delimiter is looked for in: a text, a name or
// a comment; else of one byte.
func token(text string) int {
	switch {
	case text[0] == '\'', text[0] == '"', text[0] == '`':
		return quoted(text)
	case lineComment(text):
		if n := strings.IndexByte(text, '\n'); n > 0 {
			return n
		}
		return len(text)
	case strings.HasPrefix(text, "/*"):
		if n := strings.Index(text[2:], "*/"); n >= 0 {
			return n + 4
		}
		return len(text)
	}
	return 1
}

// lineComment tells whether a comment begins that the line's end ends: # or
// two dashes with a space behind them.
func lineComment(text string) bool {
	rest, dashes := strings.CutPrefix(text, "--")
	return text[0] == '#' || dashes && (rest == "" || rest[0] <= ' ')
}

// quoted is the length of a quoted text. A doubled quote within ends one and
// begins another, which comes to the same.
func quoted(text string) int {
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && text[0] != '`':
			i++
		case text[i] == text[0]:
			return i + 1
		}
	}
	return len(text)
}
