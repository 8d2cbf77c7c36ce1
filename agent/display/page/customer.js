// The customer's screen. It shows what the till says, word for word, and when it has heard
// nothing for a while it says that instead: an old "paid" must not stand there.
"use strict";
(() => {
  const root = document.documentElement;
  const at = (id) => document.getElementById(id);
  const marks = {
    starting: "wait", connecting: "wait", idle: "idle", operator: "person", pay: "pay", fresh: "fresh",
    sending: "wait", confirm: "phone", doubt: "stop", undoing: "stop", paid: "yes", "not-paid": "no",
    closing: "wait", closed: "closed", lost: "lost", return: "phone", refunding: "wait", refunded: "yes",
    "not-refunded": "no", claim: "person", account: "phone", present: "wait", matching: "wait", agree: "person",
    consent: "person", withdraw: "person", saving: "wait", enrolled: "yes", "not-enrolled": "no", withdrawn: "yes",
    "not-withdrawn": "no",
  };

  function show(kind, words) {
    document.body.dataset.kind = kind;
    at("mark").firstElementChild.setAttribute("href", "#m-" + (marks[kind] || "wait"));
    for (const part of ["headline", "amount", "detail", "note"]) at(part).textContent = words[part] || "";
    fit(at("amount"));
  }

  // The code that the customer may scan. The till takes it away; the page does so as well
  // when its time is over, or when nobody vouches for it any more.
  let ends = 0, over = 0, payment = "";
  function showCode(s) {
    const p = s.picture, svg = at("code");
    payment = s.payment || "";
    at("offer").hidden = !s.offer;
    at("offer").disabled = false;
    ends = p ? performance.now() + p.left : 0;
    over = s.left ? performance.now() + s.left : 0; // of a step
    if (p) {
      svg.setAttribute("viewBox", "0 0 " + p.size + " " + p.size);
      svg.firstElementChild.setAttribute("d", p.path);
    }
    tick();
  }

  function tick() {
    const left = ends - performance.now(), on = left > 0, line = at("left");
    document.body.toggleAttribute("data-code", on);
    at("code").toggleAttribute("hidden", !on);
    if (!on) at("code").firstElementChild.removeAttribute("d");
    const rest = on ? left : over - performance.now();
    line.textContent = on || rest > 0 && rest <= 30000 ? line.dataset.text.replace("%d", Math.ceil(rest / 1000)) : "";
  }
  setInterval(tick, 250);

  at("offer").addEventListener("click", () => {
    const again = () => { at("offer").disabled = false; };
    at("offer").disabled = true;
    fetch("/offer", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ payment }) })
      .then((r) => { if (!r.ok) setTimeout(again, 2000); }, () => setTimeout(again, 2000));
  });

  // fit makes a long amount smaller until it stands on one line.
  function fit(line) {
    line.style.fontSize = "";
    for (let size = parseFloat(getComputedStyle(line).fontSize); line.scrollWidth > line.clientWidth && size > 16; size -= 2) {
      line.style.fontSize = size + "px";
    }
  }

  function lost() {
    const l = at("lost").dataset;
    document.dispatchEvent(new CustomEvent("screen", { detail: { kind: "lost" } }));
    show("lost", { headline: l.headline, detail: l.detail });
    showCode({});
  }

  const patience = Number(root.dataset.patience);
  let alarm;
  const heard = (within) => { clearTimeout(alarm); alarm = setTimeout(gone, within); };
  let source;

  function gone() {
    source.close();
    lost();
    setTimeout(follow, 1000);
  }

  function follow() {
    source = new EventSource("/events?only=screen&lang=" + root.lang);
    heard(patience);
    source.addEventListener("screen", (e) => {
      heard(patience);
      const s = JSON.parse(e.data);
      at("test").hidden = at("test").hidden && !s.test;
      showCode(s);
      document.dispatchEvent(new CustomEvent("screen", { detail: s })); // palm.js
      show(s.kind, s.words);
    });
    source.addEventListener("beat", () => heard(patience));
    // A till that restarts is back within a second or two; give it that before saying so.
    source.addEventListener("error", () => { source.close(); heard(Math.min(1000, patience)); });
  }

  addEventListener("resize", () => fit(at("amount")));
  follow();
})();
