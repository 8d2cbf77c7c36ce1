package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/tilld/tilld/cmd/tilld/internal/config"
	"github.com/tilld/tilld/cmd/tilld/internal/control"
)

// Exit codes.
const (
	exitDone    = 0
	exitNotDone = 1
	exitUsage   = 2
	exitJournal = 3
)

// grammar is the command line. Each command is a struct with its flags and a Run method;
// its Help method shows examples.
type grammar struct {
	Help   helpFlag `help:"Show what a command does, with examples." short:"h"`
	Config string   `help:"Configuration file." short:"c" default:"/etc/tilld/tilld.toml" placeholder:"FILE"`
	Socket string   `help:"Socket of the running daemon, instead of the one in the configuration." placeholder:"PATH"`
	JSON   bool     `help:"Write JSON to standard output." name:"json"`

	Run     runCmd     `cmd:"" help:"Run the daemon."`
	Check   checkCmd   `cmd:"" help:"Say everything that is wrong with a configuration."`
	Version versionCmd `cmd:"" help:"Show the version."`

	Status    statusCmd    `cmd:"" help:"Show what is undelivered, in doubt or broken." group:"Of the running daemon:"`
	Sale      saleCmd      `cmd:"" help:"Take a payment from the command line." group:"Of the running daemon:"`
	Refund    refundCmd    `cmd:"" help:"Give a paid payment back, or a part of it." group:"Of the running daemon:"`
	Reverse   refundCmd    `cmd:"" help:"The same as refund." hidden:""`
	Confirm   confirmCmd   `cmd:"" help:"Allow or refuse an amount above the ceiling." group:"Of the running daemon:"`
	Offer     offerCmd     `cmd:"" help:"Show our code for the customer to scan." group:"Of the running daemon:"`
	Reload    reloadCmd    `cmd:"" help:"Take over new keys and certificates without a stop." group:"Of the running daemon:"`
	Queue     queueCmd     `cmd:"" help:"Look at payments on record, settle those that wait for a person." group:"Of the running daemon:"`
	Reconcile reconcileCmd `cmd:"" help:"Compare a wallet's bill of a day with what is on record." group:"Of the running daemon:"`
	Adopt     adoptCmd     `cmd:"" help:"Take the orders of a terminal that died on record here." group:"Of the running daemon:"`
	Devices   devicesCmd   `cmd:"" help:"Show scanners, in use and plugged in." group:"Of the running daemon:"`

	Cert     certCmd     `cmd:"" help:"Make a shop's authority and this till's certificate." group:"Without a daemon:"`
	Classify classifyCmd `cmd:"" help:"Say what a scanned code is." group:"Without a daemon:"`
	EMV      emvCmd      `cmd:"" help:"Explain an EMVCo payload tag by tag." name:"emv" group:"Without a daemon:"`
	Decode   decodeCmd   `cmd:"" help:"Say what comes of a dump of what a scanner sent." group:"Without a daemon:"`
	Route    routeCmd    `cmd:"" help:"Say which contract a code or scheme goes to." group:"Without a daemon:"`
	Key      keyCmd      `cmd:"" help:"Make and seal keys in a TPM." group:"Without a daemon:"`
	Palm     palmCmd     `cmd:"" help:"Make this terminal known to a biometric provider." group:"Without a daemon:"`
}

// env is what a command works with.
type env struct {
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer
	config, socket string
	json           bool
}

// helpFlag prints the help and ends the parsing.
type helpFlag bool

var errHelped = errors.New("help was shown")

// BeforeReset is kong's hook: it runs before anything is required.
func (helpFlag) BeforeReset(c *kong.Context) error {
	if err := c.PrintUsage(false); err != nil {
		return err
	}
	return errHelped
}

// run is the whole program but for the process around it.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var g grammar
	parser, err := kong.New(&g, kong.Name("tilld"), kong.NoDefaultHelp(), kong.Writers(stdout, stderr),
		kong.Description("The agent on a checkout terminal: any wallet's code, exactly one payment."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 100, NoExpandSubcommands: true}))
	if err != nil {
		panic(err) // the grammar itself is wrong
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	k, err := parser.Parse(longFlags(args))
	if errors.Is(err, errHelped) {
		return exitDone
	}
	if err != nil {
		return usage(stderr, k, err)
	}
	e := &env{ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr, config: g.Config, socket: g.Socket, json: g.JSON}
	return e.finish(k.Run(e))
}

