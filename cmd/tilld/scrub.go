package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"

	"github.com/tilld/tilld/internal/secret"
)

// newLog writes to w, in the form the configuration names, through scrub.
func newLog(form string, w io.Writer) *slog.Logger {
	var h slog.Handler
	if form == "json" {
		h = slog.NewJSONHandler(w, nil)
	} else {
		h = slog.NewTextHandler(w, nil)
	}
	return slog.New(scrub{h})
}

// scrub is the last line of defence before the log: whatever a package hands over by
// mistake, nothing that looks like a payment code or a key passes. The packages that know
// secrets keep them in secret.Bytes, which shows nothing anyway.
type scrub struct{ next slog.Handler }

func (s scrub) Enabled(ctx context.Context, l slog.Level) bool { return s.next.Enabled(ctx, l) }

// Handle passes on a record made anew from cleaned parts.
func (s scrub) Handle(ctx context.Context, r slog.Record) error {
	out := slog.NewRecord(r.Time, r.Level, cleanText(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(cleanAttr(a))
		return true
	})
	return s.next.Handle(ctx, out)
}

func (s scrub) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = cleanAttr(a)
	}
	return scrub{s.next.WithAttrs(clean)}
}

func (s scrub) WithGroup(name string) slog.Handler { return scrub{s.next.WithGroup(name)} }

// secretNames are attributes that are never shown, whatever they hold.
var secretNames = regexp.MustCompile(`(?i)^(auth_?code|code_?text|pay_?code|qr_?no|passphrase|password|secret|token|private_?key|root_?key|credential)$`)

// codeLike is a run of 16 to 24 digits that stands alone: every wallet's payment code, and
// no order id, which has 27 characters. pemKey is a private key in PEM.
var (
	codeLike = regexp.MustCompile(`\b[0-9]{16,24}\b`)
	emvLike  = regexp.MustCompile(`\bhQVDUFY[A-Za-z0-9+/=]+`) // base64 of EMV's consumer-presented payload
	pemKey   = regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)`)
)

func cleanAttr(a slog.Attr) slog.Attr {
	if secretNames.MatchString(a.Key) {
		return slog.String(a.Key, secret.Redacted)
	}
	return slog.Attr{Key: a.Key, Value: cleanValue(a.Value)}
}

func cleanValue(v slog.Value) slog.Value {
	v = v.Resolve()
	switch v.Kind() {
	case slog.KindString:
		return slog.StringValue(cleanText(v.String()))
	case slog.KindInt64, slog.KindUint64:
		if text := v.String(); codeLike.MatchString(text) {
			return slog.StringValue(secret.Redacted)
		}
	case slog.KindGroup:
		attrs := v.Group()
		clean := make([]slog.Attr, len(attrs))
		for i, a := range attrs {
			clean[i] = cleanAttr(a)
		}
		return slog.GroupValue(clean...)
	case slog.KindAny:
		if b, ok := v.Any().([]byte); ok {
			return slog.StringValue(fmt.Sprintf("%d bytes", len(b)))
		}
		return slog.StringValue(cleanText(fmt.Sprint(v.Any())))
	}
	return v
}

func cleanText(s string) string {
	if strings.Contains(s, "PRIVATE KEY") {
		s = pemKey.ReplaceAllString(s, secret.Redacted)
	}
	s = emvLike.ReplaceAllString(s, secret.Redacted)
	return codeLike.ReplaceAllString(s, secret.Redacted)
}
