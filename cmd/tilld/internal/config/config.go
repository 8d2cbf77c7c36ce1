package config

import (
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
	"github.com/tilld/tilld/scanner/paycode"
)

// Config is the whole configuration. Paths are absolute once Load has read it.
type Config struct {
	Environment string // "test" or "live"
	State       string // the one writable directory
	StateLine   int    // where the file names it
	Log         string // "text" or "json"
	Terminal    Terminal
	POS         POS
	Display     Display
	Control     Control
	Scanners    []Scanner
	Indicator   Indicator
	Door        Contact
	Tamper      Contact
	Palm        Palm
	Contracts   []Contract
	CodeRules   []paycode.Rule // the shop's own rows, and changes to the built-in ones
}

// Test reports the test environment.
func (c *Config) Test() bool { return c.Environment == "test" }

// POIID is the terminal's name in nexo messages: model and serial number.
func (c *Config) POIID() string { return c.Terminal.Model + "-" + c.Terminal.Serial }

// Terminal is who this terminal is.
type Terminal struct {
	Model, Serial  string
	Keys           string // the file of the record keys
	KeyStore       string // "file", "tpm" or "atecc608": what holds the root key
	TPM            TPMKeys
	ATECC608       ATECCKeys
	Language       string // "zh", "en", "ja"
	Location       string
	DeviceIP       string
	NetworkLicense string
	StoreID        string
	StoreName      string
	Clock          string // "ntp" or "system"
	CodeProfile    string // "default", "jp", "all"
	ClockScale     int
	Ceiling        map[sale.Currency]int64 // minor units; nil for none
	CodeWait       time.Duration
	Offer          string // when a code of ours is shown: "ask", "always", "never"
	OfferContract  string // the contract whose code is shown where it can be; empty: the first
	// BoardSerial stands in for the board's own serial number; test only, empty normally.
	BoardSerial string
}

// POS is the interface to the point of sale.
type POS struct {
	Listen           string
	Certificate, Key string
	Plain            bool
	SaleIDs          []string
	PerTry           []string // SaleIDs that number every try anew
	Goods            bool     // goods codes scanned between sales are passed on
	Keys             []NexoKey
}

// NexoKey is one shared key of encrypted nexo.
type NexoKey struct {
	Identifier     string
	Version        int
	PassphraseFile string
}

// Display is the customer's screen and the operator's page.
type Display struct{ Listen string }

// Control is the socket that the command line talks to.
type Control struct{ Socket string }

// Contract is one contract with one wallet.
type Contract struct {
	Slot         int
	Name, Wallet string
	Schemes      []string
	Currencies   []sale.Currency
	SaleIDs      []string // the points of sale that sell for this merchant; empty: all
	Endpoint     string
	CAFile       string // test only
	KeyID        string
	KeyFile      string
	WalletKeys   []string
	// SecretFile holds the key that we share with the wallet, CertFile the certificate that
	// we show to its server; empty where the wallet wants none.
	SecretFile, CertFile string
	SecretLen            int // what the wallet's row says of it
	// Backup is the wallet's second host, or empty.
	Backup string
	// Offer says that codes of this contract may be shown for the customer to scan.
	Offer    bool
	Settings map[string]string // what [contract.WALLET] holds
	Line     int               // where the section begins
}

// Known says what the tables of the daemon hold: the wallets and drivers a file may name.
type Known struct {
	Wallets []Wallet
	// Drivers and Protocols of scanners, the usual first.
	Drivers   []ScannerDriver
	Protocols []ScannerProtocol
	// Profiles are the code profiles.
	Profiles []string
}

// Wallet is one row of the wallets' table, as far as the configuration goes.
type Wallet struct {
	Name       string
	Hosts      []string // the provider's own; in live no other is allowed
	Schemes    []string // the schemes its contracts can charge
	Currencies []sale.Currency
	Settings   []string // the keys of [contract.NAME], all of them strings
	// Aggregator passes codes on to several wallets: direct contracts go before it.
	Aggregator bool
	// Offers says that it can show a code for the customer to scan; OfferNeeds names the
	// settings without which it cannot.
	Offers     bool
	OfferNeeds []string
	// Secret is the use of secret_file, Cert that of cert_file.
	Secret, Cert Need
	// SecretLen is how many bytes the secret has; zero where it may have any number.
	SecretLen int
	// Shared says that answers are verified with the secret, and not with wallet_keys.
	Shared bool
	// Check lists every mistake in the settings.
	Check func(settings map[string]string) []wallet.Fault
}

// Need says whether a contract has a certain file.
type Need int

const (
	Unused Need = iota
	Optional
	Needed
)

func (k Known) wallet(name string) (Wallet, bool) {
	for _, w := range k.Wallets {
		if w.Name == name {
			return w, true
		}
	}
	return Wallet{}, false
}
