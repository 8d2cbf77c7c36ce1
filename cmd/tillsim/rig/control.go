package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"

	"github.com/tilld/tilld/agent/wallet/wallettest"
)

// Control asks the running daemon through its control socket, as its command line does. body
// may be nil; out may be nil when the answer does not matter.
func (r *Rig) Control(ctx context.Context, method, path string, body, out any) error {
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("ask the till for %s: %w", path, err)
		}
		sent = bytes.NewReader(text)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", r.Socket())
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, method, "http://tilld"+path, sent)
	if err != nil {
		return fmt.Errorf("ask the till for %s: %w", path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the till for %s: %w", path, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var said struct{ Error string }
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10)) // half an error says something too
		if json.Unmarshal(text, &said) != nil || said.Error == "" {
			said.Error = resp.Status
		}
		return fmt.Errorf("ask the till for %s: %s", path, said.Error)
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("read the till's answer to %s: %w", path, err)
	}
	return nil
}

// Offer asks for a code of ours for a payment; empty means the one on the customer's screen.
func (r *Rig) Offer(ctx context.Context, payment string) error {
	return r.Control(ctx, http.MethodPost, "/v1/offer", map[string]string{"payment": payment}, nil)
}

// Command runs the daemon's program with a command of its command line, and returns what it
// wrote to standard output and its exit status.
func (r *Rig) Command(ctx context.Context, args ...string) (out string, status int, err error) {
	cmd := exec.CommandContext(ctx, r.o.Tilld, append([]string{"--config", r.Config()}, args...)...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return "", -1, fmt.Errorf("run tilld %s: %w", strings.Join(args, " "), err)
	}
	if text := strings.TrimSpace(stderr.String()); text != "" && err != nil {
		return stdout.String(), exit.ExitCode(), fmt.Errorf("tilld %s: %s", strings.Join(args, " "), text)
	}
	return stdout.String(), cmd.ProcessState.ExitCode(), nil
}

// EditConfig changes the configuration's text. The running daemon does not notice by itself.
func (r *Rig) EditConfig(edit func(text string) string) error {
	text, err := os.ReadFile(r.Config())
	if err != nil {
		return fmt.Errorf("edit the configuration: %w", err)
	}
	if err := os.WriteFile(r.Config(), []byte(edit(string(text))), 0o600); err != nil {
		return fmt.Errorf("edit the configuration: %w", err)
	}
	return nil
}

// SecondKey adds another wallet's public key to the keys of a contract in the configuration's
// text, as a shop does while its wallet changes keys.
func (r *Rig) SecondKey(text, wallet string) string {
	first := quote(r.path("wallets/" + wallet + "-platform.pem"))
	second := quote(r.path("wallets/" + wallettest.UnionPay + "-platform.pem"))
	return strings.Replace(text, "wallet_keys = ["+first+"]", "wallet_keys = ["+first+", "+second+"]", 1)
}
