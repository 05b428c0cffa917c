// Package nearest finds the word that somebody meant.
package nearest

import "strings"

// Word returns the word closest to name, or "" if none is close: at most a
// third of its letters differ, or one holds the other.
func Word(name string, words []string) string {
	if name == "" {
		return ""
	}
	best, bestDistance := "", len(name)/3+2
	for _, word := range words {
		d := distance(plainName(name), plainName(word))
		if d < bestDistance {
			best, bestDistance = word, d
		}
	}
	if best != "" {
		return best
	}
	for _, word := range words {
		if strings.Contains(word, name) || strings.Contains(name, word) {
			return word
		}
	}
	return ""
}

func plainName(s string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(s))
}

// distance is the Levenshtein distance of a and b in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		previous := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := previous
			if a[i] != b[j] {
				substitute++
			}
			previous = row[j+1]
			row[j+1] = min(row[j]+1, row[j+1]+1, substitute)
		}
	}
	return row[len(b)]
}
