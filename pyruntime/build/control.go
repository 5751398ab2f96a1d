package main

import (
	"fmt"
	"strings"
)

// paragraph is one paragraph of a Debian control file: fields by lower-case
// name. A folded value keeps its lines, each without the blank it began with.
type paragraph map[string]string

// parseParagraphs reads a Debian control file (deb822): paragraphs divided by
// blank lines, fields as Name: value, values continued on lines that begin
// with a blank, comments on lines that begin with #.
func parseParagraphs(text string) ([]paragraph, error) {
	var all []paragraph
	current, field := paragraph{}, ""
	flush := func() {
		if len(current) > 0 {
			all = append(all, current)
		}
		current, field = paragraph{}, ""
	}
	for n, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.TrimSpace(line) == "":
			flush()
		case line[0] == ' ' || line[0] == '\t':
			if field == "" {
				return nil, fmt.Errorf("line %d continues no field: %q", n+1, line)
			}
			current[field] += "\n" + strings.TrimSpace(line)
		default:
			name, value, ok := strings.Cut(line, ":")
			if !ok {
				return nil, fmt.Errorf("line %d is no field: %q", n+1, line)
			}
			field = strings.ToLower(strings.TrimSpace(name))
			current[field] = strings.TrimSpace(value)
		}
	}
	flush()
	return all, nil
}
