// Palms on the customer's screen: buttons, a keypad, guidance, a consent. The page knows no
// order of steps: it shows what the till shows and sends what the person did, with the number
// of the step it was done on.
"use strict";
(() => {
  const root = document.documentElement;
  const at = (id) => document.getElementById(id);
  const deeds = [...document.querySelectorAll("#deeds button")];
  const boxes = ["age", "biometric", "transfer"];
  let now = {}, typed = "", letters = false;

  function post(path, body, buttons) {
    for (const b of buttons) b.disabled = true;
    const again = () => { for (const b of buttons) b.disabled = false; };
    fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) })
      .then((r) => { if (!r.ok) setTimeout(again, 1000); }, () => setTimeout(again, 2000));
  }
  const touch = (deed, more) => post("/palm/touch?lang=" + root.lang, { payment: now.payment, step: now.step, deed, ...more },
    [...deeds, ...at("consent").querySelectorAll("button")]);

  at("palm").addEventListener("click", () => post("/palm", { payment: now.payment }, [at("palm")]));
  at("enrol").addEventListener("click", () => post("/palm/enrol", {}, [at("enrol"), at("withdraw")]));
  at("withdraw").addEventListener("click", () => post("/palm/withdraw", {}, [at("enrol"), at("withdraw")]));
  for (const b of deeds) b.addEventListener("click", () => touch(b.dataset.deed));
  at("refuse").addEventListener("click", () => touch("stop"));
  at("consent").addEventListener("submit", (e) => {
    e.preventDefault();
    touch("agree", Object.fromEntries(boxes.map((id) => [id, at(id).checked])));
  });

  // ---- the keypad
  const pad = at("pad"), most = 64;
  function type(c) { if (typed.length < most) typed += c; show(); }
  function erase() { typed = typed.slice(0, -1); show(); }
  function enter() { if (typed) touch("type", { code: typed }); }
  function show() { at("typed").textContent = typed; at("typed").scrollLeft = at("typed").scrollWidth; }
  function key(text, act, name) {
    const b = document.createElement("button");
    b.type = "button";
    b.textContent = text;
    if (text === "←") b.setAttribute("aria-label", pad.dataset.erase);
    if (name) b.id = name;
    b.addEventListener("click", act);
    return b;
  }
  function lay() {
    const chars = letters ? "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_" : "123456789";
    const keys = [...chars].map((c) => key(c, () => type(c)));
    const low = [key(letters ? "←" : pad.dataset.erase, erase, "erase"), key(pad.dataset.enter, enter, "enter")];
    if (!letters) low.splice(1, 0, key("0", () => type("0")));
    pad.replaceChildren(...keys, ...low);
    pad.toggleAttribute("data-letters", letters);
    at("abc").textContent = letters ? "123" : "ABC";
    at("abc").setAttribute("aria-pressed", letters);
  }
  at("abc").addEventListener("click", () => { letters = !letters; lay(); });
  addEventListener("keydown", (e) => {
    if (at("keys").hidden || e.ctrlKey || e.altKey || e.metaKey) return;
    const onButton = document.activeElement instanceof HTMLButtonElement || document.activeElement instanceof HTMLAnchorElement;
    if (/^[!-~]$/.test(e.key)) type(e.key);
    else if (e.key === "Backspace") erase();
    else if (e.key === "Enter" && !onButton) enter();
    else return;
    e.preventDefault();
  });

  // ---- the consent
  function consent(c) {
    at("terms").replaceChildren(...c.terms.map((t) => { const p = document.createElement("p"); p.textContent = t; return p; }));
    at("terms").scrollTop = 0;
    for (const id of boxes) at(id).nextElementSibling.textContent = c[id];
  }

  const arrows = {
    "move-forward": "up", "move-backward": "down", "move-left": "left", "move-right": "right",
    "move-closer": "nearer", "move-away": "further", "sensor-complete": "done",
  };
  const first = { agree: "no", withdraw: "no", present: "stop", matching: "stop" };

  document.addEventListener("screen", (e) => {
    const s = e.detail, fresh = (s.step || 0) !== (now.step || 0), began = s.kind !== now.kind || s.payment !== now.payment;
    const focused = document.activeElement, kept = focused && focused !== document.body;
    now = s;
    at("palm").hidden = !(s.palm && s.kind !== "idle");
    at("enrol").hidden = !(s.palm && s.kind === "idle");
    at("withdraw").hidden = !s.withdraw;
    for (const id of ["palm", "enrol", "withdraw"]) at(id).disabled = false;

    at("hand").toggleAttribute("hidden", s.kind !== "present");
    at("hand").dataset.arrow = arrows[s.guide] || "";
    const keys = s.kind === "claim" || s.kind === "account";
    at("keys").hidden = !keys;
    at("abc").hidden = !s.letters;
    document.body.toggleAttribute("data-keys", keys);
    if (fresh) {
      typed = "";
      show();
      if (keys) { letters = false; lay(); }
    }

    const word = s.kind === "present" && s.of ? "enrolling" : s.kind;
    for (const b of deeds) {
      b.textContent = b.dataset[word] || "";
      b.hidden = !b.textContent || b.dataset.deed === "skip" && !s.skip;
      if (fresh) b.disabled = false;
    }
    at("deeds").hidden = deeds.every((b) => b.hidden);
    at("consent").hidden = s.kind !== "consent";
    if (s.consent && (fresh || began)) {
      consent(s.consent);
      for (const b of at("consent").querySelectorAll("button")) b.disabled = false;
    }
    if (began) for (const id of boxes) at(id).checked = false; // nobody's tick is another's
    // The careful choice is the one that a stray Enter takes.
    if (fresh && first[s.kind]) deeds.find((b) => b.dataset.deed === first[s.kind]).focus();
    else if (began && s.kind === "consent") at("terms").focus();
    else if (began && kept && !focused.checkVisibility()) focused.blur();
  });
})();
