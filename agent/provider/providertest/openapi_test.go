package providertest

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/provider"
	"github.com/tilld/tilld/agent/provider/internal/wire"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/secret"
)

// node is a part of a YAML document: text, a list or a mapping.
type node struct {
	text string
	list []node
	keys []string
	of   map[string]node
}

func (n node) at(path ...string) node {
	for _, p := range path {
		n = n.of[p]
	}
	return n
}

// texts are the items of a list.
func (n node) texts() []string {
	var all []string
	for _, i := range n.list {
		all = append(all, i.text)
	}
	return all
}

// readYAML reads the part of YAML that openapi.yaml is written in: mappings and lists by
// indentation, lists in brackets, texts with and without quotes, and blocks behind "|".
func readYAML(text string) (node, error) {
	r := &yaml{lines: strings.Split(text, "\n")}
	n, err := r.block(0)
	if err == nil && r.next < len(r.lines) {
		err = fmt.Errorf("line %d: wrong indentation", r.next+1)
	}
	return n, err
}

type yaml struct {
	lines []string
	next  int
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// block reads what stands at an indentation.
func (r *yaml) block(depth int) (node, error) {
	n := node{of: map[string]node{}}
	for ; r.next < len(r.lines); r.next++ {
		line := r.lines[r.next]
		if strings.TrimSpace(line) == "" {
			continue
		}
		if indent(line) < depth {
			break
		}
		if indent(line) > depth {
			return n, fmt.Errorf("line %d: wrong indentation", r.next+1)
		}
		if item, is := strings.CutPrefix(line[depth:], "- "); is {
			r.lines[r.next] = strings.Repeat(" ", depth+2) + item
			if !strings.Contains(item, ": ") && !strings.HasSuffix(item, ":") {
				n.list = append(n.list, scalar(item))
				continue
			}
			v, err := r.block(depth + 2)
			if err != nil {
				return n, err
			}
			n.list = append(n.list, v)
			r.next--
			continue
		}
		if err := r.entry(&n, line[depth:], depth); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (r *yaml) entry(n *node, line string, depth int) error {
	key, value, found := strings.Cut(line, ":")
	key = strings.Trim(key, `"`)
	if _, twice := n.of[key]; !found || twice {
		return fmt.Errorf("line %d: no key, or one that was there: %q", r.next+1, line)
	}
	n.keys = append(n.keys, key)
	switch value = strings.TrimSpace(value); value {
	case "":
		r.next++
		v, err := r.block(depth + 2)
		if err != nil {
			return err
		}
		n.of[key] = v
		r.next--
	case "|":
		for r.next+1 < len(r.lines) && (strings.TrimSpace(r.lines[r.next+1]) == "" || indent(r.lines[r.next+1]) > depth) {
			r.next++
		}
		n.of[key] = node{text: "a block"}
	default:
		n.of[key] = scalar(value)
	}
	return nil
}

func scalar(value string) node {
	if inner, is := strings.CutPrefix(value, "["); is {
		n := node{}
		for item := range strings.SplitSeq(strings.TrimSuffix(inner, "]"), ",") {
			if item = strings.TrimSpace(item); item != "" {
				n.list = append(n.list, node{text: item})
			}
		}
		return n
	}
	return node{text: strings.Trim(value, `"`)}
}

func document(t *testing.T) node {
	t.Helper()
	text, err := os.ReadFile("../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	n, err := readYAML(string(text))
	if err != nil {
		t.Fatalf("openapi.yaml: %v", err)
	}
	return n
}

const schemas = "#/components/schemas/"

// TestDocumentedPaths holds the paths of openapi.yaml to those that are served, with the
// messages that each one takes and gives.
func TestDocumentedPaths(t *testing.T) {
	doc := document(t)
	served := map[string]bool{}
	check := func(method, path string, question, answer any) {
		served[path] = true
		op := doc.at("paths", path, strings.ToLower(method))
		if len(doc.at("paths", path).keys) != 1 || len(op.keys) == 0 {
			t.Errorf("%s %s is served and not documented, or not alone", method, path)
			return
		}
		asked := op.at("requestBody", "content", "application/json", "schema", "$ref").text
		if question == nil && asked != "" || question != nil && asked != schemas+reflect.TypeOf(question).Name() {
			t.Errorf("%s: the request is documented as %q and served as %T", path, asked, question)
		}
		given := op.at("responses", "200", "content", "application/json", "schema", "$ref").text
		if given != schemas+reflect.TypeOf(answer).Name() {
			t.Errorf("%s: the answer is documented as %q and served as %T", path, given, answer)
		}
		if op.at("responses", "default", "$ref").text != "#/components/responses/Problem" {
			t.Errorf("%s: no problems", path)
		}
	}
	for _, r := range routes() {
		check(r.method, r.path, r.question, r.answer)
	}
	check("GET", wire.PathStatus, nil, wire.Status{})
	for _, path := range doc.at("paths").keys {
		if !served[path] {
			t.Errorf("%s is documented and not served", path)
		}
	}
}

// TestDocumentedFields holds every schema to the type that is read and written, both ways.
func TestDocumentedFields(t *testing.T) {
	doc := document(t)
	seen := map[string]bool{}
	for _, v := range []any{wire.Status{}, wire.Keys{}, wire.KeyList{}, wire.ChallengeRequest{}, wire.Challenge{}, wire.Presented{},
		wire.Identified{}, wire.Enrolled{}, wire.RevokeRequest{}, wire.Revoked{}, wire.VoidRequest{}, wire.Voided{}, wire.Problem{},
		biometric.Verdict{}} {
		compareSchema(t, doc, reflect.TypeOf(v), seen)
	}
	compareSealed(t, doc, seen)
	for _, name := range doc.at("components", "schemas").keys {
		if !seen[name] {
			t.Errorf("schema %s is documented and not used", name)
		}
	}
}

func compareSchema(t *testing.T, doc node, typ reflect.Type, seen map[string]bool) {
	name := typ.Name()
	if seen[name] {
		return
	}
	seen[name] = true
	schema := doc.at("components", "schemas", name)
	if schema.at("type").text != "object" || schema.at("additionalProperties").text != "false" {
		t.Errorf("%s: not an object that is closed", name)
	}
	var names, required []string
	for _, f := range wire.Fields(typ) {
		names = append(names, f.Name)
		if !f.Optional {
			required = append(required, f.Name)
		}
		compareField(t, doc, name+"."+f.Name, typ.Field(f.Index).Type, schema.at("properties", f.Name), seen)
	}
	if got := schema.at("properties").keys; !slices.Equal(got, names) {
		t.Errorf("%s has the fields %v, and %v are documented", name, names, got)
	}
	if got := schema.at("required").texts(); !slices.Equal(got, required) {
		t.Errorf("%s needs the fields %v, and %v are documented", name, required, got)
	}
}

func compareField(t *testing.T, doc node, at string, typ reflect.Type, field node, seen map[string]bool) {
	want, format := "", ""
	switch typ {
	case reflect.TypeFor[*secret.Bytes]():
		want, format = "string", field.at("format").text // salt is base64, the others are not
	case reflect.TypeFor[[]byte]():
		want, format = "string", "byte"
	case reflect.TypeFor[time.Time]():
		want, format = "string", "date-time"
	case reflect.TypeFor[wire.Raw]():
		if field.at("$ref").text != schemas+"Sealed" {
			t.Errorf("%s: documented as %q", at, field.at("$ref").text)
		}
		return
	default:
		switch typ.Kind() {
		case reflect.Pointer:
			compareField(t, doc, at, typ.Elem(), field, seen)
			return
		case reflect.Struct:
			if field.at("$ref").text != schemas+typ.Name() {
				t.Errorf("%s: documented as %q, want %s", at, field.at("$ref").text, typ.Name())
			}
			compareSchema(t, doc, typ, seen)
			return
		case reflect.Slice:
			want = "array"
			compareField(t, doc, at+"[]", typ.Elem(), field.at("items"), seen)
		case reflect.String:
			want = "string"
		case reflect.Bool:
			want = "boolean"
		case reflect.Int, reflect.Int64, reflect.Uint32:
			want = "integer"
		case reflect.Float64:
			want = "number"
		}
	}
	if field.at("type").text != want || field.at("format").text != format {
		t.Errorf("%s: documented as %q %q, want %q %q", at, field.at("type").text, field.at("format").text, want, format)
	}
}

// compareSealed holds the schemas of a Sealed to one that was written.
func compareSealed(t *testing.T, doc node, seen map[string]bool) {
	text, err := json.Marshal(biometric.Sealed{})
	if err != nil {
		t.Fatal(err)
	}
	var sealed struct {
		all, binding map[string]json.RawMessage
	}
	if err := json.Unmarshal(text, &sealed.all); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(sealed.all["binding"], &sealed.binding); err != nil {
		t.Fatal(err)
	}
	for name, fields := range map[string]map[string]json.RawMessage{"Sealed": sealed.all, "Binding": sealed.binding} {
		seen[name] = true
		schema := doc.at("components", "schemas", name)
		want := slices.Sorted(maps.Keys(fields))
		if got := slices.Sorted(slices.Values(schema.at("properties").keys)); !slices.Equal(got, want) {
			t.Errorf("%s has the fields %v, and %v are documented", name, want, got)
		}
		if got := slices.Sorted(slices.Values(schema.at("required").texts())); !slices.Equal(got, want) {
			t.Errorf("%s needs the fields %v, and %v are documented", name, want, got)
		}
	}
}

// TestDocumentedWords holds the outcomes and the codes of problems to those of the program.
func TestDocumentedWords(t *testing.T) {
	doc := document(t)
	enum := func(schema, field string) []string {
		return slices.Sorted(slices.Values(doc.at("components", "schemas", schema, "properties", field, "enum").texts()))
	}
	words := func(outcomes ...provider.Outcome) []string {
		var all []string
		for _, o := range outcomes {
			all = append(all, string(o))
		}
		slices.Sort(all)
		return all
	}
	for _, c := range []struct{ got, want []string }{
		{enum("Problem", "code"), slices.Sorted(maps.Keys(wire.Statuses))},
		{enum("Identified", "outcome"), words(provider.Matched, provider.NotMatched, provider.WrongHand, provider.NotEnrolled,
			provider.SecondFactor, provider.Refused, provider.Expired, provider.LockedOut)},
		{enum("Enrolled", "outcome"), words(provider.Enrolled, provider.NotMatched, provider.Refused, provider.Expired, provider.LockedOut)},
		{enum("Epoch", "profile"), []string{string(biometric.Private), string(biometric.Standard)}},
		{enum("ChallengeRequest", "purpose"), []string{string(biometric.Enrol), string(biometric.Pay)}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("documented are %v, want %v", c.got, c.want)
		}
	}
}

func TestReadYAML(t *testing.T) {
	for text, ok := range map[string]bool{
		"a: 1\nb:\n  c: [x, y]\n  d: |\n    text: with colon\n\n    more\n  e: \"q\"\n": true,
		"a:\n  - b: 1\n    c: 2\n  - d\n":                                               true,
		"a: 1\na: 2\n":                                                                  false,
		"a: 1\n   b: 2\n":                                                               false,
		"a\n":                                                                           false,
	} {
		if _, err := readYAML(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
	n, err := readYAML("a:\n  - b: 1\n    c: [x, y]\n  - d\n")
	if err != nil || len(n.at("a").list) != 2 || n.at("a").list[0].at("c").texts()[1] != "y" || n.at("a").list[1].text != "d" {
		t.Errorf("%+v, %v", n, err)
	}
}
