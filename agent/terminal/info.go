// Package terminal is who this terminal is: its serial number, its keys, where it stands,
// what it must tell with every sale, and whether it knows the time.
package terminal

// Info is what a Chinese code sale must say about the terminal (PBOC notice 259 of 2021,
// in force since 2022-03-01). Every wallet encodes it in its own fields. Lengths are the
// acquirers' and are checked when the configuration is read.
type Info struct {
	DeviceType     string // 2 characters: "10" bar-code terminal, "11" auxiliary, "09" face-pay
	Serial         string // TUSN, at most 50
	AppVersion     string // at most 8
	NetworkLicense string // at most 5: "P3100"
	Location       string // at most 32: "+37.12/-121.213"
	DeviceIP       string // required where Location is empty
	StoreID        string // the shop's own number for the store
	StoreName      string
}
