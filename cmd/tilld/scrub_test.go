package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/internal/secret"
)

type stringer struct{ text string }

func (s stringer) String() string { return s.text }

type valuer struct{ text string }

func (v valuer) LogValue() slog.Value { return slog.GroupValue(slog.String("inner", v.text)) }

// Whatever a package hands to the log by mistake, in whatever shape.
func TestLogShowsNoCode(t *testing.T) {
	const code = "134567890123456789"
	const key = "-----BEGIN RSA PRIVATE KEY-----\ncanary\n-----END RSA PRIVATE KEY-----"
	for _, form := range []string{"text", "json"} {
		var b bytes.Buffer
		log := newLog(form, &b)
		log.Info("scanned "+code, "text", code, "err", errors.New("bad code "+code), "wrapped", fmt.Errorf("x: %w", errors.New(code)))
		log.Info("x", "auth_code", "canary", "passphrase", "canary", "Token", "canary", "n", int64(134567890123456789), "u", uint64(134567890123456789))
		log.Info("x", "bytes", []byte("canary"), "stringer", stringer{code}, "pointer", &stringer{code}, "valuer", valuer{code})
		log.Info("x", "list", []string{code}, "map", map[string]string{"a": code}, "struct", struct{ A, B string }{code, "y"})
		log.Info("x", "pem", key, "emv", "hQVDUFYwMWETTwegAAAAVVVVUAhQcm9kdWN0MQ==")
		log.Info("x", "secret", secret.Copy([]byte("canary")), "credential", sale.Credential{Scheme: "wechatpay", Code: secret.Copy([]byte("canary"))})
		log.With("text", code, "passphrase", "canary").WithGroup("g").With("deep", valuer{code}).Warn(code, slog.Group("h", "k", code, slog.Group("i", "token", "canary")))
		out := b.String()
		for _, bad := range []string{code, "canary", "hQVDUFY", "63616e617279", "99 97 110"} {
			if strings.Contains(out, bad) {
				t.Errorf("%s: %q in the log:\n%s", form, bad, out)
			}
		}
	}
}

func TestLogKeepsWhatPeopleNeed(t *testing.T) {
	var b bytes.Buffer
	id := sale.OrderID(sale.PaymentID("H7ABHRAV", "J31JSB", 17), 1, 2)
	newLog("json", &b).Info("ended", "order", id, "amount", "12.80 CNY", "after", 3*time.Second, "n", 42, "ok", true,
		"wallet_transaction", "4200001234202611221234567890", "err", errors.New("no answer in 10s"))
	for _, want := range []string{id, "12.80 CNY", "42", "true", "4200001234202611221234567890", "no answer in 10s"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing: %s", want, b.String())
		}
	}
}
