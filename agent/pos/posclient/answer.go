package posclient

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"github.com/tilld/tilld/agent/pos/nexocrypto"
)

// Answer is what came back. Raw is the plain JSON without the leading white space; empty
// after an Abort.
type Answer struct {
	HTTP               int
	Raw                []byte
	Category           string // of the answer's header
	ServiceID          string
	Result             string // "Success", "Failure"
	ErrorCondition     string
	AdditionalResponse string
	POITransactionID   string
	// Repeated is the stored answer that a TransactionStatus carries, if it does.
	Repeated *Answer
}

// Additional is one value of the k=v pairs in AdditionalResponse.
func (a Answer) Additional(name string) string {
	values, err := url.ParseQuery(a.AdditionalResponse)
	if err != nil {
		return ""
	}
	return values.Get(name)
}

// response is what all nexo responses have in common.
type response struct {
	Response struct {
		Result             string
		ErrorCondition     string
		AdditionalResponse string
	}
	POIData struct {
		POITransactionID struct{ TransactionID string }
	}
	RepeatedMessageResponse *struct {
		MessageHeader               json.RawMessage
		RepeatedResponseMessageBody map[string]json.RawMessage
	}
}

func (c *Client) read(status int, raw []byte) (Answer, error) {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	a := Answer{HTTP: status, Raw: raw}
	if status != 200 || len(raw) == 0 {
		return a, nil
	}
	if c.key != nil {
		plain, err := c.open(raw)
		if err != nil {
			return a, fmt.Errorf("open the answer: %w", err)
		}
		a.Raw = plain
	}
	var envelope struct {
		SaleToPOIResponse map[string]json.RawMessage
	}
	if err := json.Unmarshal(a.Raw, &envelope); err != nil {
		return a, fmt.Errorf("read the answer: %w", err)
	}
	if envelope.SaleToPOIResponse == nil {
		return a, errors.New("read the answer: no SaleToPOIResponse in it")
	}
	return a, a.fill(envelope.SaleToPOIResponse)
}

func (a *Answer) fill(parts map[string]json.RawMessage) error {
	var h Header
	if err := json.Unmarshal(parts["MessageHeader"], &h); err != nil {
		return fmt.Errorf("read the answer's header: %w", err)
	}
	a.Category, a.ServiceID = h.MessageCategory, h.ServiceID
	var r response
	if err := json.Unmarshal(parts[h.MessageCategory+"Response"], &r); err != nil {
		return fmt.Errorf("read the answer's %sResponse: %w", h.MessageCategory, err)
	}
	a.Result = r.Response.Result
	a.ErrorCondition = r.Response.ErrorCondition
	a.AdditionalResponse = r.Response.AdditionalResponse
	a.POITransactionID = r.POIData.POITransactionID.TransactionID
	if again := r.RepeatedMessageResponse; again != nil {
		parts := map[string]json.RawMessage{"MessageHeader": again.MessageHeader}
		for name, body := range again.RepeatedResponseMessageBody {
			parts[name] = body
		}
		a.Repeated = &Answer{HTTP: a.HTTP}
		return a.Repeated.fill(parts)
	}
	return nil
}

func (c *Client) open(raw []byte) ([]byte, error) {
	var sealed struct {
		SaleToPOIResponse struct {
			NexoBlob        string
			SecurityTrailer nexocrypto.Trailer
		}
	}
	if err := json.Unmarshal(raw, &sealed); err != nil {
		return nil, err
	}
	return c.key.Open(sealed.SaleToPOIResponse.NexoBlob, sealed.SaleToPOIResponse.SecurityTrailer)
}
