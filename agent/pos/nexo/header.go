package nexo

import (
	"fmt"
	"strings"
)

// Header is a MessageHeader. Fields that a message does not carry are empty.
type Header struct {
	ProtocolVersion string `json:"ProtocolVersion"`
	MessageClass    string `json:"MessageClass"`
	MessageCategory string `json:"MessageCategory"`
	MessageType     string `json:"MessageType"`
	ServiceID       string `json:"ServiceID,omitempty"`
	DeviceID        string `json:"DeviceID,omitempty"`
	SaleID          string `json:"SaleID"`
	POIID           string `json:"POIID"`
}

// maxName bounds SaleID, POIID and DeviceID; the standard has no limit for them.
const maxName = 128

// Error is a request that cannot be carried out for its form, and the ErrorCondition it is
// answered with. Text is for people and holds nothing secret.
type Error struct {
	Condition Condition
	Text      string
}

func (e *Error) Error() string { return string(e.Condition) + ": " + e.Text }

func malformed(format string, args ...any) *Error {
	return &Error{MessageFormat, fmt.Sprintf(format, args...)}
}

// classes says in which MessageClass a category travels: every category there is.
var classes = map[string]string{
	"Abort": "Service", "Admin": "Service", "BalanceInquiry": "Service", "Batch": "Service",
	"CardAcquisition": "Service", "Diagnosis": "Service", "EnableService": "Service",
	"GetTotals": "Service", "Login": "Service", "Logout": "Service", "Loyalty": "Service",
	"Payment": "Service", "Reconciliation": "Service", "Reversal": "Service",
	"StoredValue": "Service", "TransactionStatus": "Service",
	"CardReaderAPDU": "Device", "CardReaderInit": "Device", "CardReaderPowerOff": "Device",
	"Display": "Device", "Input": "Device", "InputUpdate": "Device", "PIN": "Device",
	"Print": "Device", "Sound": "Device", "Transmit": "Device",
	"Event": "Event",
}

// ReadHeader takes the header out of a MessageHeader object. What is not a string is left
// empty, so that an answer can still echo the rest; the error is the first such field.
// Unknown fields are ignored.
func ReadHeader(v Value) (Header, *Error) {
	var h Header
	if v.Kind != Object {
		return h, malformed("MessageHeader is missing")
	}
	var first *Error
	for _, f := range []struct {
		name string
		to   *string
	}{
		{"ProtocolVersion", &h.ProtocolVersion}, {"MessageClass", &h.MessageClass},
		{"MessageCategory", &h.MessageCategory}, {"MessageType", &h.MessageType},
		{"ServiceID", &h.ServiceID}, {"DeviceID", &h.DeviceID},
		{"SaleID", &h.SaleID}, {"POIID", &h.POIID},
	} {
		field, there := v.Get(f.name)
		if !there {
			continue
		}
		s, ok := field.Text()
		if !ok || len(s) > maxName || !printable(s) {
			if first == nil {
				first = malformed("MessageHeader.%s is not a short text", f.name)
			}
			continue
		}
		*f.to = s
	}
	return h, first
}

// Check says whether h can be a request to the terminal poiid.
func (h Header) Check(poiid string) *Error {
	class, known := classes[h.MessageCategory]
	switch {
	case h.ProtocolVersion != "3.0":
		return malformed("ProtocolVersion is not 3.0")
	case !known:
		return malformed("MessageCategory is not one of the standard's")
	case h.MessageType != "Request":
		return malformed("MessageType is not Request")
	case h.MessageClass != class:
		return malformed("MessageClass of %s is %s", h.MessageCategory, class)
	case !serviceID(h.ServiceID):
		return malformed("ServiceID is not 1 to 10 ASCII letters or digits")
	case class == "Device" && h.DeviceID == "":
		return malformed("DeviceID is missing")
	case h.SaleID == "":
		return malformed("SaleID is missing")
	case h.POIID == "":
		return malformed("POIID is missing")
	case h.POIID != poiid:
		return &Error{NotAllowed, "this terminal is " + poiid}
	}
	return nil
}

// Answer is the header echoed as a response.
func (h Header) Answer() Header {
	h.MessageType = "Response"
	return h
}

// Body is the name of the message part: "PaymentRequest" for a Payment.
func (h Header) Body() string { return h.MessageCategory + "Request" }

func serviceID(s string) bool {
	if len(s) < 1 || len(s) > 10 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return true
}

// printable keeps control characters out of names: they part the keys of the replay guard.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f })
}
