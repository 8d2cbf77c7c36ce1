package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/tilld/tilld/agent"
)

// Touch is what a person does on the step that the customer's screen shows, as its page sends
// it.
type Touch struct {
	Payment string     `json:"payment"` // Screen.Payment
	Step    uint64     `json:"step"`    // Screen.Step
	Deed    agent.Deed `json:"deed"`
	Code    string     `json:"code,omitempty"` // with agent.DeedType
	*Boxes             // with agent.DeedAgree
}

// Boxes are those of a consent, as they stand.
type Boxes struct {
	Age       bool `json:"age"`
	Biometric bool `json:"biometric"`
	Transfer  bool `json:"transfer"`
}

// Touch touches the customer's screen, in English.
func (r *Rig) Touch(ctx context.Context, t Touch) error {
	return r.press(ctx, "/palm/touch?lang=en", t)
}

// ChoosePalm presses the button of a payment that waits for a code.
func (r *Rig) ChoosePalm(ctx context.Context, payment string) error {
	return r.press(ctx, "/palm", map[string]string{"payment": payment})
}

// EnrolPalm and WithdrawPalm press the buttons of an idle till.
func (r *Rig) EnrolPalm(ctx context.Context) error { return r.press(ctx, "/palm/enrol", struct{}{}) }

// WithdrawPalm is described beside EnrolPalm.
func (r *Rig) WithdrawPalm(ctx context.Context) error {
	return r.press(ctx, "/palm/withdraw", struct{}{})
}

// press sends what the customer's page sends.
func (r *Rig) press(ctx context.Context, path string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("touch the screen: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.DisplayURL()+path, bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("touch the screen: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("touch the screen: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	said, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return fmt.Errorf("touch the screen: %s: %w", resp.Status, err)
	}
	return fmt.Errorf("touch the screen at %s: %s: %s", path, resp.Status, strings.TrimSpace(string(said)))
}