// longFlags lets the one flag that people write in Go's way pass in both.
func longFlags(args []string) []string {
	out := make([]string, len(args))
	copy(out, args)
	for i, a := range out {
		if a == "--" {
			break
		}
		if a == "-config" || strings.HasPrefix(a, "-config=") || a == "-json" || a == "-help" {
			out[i] = "-" + a
		}
	}
	return out
}

func usage(stderr io.Writer, k *kong.Context, err error) int {
	command := "tilld"
	var pe *kong.ParseError
	if errors.As(err, &pe) && pe.Context != nil {
		k = pe.Context
	}
	if k != nil && k.Selected() != nil {
		command = "tilld " + strings.TrimSpace(strings.TrimPrefix(k.Selected().FullPath(), "tilld"))
	}
	fmt.Fprintf(stderr, "tilld: read the command line: %s\nhint: %s --help shows how\n", oneLine(err), command)
	return exitUsage
}

// failure is what a command ends with when it is not done: what was being done, on what,
// why, and what the reader can do.
type failure struct {
	what, subject string
	err           error
	hint          string
	code          int
}

func (f *failure) Error() string {
	parts := []string{f.what}
	if f.subject != "" {
		parts = append(parts, f.subject)
	}
	if f.err != nil {
		parts = append(parts, oneLine(f.err))
	}
	return strings.Join(parts, ": ")
}
func (f *failure) Unwrap() error { return f.err }

// HintText is what the reader can do.
func (f *failure) HintText() string { return f.hint }

// hinted is what errors of every package implement when they know what to do.
type hinted interface{ HintText() string }

// fail makes a failure, with the hint of err when it has one.
func fail(what, subject string, err error) *failure {
	f := &failure{what: what, subject: subject, err: err, code: exitNotDone}
	var h hinted
	if errors.As(err, &h) {
		f.hint = h.HintText()
	}
	var ce *control.Error
	if errors.As(err, &ce) && ce.Subject != "" && subject == "" {
		f.subject, f.err = ce.Subject, ce.Err
	}
	return f
}

func (f *failure) withHint(format string, args ...any) *failure {
	f.hint = fmt.Sprintf(format, args...)
	return f
}

// errSaid ends a command that has said already what is wrong.
var errSaid = errors.New("said already")

// finish prints an error and gives the exit code.
func (e *env) finish(err error) int {
	if err == nil {
		return exitDone
	}
	if errors.Is(err, errSaid) {
		return exitNotDone
	}
	var f *failure
	if !errors.As(err, &f) {
		f = &failure{what: oneLine(err), code: exitNotDone}
	}
	if e.json {
		e.encode(control.Fault{Error: f.Error(), Hint: f.hint})
	}
	fmt.Fprintf(e.stderr, "tilld: %s\n", f.Error())
	if f.hint != "" {
		fmt.Fprintf(e.stderr, "hint: %s\n", f.hint)
	}
	return f.code
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

func (e *env) printf(format string, args ...any) { fmt.Fprintf(e.stdout, format, args...) }

// encode writes JSON for programs.
func (e *env) encode(v any) {
	enc := json.NewEncoder(e.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	enc.Encode(v)
}

// load reads the configuration, for commands that need only a part of it.
func (e *env) load() (*config.Config, config.Problems, error) {
	c, problems, err := config.Load(e.config, known())
	if err != nil {
		return nil, nil, fail("read configuration", e.config, rootPath(err)).withHint("name the configuration: -config FILE")
	}
	return c, problems, nil
}

// daemon is the way to the running daemon.
func (e *env) daemon() (*control.Client, error) {
	if e.socket != "" {
		return control.NewClient(e.socket), nil
	}
	c, _, err := e.load()
	if err != nil {
		var f *failure
		errors.As(err, &f)
		return nil, fail("find the daemon", e.config, f.err).withHint("name the configuration with -config FILE, or the socket with --socket PATH")
	}
	if c.Control.Socket == "" {
		return nil, &failure{what: "find the daemon", subject: e.config, err: errors.New("[control] names no socket"),
			hint: "name it with --socket PATH", code: exitNotDone}
	}
	return control.NewClient(c.Control.Socket), nil
}

// ask puts one question to the daemon.
func (e *env) ask(what, method, path string, in, out any) error {
	d, err := e.daemon()
	if err != nil {
		return err
	}
	if err := d.Do(e.ctx, method, path, in, out); err != nil {
		return fail(what, "", err)
	}
	return nil
}
