package pos

import (
	"time"

	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/pos/nexo"
)

// diagnosis says how the till is. It asks no wallet: what is known is on the board.
func (s *Server) diagnosis(h nexo.Header) []byte {
	status, hosts := s.condition()
	body := object{
		"Response":   s.success(),
		"POIStatus":  status,
		"HostStatus": hosts,
	}
	if len(s.o.SaleIDs) > 0 {
		body["LoggedSaleID"] = s.o.SaleIDs
	}
	return message(h.Answer(), "DiagnosisResponse", body)
}

// condition reads the board: GlobalStatus is Maintenance while something forbids new sales,
// Unreachable when that is the network, and Busy while a payment runs.
func (s *Server) condition() (status object, hosts []object) {
	offline, unreachable := false, map[string]bool{}
	for _, c := range s.o.Health.Causes() {
		switch c.Code {
		case "offline":
			offline = true
		case "unreachable":
			unreachable[c.Subject] = true
		}
	}
	reachable := 0
	hosts = []object{}
	for _, name := range s.o.Hosts {
		ok := !offline && !unreachable[name]
		if ok {
			reachable++
		}
		hosts = append(hosts, object{"AcquirerID": name, "IsReachableFlag": ok})
	}
	connected := !offline && (reachable > 0 || len(s.o.Hosts) == 0)
	global := "OK"
	switch cause, closed := s.o.Health.Closing(); {
	case closed && cause.Code != "offline":
		global = "Maintenance"
	case closed, !connected:
		global = "Unreachable"
	case s.o.Till.Busy():
		global = "Busy"
	}
	return object{"GlobalStatus": global, "CommunicationOKFlag": connected, "SecurityOKFlag": s.certified()}, hosts
}

func (s *Server) certified() bool {
	for _, c := range s.o.Health.Causes() {
		if c.Code == "pos-certificate" && c.Severity != health.Notice {
			return false
		}
	}
	return true
}

// login answers what a point of sale needs to go on; there is no session.
func (s *Server) login(h nexo.Header) []byte {
	t := s.o.Terminal
	status, _ := s.condition()
	return message(h.Answer(), "LoginResponse", object{
		"Response": s.success(),
		"POISystemData": object{
			"DateTime": stamp(time.Now()),
			"POISoftware": object{
				"ManufacturerID": "tilld", "ApplicationName": "tilld",
				"SoftwareLevel": t.Version, "CertificationCode": "none",
			},
			"POITerminalData": object{
				"TerminalEnvironment": "Attended",
				"POICapabilities":     []string{"CustomerDisplay", "CashierDisplay"},
				"POISerialNumber":     t.Serial,
			},
			"POIStatus": status,
		},
	})
}
