package abi

import (
	"context"
	"encoding/binary"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
)

// cHeader is what abi.h says.
type cHeader struct {
	defines  map[string]string   // name without WASGI_, upper-case, without "_" → value as written
	comments map[string]string   // the same name → what stands behind the value
	structs  map[string][]cField // name without wasgi_ → its fields
}

// cField is a field of a struct: a uint32_t, or an array of char.
type cField struct {
	name         string
	offset, size int
}

// readHeader parses abi.h line by line: defines with a value, and structs.
func readHeader(t *testing.T) cHeader {
	t.Helper()
	text, err := os.ReadFile("abi.h")
	if err != nil {
		t.Fatal(err)
	}
	h := cHeader{map[string]string{}, map[string]string{}, map[string][]cField{}}
	define := regexp.MustCompile(`^#define WASGI_(\w+)\s+("[^"]*"|-?\d+)\s*(?:/\* (.*) \*/)?$`)
	member := regexp.MustCompile(`^\t(?:uint32_t (\w+)|char (\w+)\[(\d+)\]);`)
	in := ""
	for line := range strings.SplitSeq(string(text), "\n") {
		fields := strings.Fields(line)
		switch m := define.FindStringSubmatch(line); {
		case m != nil:
			key := strings.ReplaceAll(m[1], "_", "")
			if _, twice := h.defines[key]; twice {
				t.Errorf("abi.h defines %s twice", m[1])
			}
			h.defines[key], h.comments[key] = m[2], m[3]
		case strings.HasPrefix(line, "#define") && !strings.HasSuffix(line, "_H"):
			t.Errorf("abi.h has a define this test cannot read: %s", line)
		case len(fields) == 3 && fields[0] == "struct":
			in = strings.TrimPrefix(fields[1], "wasgi_")
		case len(fields) == 1 && fields[0] == "};":
			in = ""
		case in != "":
			m := member.FindStringSubmatch(line)
			if m == nil {
				t.Errorf("abi.h has a field this test cannot read: %s", line)
				continue
			}
			h.add(in, m[1]+m[2], m[3])
		}
	}
	return h
}

// add appends a field to a struct: an array of length chars, or a uint32_t where that is "".
func (h *cHeader) add(name, field, length string) {
	offset, size := 0, 4
	if n, err := strconv.Atoi(length); err == nil {
		size = n
	}
	if so := h.structs[name]; len(so) > 0 {
		offset = so[len(so)-1].offset + so[len(so)-1].size
	}
	h.structs[name] = append(h.structs[name], cField{field, offset, size})
}

// goConstants returns the constants of abi.go, named as cHeader names its defines.
func goConstants(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "abi.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, name := range spec.Names {
			found[defineName(name.Name)] = literal(t, name.Name, spec.Values[i])
		}
		return true
	})
	return found
}

func defineName(constant string) string {
	if constant == "Version" {
		return "ABIVERSION"
	}
	return strings.ToUpper(constant)
}

func literal(t *testing.T, name string, e ast.Expr) string {
	t.Helper()
	if minus, ok := e.(*ast.UnaryExpr); ok {
		return minus.Op.String() + literal(t, name, minus.X)
	}
	lit, ok := e.(*ast.BasicLit)
	if !ok {
		t.Errorf("abi.go: %s is no literal", name)
		return ""
	}
	return lit.Value
}

