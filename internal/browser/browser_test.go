package browser

import (
	"bytes"
	"image/png"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPage(t *testing.T) {
	b := Start(t)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write([]byte(`<!doctype html><title>t</title><input id=in><button id=b onclick="this.textContent=document.getElementById('in').value">go</button>
<p id=wide style="width:50px;white-space:nowrap;overflow:hidden">a line that is much too long for its box</p>`))
	}))
	defer srv.Close()
	p := b.Open(t, srv.URL, 320, 200)
	p.Eval(`document.getElementById("in").focus()`, nil)
	for _, k := range []string{"1", "a", "Tab", "Enter"} {
		p.Key(k)
	}
	p.Until(`document.getElementById("b").textContent === "1a"`)

	img, err := png.Decode(bytes.NewReader(p.Screenshot()))
	if err != nil || img.Bounds().Dx() != 320 || img.Bounds().Dy() != 200 {
		t.Errorf("screenshot: %v, %v", img.Bounds(), err)
	}
	if bad := p.Overflowing(); len(bad) != 1 || !strings.Contains(bad[0], "wide") {
		t.Errorf("overflowing: %q", bad)
	}
	if err := p.eval("nothing.here", nil); err == nil || !strings.Contains(err.Error(), "ReferenceError") {
		t.Errorf("an exception was not reported: %v", err)
	}
}

// RFC 6455 section 1.3 gives this pair.
func TestAcceptKey(t *testing.T) {
	if got := acceptKey("dGhlIHNhbXBsZSBub25jZQ=="); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("accept key %s", got)
	}
}

func FuzzReadFrame(f *testing.F) {
	f.Add([]byte("\x81\x05Hello"))              // RFC 6455 section 5.7
	f.Add([]byte("\x01\x03Hel\x80\x02lo"))      // fragmented
	f.Add([]byte("\x82\x7e\x01\x00" + "short")) // 256 bytes announced
	f.Add([]byte("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Add([]byte("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")) // masked: not from a server
	f.Fuzz(func(t *testing.T, in []byte) {
		const most = 1 << 10
		r := bytes.NewReader(in)
		op, _, data, err := readFrame(r, most)
		if err != nil {
			return
		}
		if len(data) > most || op > 0xF {
			t.Errorf("frame %#x of %d bytes", op, len(data))
		}
		if !bytes.Equal(in[len(in)-r.Len()-len(data):len(in)-r.Len()], data) {
			t.Error("the data is not what stands before the rest")
		}
	})
}
