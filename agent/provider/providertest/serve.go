package providertest

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/tilld/tilld/agent/provider/internal/wire"
	"github.com/tilld/tilld/internal/secret"
)

// route is one path of the protocol. question and answer are what its bodies are, for the
// comparison with openapi.yaml.
type route struct {
	method, path     string
	question, answer any
	serve            func(p *Provider, ctx context.Context, t *Terminal, body []byte) (any, error)
}

// routes lists the signed ones; status is the other one.
func routes() []route {
	return []route{
		{http.MethodGet, wire.PathKeys, nil, wire.Keys{}, (*Provider).serveKeys},
		{http.MethodPost, wire.PathChallenge, wire.ChallengeRequest{}, wire.Challenge{}, (*Provider).serveChallenge},
		{http.MethodPost, wire.PathIdentify, wire.Presented{}, wire.Identified{}, (*Provider).serveIdentify},
		{http.MethodPost, wire.PathEnrol, wire.Presented{}, wire.Enrolled{}, (*Provider).serveEnrol},
		{http.MethodPost, wire.PathRevoke, wire.RevokeRequest{}, wire.Revoked{}, (*Provider).serveRevoke},
		{http.MethodPost, wire.PathVoid, wire.VoidRequest{}, wire.Voided{}, (*Provider).serveVoid},
	}
}

// refusal is an answer that is not 200.
type refusal struct {
	code   string
	detail string // shows nothing of the request
	retry  time.Duration
}

func (r *refusal) Error() string { return r.code + ": " + r.detail }

func refuse(code, detail string) *refusal {
	return &refusal{code: code, detail: detail}
}

// ServeHTTP takes one request from its signature to its answer.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault := p.strike(r.URL.Path)
	if !p.wait(r.Context(), fault) {
		return
	}
	if r.Method == http.MethodGet && r.URL.Path == wire.PathStatus {
		p.serveStatus(w)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, wire.MaxRequest))
	defer secret.Zero(body)
	asked := wire.Request{Method: r.Method, Authority: r.Host, Path: r.URL.Path, Body: body}
	var answer []byte
	if err != nil {
		err = refuse(wire.CodeTooLarge, "the body is too large or did not come")
	} else {
		p.see(r, body)
		answer, err = p.serve(r, asked)
	}
	defer secret.Zero(answer)
	if fault.Kind == LostAnswer {
		panic(http.ErrAbortHandler) // done, and the answer is lost
	}
	if err != nil {
		writeProblem(w, err)
		return
	}
	p.mu.Lock()
	key := p.keys.answer[len(p.keys.answer)-1]
	p.mu.Unlock()
	if fault.Kind == ForgedAnswer {
		key.private = stranger()
	}
	if err := wire.SignAnswer(w.Header(), http.StatusOK, answer, asked, r.Header, key.private, key.ID, p.o.Clock()); err != nil {
		writeProblem(w, refuse(wire.CodeBusy, "the answer could not be signed"))
		return
	}
	write(w, http.StatusOK, answer)
}

// serve finds the route, the terminal and the answer.
func (p *Provider) serve(r *http.Request, asked wire.Request) ([]byte, error) {
	for _, to := range routes() {
		if to.path != r.URL.Path || to.method != r.Method {
			continue
		}
		if r.URL.RawQuery != "" {
			break
		}
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); to.question != nil && (err != nil || kind != "application/json") {
			return nil, refuse(wire.CodeRequest, "Content-Type is not application/json")
		}
		t, err := p.authenticate(r.Header, asked)
		if err != nil {
			return nil, err
		}
		answer, err := to.serve(p, r.Context(), t, asked.Body)
		if err != nil {
			return nil, err
		}
		text, err := wire.Encode(answer)
		if err != nil {
			return nil, refuse(wire.CodeBusy, "the answer could not be written")
		}
		return text, nil
	}
	return nil, refuse(wire.CodeNotFound, "no such path or method")
}

// authenticate finds the terminal whose registered key signed the request, now and for the
// first time.
func (p *Provider) authenticate(h http.Header, asked wire.Request) (*Terminal, error) {
	s, err := wire.ParseRequest(h, asked)
	if err != nil {
		return nil, refuse(wire.CodeSignature, err.Error())
	}
	now := p.o.Clock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.upkeep(now); err != nil {
		return nil, refuse(wire.CodeBusy, "keys could not be made")
	}
	t := p.terminals[s.Terminal]
	if t == nil {
		return nil, refuse(wire.CodeTerminal, "this terminal is not registered")
	}
	if !s.Verify(t.Key) {
		return nil, refuse(wire.CodeSignature, "the signature is not one of the registered key")
	}
	if d := now.Sub(s.Created); d > wire.Skew || d < -wire.Skew {
		return nil, refuse(wire.CodeClock, "signed at another time; it is "+now.UTC().Format(time.RFC3339)+" here")
	}
	id := s.Terminal + " " + s.Nonce
	if _, again := p.seen[id]; again {
		return nil, refuse(wire.CodeReplayed, "this request came before")
	}
	p.seen[id] = s.Created.Add(2 * wire.Skew)
	return t, nil
}

func (p *Provider) serveStatus(w http.ResponseWriter) {
	p.mu.Lock()
	now := p.o.Clock()
	err := p.upkeep(now)
	s := wire.Status{Provider: p.o.Name, Serial: p.keys.serial, Time: now.UTC().Truncate(time.Second)}
	p.mu.Unlock()
	text, encodeErr := wire.Encode(s)
	if errors.Join(err, encodeErr) != nil {
		writeProblem(w, refuse(wire.CodeBusy, "keys could not be made"))
		return
	}
	write(w, http.StatusOK, text)
}

func (p *Provider) serveKeys(_ context.Context, t *Terminal, _ []byte) (any, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	keys, err := p.listed(p.o.Clock())
	if err != nil {
		return nil, refuse(wire.CodeBusy, "the list could not be signed")
	}
	for _, e := range p.keys.epochs {
		s, err := wire.SealTransform(t.Seal, p.o.Name, t.Serial, e.number, e.k.Reveal())
		if err != nil {
			return nil, refuse(wire.CodeBusy, "a transform key could not be sealed")
		}
		keys.Transforms = append(keys.Transforms, s)
	}
	return keys, nil
}

func writeProblem(w http.ResponseWriter, err error) {
	r := &refusal{code: wire.CodeBusy, detail: "something failed here"}
	errors.As(err, &r)
	text, err := wire.Encode(wire.Problem{Code: r.code, Detail: r.detail, RetryMS: r.retry.Milliseconds()})
	if err != nil {
		text = nil
	}
	write(w, wire.Statuses[r.code], text)
}

func write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(body)
}