func TestBothSidesHaveTheSameNamesAndValues(t *testing.T) {
	inC, inGo := readHeader(t).defines, goConstants(t)
	if len(inC) < 30 {
		t.Errorf("read %d defines of abi.h, want them all", len(inC))
	}
	for _, name := range slices.Sorted(maps.Keys(inC)) {
		if got, ok := inGo[name]; !ok {
			t.Errorf("abi.h has %s = %s, abi.go does not", name, inC[name])
		} else if got != inC[name] {
			t.Errorf("%s is %s in abi.h and %s in abi.go", name, inC[name], got)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(inGo)) {
		if _, ok := inC[name]; !ok {
			t.Errorf("abi.go has %s = %s, abi.h does not", name, inGo[name])
		}
	}
}

func TestEveryErrorHasItsSentence(t *testing.T) {
	seen := map[string]Error{}
	for name, value := range readHeader(t).defines {
		if !strings.HasPrefix(name, "ERROR") {
			continue
		}
		n, err := strconv.Atoi(value)
		if err != nil {
			t.Fatal(err)
		}
		text := Error(n).Error()
		if other, twice := seen[text]; twice || text == "no error" {
			t.Errorf("%s says %q, as %d does", name, text, other)
		}
		seen[text] = Error(n)
	}
}

func TestOutcomesAfterWhichAGuestGoesOn(t *testing.T) {
	for o, want := range map[Outcome]bool{
		OutcomeOK: true, OutcomeRaised: true,
		OutcomeExit: false, OutcomeBroken: false, OutcomeMemory: false, OutcomeInterrupted: false, -1: false, 1 << 30: false,
	} {
		if got := o.Reusable(); got != want {
			t.Errorf("Outcome(%d).Reusable() = %v, want %v", o, got, want)
		}
	}
}

// layout writes the fields of a struct of abi.h, by name, as C would.
func layout(t *testing.T, h cHeader, name string, values map[string]uint32) []byte {
	t.Helper()
	var b []byte
	for _, field := range h.structs[name] {
		value, ok := values[field.name]
		if !ok || field.size != 4 {
			t.Errorf("struct wasgi_%s has a field %v that Go does not know", name, field)
		}
		b = binary.LittleEndian.AppendUint32(b, value)
	}
	if len(h.structs[name]) != len(values) {
		t.Errorf("struct wasgi_%s has fields %v, Go wants %d", name, h.structs[name], len(values))
	}
	return b
}

func TestPairsHaveTheLayoutOfTheHeader(t *testing.T) {
	h := readHeader(t)
	if len(h.structs) != 3 {
		t.Errorf("abi.h has structs %v, want pairs, pair and interrupt", slices.Collect(maps.Keys(h.structs)))
	}
	if got := 4 * len(h.structs["pairs"]); got != pairsHeader {
		t.Errorf("struct wasgi_pairs has %d bytes, pairsHeader is %d", got, pairsHeader)
	}
	if got := 4 * len(h.structs["pair"]); got != pairHeader {
		t.Errorf("struct wasgi_pair has %d bytes, pairHeader is %d", got, pairHeader)
	}
	want := layout(t, h, "pairs", map[string]uint32{"count": 2, "size": 8 + 8 + 3 + 2 + 8 + 1})
	want = append(want, layout(t, h, "pair", map[string]uint32{"name_len": 3, "value_len": 2})...)
	want = append(want, "abcde"...)
	want = append(want, layout(t, h, "pair", map[string]uint32{"name_len": 1, "value_len": 0})...)
	want = append(want, 'f')
	p := &Pairs{}
	p.Add("abc", "de")
	p.Add("f", "")
	if got := p.Bytes(); string(got) != string(want) {
		t.Errorf("Pairs are\n%x, abi.h draws\n%x", got, want)
	}
}

// The comment behind an import lists its parameters and, behind "->", its result.
func TestHostFunctionsHaveTheParametersOfTheHeader(t *testing.T) {
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer r.Close(ctx)
	if err := Instantiate(ctx, r); err != nil {
		t.Fatal(err)
	}
	h := readHeader(t)
	got := map[string]string{}
	for name, def := range r.Module(importModule).ExportedFunctionDefinitions() {
		got[name] = fmt.Sprint(len(def.ParamTypes()), " to ", len(def.ResultTypes()))
	}
	want := map[string]string{}
	for name, value := range h.defines {
		imported := strings.HasPrefix(name, "IMPORT") || strings.HasPrefix(name, "METER")
		if !imported || name == "IMPORTMODULE" || name == "METERDATA" {
			continue
		}
		list, rest, ok := strings.Cut(strings.TrimPrefix(h.comments[name], "("), ")")
		if !ok {
			t.Errorf("%s has no parameters in abi.h: %s", name, h.comments[name])
		}
		// "headers: Pairs, len" is two; what follows a ":" is a comment.
		want[strings.Trim(value, `"`)] = fmt.Sprint(parameters(list), " to ", strings.Count(rest, "->"))
	}
	if !maps.Equal(got, want) {
		t.Errorf("host functions are\n%v, abi.h lists\n%v", got, want)
	}
}

// The shim names limits to Python; wasgi.toml has the same names.
func TestLimitsHaveTheNamesOfTheHeader(t *testing.T) {
	inShim := map[string]string{}
	row := regexp.MustCompile(`\{("\w+"), WASGI_(LEFT_\w+), (true|false)\}`)
	for _, m := range row.FindAllStringSubmatch(mustRead(t, "../pyruntime/shim/limits.c"), -1) {
		unit := map[string]string{"true": "nanoseconds", "false": "bytes"}[m[3]]
		inShim[strings.ReplaceAll(m[2], "_", "")] = m[1] + ", " + unit
	}
	inHeader := map[string]string{}
	for name, comment := range readHeader(t).comments {
		if strings.HasPrefix(name, "LEFT") {
			inHeader[name], _, _ = strings.Cut(comment, " of ")
		}
	}
	if !maps.Equal(inShim, inHeader) {
		t.Errorf("limits.c has\n%v, abi.h\n%v", inShim, inHeader)
	}
}

// parameters counts what a list like "ptr, len" names.
func parameters(list string) int {
	if list == "" {
		return 0
	}
	return strings.Count(list, ",") + 1
}

func TestTheShimUsesEveryName(t *testing.T) {
	files, err := filepath.Glob("../pyruntime/shim/*.[ch]")
	if err != nil || len(files) == 0 {
		t.Fatal("the shim is not there", err)
	}
	var shim strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		shim.Write(text)
	}
	for line := range strings.SplitSeq(mustRead(t, "abi.h"), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[0] != "#define" {
			continue
		}
		exportOrImport := strings.HasPrefix(fields[1], "WASGI_EXPORT_") || strings.HasPrefix(fields[1], "WASGI_IMPORT_")
		if exportOrImport && !strings.Contains(shim.String(), fields[1]) {
			t.Errorf("the shim does not name %s", fields[1])
		}
	}
}

func mustRead(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
