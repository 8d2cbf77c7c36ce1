package rig

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/template"
)

// contract is one [[contract]] of the generated configuration.
type contract struct {
	Slot       int
	Name       string
	Wallet     string
	Schemes    []string
	Currencies []string
	Endpoint   string
	CAFile     string
	KeyID      string
	KeyFile    string
	WalletKeys []string
	Settings   map[string]string // the keys of [contract.WALLET]
	Files      map[string]string // further files, by key
	Offer      bool
	SaleIDs    []string
}

// Keys lists the settings' keys in order, so that the file is the same every time.
func (c contract) Keys() []string {
	var keys []string
	for k := range c.Settings {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// settings is everything that differs between two generated configurations.
type settings struct {
	State, Keys    string
	Model, Serial  string
	Scale          int
	CodeWait       string
	POSListen      string
	POSCertificate string
	POSKey         string
	PerTry         []string
	DisplayListen  string
	Socket         string
	ScannerPort    string
	Contracts      []contract
	Palm           *palmSettings
}

// toml quotes a string as TOML's basic strings are; the texts here are paths and names.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

func quoteAll(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = quote(s)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

var configText = template.Must(template.New("tilld.toml").Funcs(template.FuncMap{"q": quote, "all": quoteAll}).Parse(
	`# Written by tillsim: a till of the test environment, between simulated wallets and a
# simulated scanner. It is written anew at every start.
environment = "test"
state = {{q .State}}
log = "text"

[terminal]
model = {{q .Model}}
serial = {{q .Serial}}
keys = {{q .Keys}}
language = "zh"
location = "+31.23/+121.47"
network_license = "P3100"
store_id = "S-1"
store_name = "Corner shop"
clock = "system"
code_profile = "default"
clock_scale = {{.Scale}}
ceiling = "5000.00"
code_wait = {{q .CodeWait}}

[pos]
listen = {{q .POSListen}}
certificate = {{q .POSCertificate}}
key = {{q .POSKey}}
plain = true
new_transaction_per_try = {{all .PerTry}}

[display]
listen = {{q .DisplayListen}}

[control]
socket = {{q .Socket}}

[[scanner]]
name = "counter"
driver = "serial"
port = {{q .ScannerPort}}
baud = 115200
protocol = "line"
aim = true
terminator = "crlf"
{{with .Palm}}
[palm]
camera = {{q .Camera}}
provider = {{q .Provider}}
title = {{q .Title}}
endpoint = {{q .Endpoint}}
ca_file = {{q .CAFile}}
root_keys = [{{q .RootKey}}]
merchant = {{q .Merchant}}
key_file = {{q .KeyFile}}
{{end}}{{range .Contracts}}
[[contract]]
slot = {{.Slot}}
name = {{q .Name}}
wallet = {{q .Wallet}}
schemes = {{all .Schemes}}
currencies = {{all .Currencies}}
endpoint = {{q .Endpoint}}
ca_file = {{q .CAFile}}
key_id = {{q .KeyID}}
key_file = {{q .KeyFile}}
{{- if .WalletKeys}}
wallet_keys = {{all .WalletKeys}}
{{- end}}
{{- if .Offer}}
offer = true
{{- end}}
{{- if .SaleIDs}}
sale_ids = {{all .SaleIDs}}
{{- end}}
{{- range $key, $path := .Files}}
{{$key}} = {{q $path}}
{{- end}}
[contract.{{.Wallet}}]
{{- $c := .}}
{{- range .Keys}}
{{.}} = {{q (index $c.Settings .)}}
{{- end}}
{{end}}`))

func (s settings) write(path string) error {
	var b bytes.Buffer
	if err := configText.Execute(&b, s); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return nil
}
