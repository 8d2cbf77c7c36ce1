package main

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"

	"github.com/tilld/tilld/agent/terminal"
	"github.com/tilld/tilld/drivers/tpm"
)

type keyCmd struct {
	New     keyNewCmd     `cmd:"" help:"Make a signing key in the TPM, which can never leave it."`
	Seal    keySealCmd    `cmd:"" help:"Seal the root key of a keys file to the TPM."`
	State   keyStateCmd   `cmd:"" help:"Show the state of this boot, for the authority to approve."`
	Approve keyApproveCmd `cmd:"" help:"Approve a state of the boot. Not on a till: the authority's key must not be there."`
}

func (keyCmd) Help() string {
	return `A terminal with key_store = "tpm" keeps its root key sealed to the TPM, and may have signing
keys that the TPM alone can use. With pcrs in [terminal.tpm] the root key opens only for a
system that the authority has approved: after an update, approve the new state once for all
tills that boot alike, and add it to their approvals.

Examples:
  tilld key new --kind rsa-2048 --out wechat.key --csr "CN of the merchant" > wechat.csr
  tilld key seal --from /etc/tilld/keys.toml
  tilld key state --pcrs 7,11
  tilld key approve --authority-key shop-os.key --pcrs 7,11 --policy 5f1c... --note "release 12" --add approvals.json`
}

type keyNewCmd struct {
	Device string `help:"The TPM." default:"/dev/tpmrm0" placeholder:"NODE"`
	Kind   string `help:"rsa-2048 or p-256; wallets want RSA." default:"rsa-2048"`
	Out    string `help:"File of the key; it must not exist." required:"" placeholder:"FILE"`
	CSR    string `help:"Print a certificate request with this common name instead of the public key." name:"csr" placeholder:"NAME"`
}

func (c keyNewCmd) Run(e *env) error {
	kind := tpm.Kind(c.Kind)
	if kind != tpm.RSA2048 && kind != tpm.P256 {
		return &failure{what: "make a key", subject: "--kind", err: errors.New("must be rsa-2048 or p-256"), code: exitUsage}
	}
	x, err := tpm.Open(c.Device)
	if err != nil {
		return err
	}
	defer x.Close()
	file, err := x.NewKey(kind)
	if err != nil {
		return err
	}
	key, err := x.LoadKey(file)
	if err != nil {
		return err
	}
	block := &pem.Block{Type: "PUBLIC KEY"}
	if c.CSR == "" {
		block.Bytes, err = x509.MarshalPKIXPublicKey(key.Public())
	} else {
		block.Type = "CERTIFICATE REQUEST"
		block.Bytes, err = x509.CreateCertificateRequest(rand.Reader,
			&x509.CertificateRequest{Subject: pkix.Name{CommonName: c.CSR}}, key)
	}
	if err != nil {
		return fail("make a key", c.Out, err)
	}
	if err := terminal.WriteKeyFile("write TPM key", c.Out, file.Text()); err != nil {
		return err
	}
	text := pem.EncodeToMemory(block)
	if e.json {
		e.encode(map[string]string{"key": c.Out, "pem": string(text)})
		return nil
	}
	e.printf("%s", text)
	return nil
}

type keySealCmd struct {
	From string `help:"The keys file whose root key is sealed." required:"" placeholder:"FILE"`
}

func (keySealCmd) Help() string {
	return `The configuration must say key_store = "tpm"; the sealed key goes to the file that its keys
names. The journal goes on with the same key. Then move the old file to a safe place off this
terminal, and overwrite the card's free space: flash keeps old contents.

Examples:
  tilld key seal --from /etc/tilld/keys.toml`
}

func (c keySealCmd) Run(e *env) error {
	cfg, err := e.startable()
	if err != nil {
		return err
	}
	if cfg.Terminal.KeyStore != "tpm" {
		return fail("seal the root key", e.config, errors.New(`key_store is not "tpm"`)).withHint(`write key_store = "tpm" and keys = "/etc/tilld/keys.sealed" in [terminal]`)
	}
	root, err := terminal.ReadRootKey(c.From)
	if err != nil {
		return err
	}
	defer root.Wipe()
	x, err := tpm.Open(cfg.Terminal.TPM.Device)
	if err != nil {
		return err
	}
	defer x.Close()
	if err := writeSealed(x, cfg.Terminal, root); err != nil {
		return err
	}
	if again, err := unsealRoot(x, cfg.Terminal); err != nil {
		e.printf("%s: sealed, but it does not open now\n", cfg.Terminal.Keys)
		return err
	} else if same := again.Equal(root); !same {
		return fail("seal the root key", cfg.Terminal.Keys, errors.New("another key came back"))
	} else {
		again.Wipe()
	}
	e.printf("%s: sealed; keep %s off this terminal now\n", cfg.Terminal.Keys, c.From)
	return nil
}

type keyStateCmd struct {
	Device string `help:"The TPM." default:"/dev/tpmrm0" placeholder:"NODE"`
	PCRs   []int  `help:"Which PCRs, as in [terminal.tpm]." name:"pcrs" required:"" placeholder:"N"`
}

func (c keyStateCmd) Run(e *env) error {
	x, err := tpm.Open(c.Device)
	if err != nil {
		return err
	}
	defer x.Close()
	s, err := x.Boot(c.PCRs)
	if err != nil {
		return err
	}
	if e.json {
		e.encode(map[string]any{"pcrs": s.PCRs, "policy": hex.EncodeToString(s.Policy)})
		return nil
	}
	e.printf("%x\n", s.Policy)
	return nil
}

type keyApproveCmd struct {
	AuthorityKey string `help:"The authority's private key, PEM of mode 0600." required:"" placeholder:"FILE"`
	PCRs         []int  `help:"Which PCRs, as in [terminal.tpm]." name:"pcrs" required:"" placeholder:"N"`
	Policy       string `help:"What \"tilld key state\" printed on a till that boots the approved system." required:"" placeholder:"HEX"`
	Note         string `help:"Which system it is." placeholder:"TEXT"`
	Add          string `help:"Approvals to keep: they are printed first." placeholder:"FILE"`
}

func (c keyApproveCmd) Run(e *env) error {
	policy, err := hex.DecodeString(c.Policy)
	if err != nil || len(policy) != 32 {
		return &failure{what: "approve a state", subject: "--policy", err: errors.New("must be 64 hex digits"), code: exitUsage}
	}
	list := []tpm.Approval{}
	if c.Add != "" {
		text, err := os.ReadFile(c.Add)
		if err == nil {
			list, err = tpm.ParseApprovals(text)
		}
		if err != nil {
			return fail("read approvals", c.Add, rootPath(err))
		}
	}
	key, err := terminal.ReadPrivateKey(c.AuthorityKey)
	if err != nil {
		return err
	}
	a, err := tpm.Approve(tpm.State{PCRs: c.PCRs, Policy: policy}, c.Note, key)
	if err != nil {
		return fail("approve a state", c.AuthorityKey, err)
	}
	text, err := json.MarshalIndent(append(list, a), "", "  ")
	if err != nil {
		return fail("approve a state", "", err)
	}
	e.printf("%s\n", text)
	return nil
}
