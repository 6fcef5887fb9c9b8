"use strict";
// The explorer: two panes of IR beside the source. State is in the address: #linalg/loop|llvm/llvm-ir

const data = JSON.parse(document.getElementById("data").textContent);
const CHUNK = 200, MOST = 20000; // lines

const IR = [
  ["c", /\/\/.*|^;.*| ; preds.*/], ["k", /"[a-z_]\w*(?:\.[a-z_]\w*)+"/], ["q", /"(?:[^"\\]|\\.)*"/], ["v", /%[\w.$-]+(?:#\d+)?|\^\w+/], ["s", /[@#][\w.$-]+/],
  ["t", /![\w.$-]+|\b(?:tensor|memref|vector|index|none|ptr|void|double|float|half|label|metadata|i\d+|f\d+|bf16)\b(?![.(])/],
  ["k", /\b[a-z_]\w*(?:\.[a-z_]\w*)+\b|\b(?:define|declare|call|br|ret|phi|load|store|getelementptr|select|switch|alloca|icmp|fcmp|f?add|f?sub|f?mul|fdiv|sdiv|udiv|fneg|srem|urem|and|or|xor|shl|lshr|ashr|zext|sext|trunc|sitofp|fptosi|fpext|fptrunc|bitcast|inttoptr|ptrtoint|extractelement|insertelement|shufflevector|extractvalue|insertvalue|unreachable|tail|to|step|iter_args|ins|outs|else|dimensions|attributes)\b/],
  ["n", /-?\b\d[\w.+-]*/],
];
const PYTHON = [
  ["c", /#.*/], ["q", /[rbfu]*"(?:[^"\\]|\\.)*"|[rbfu]*'(?:[^'\\]|\\.)*'/],
  ["k", /\b(?:def|return|for|in|while|if|elif|else|and|or|not|import|from|as|class|with|assert|break|continue|lambda|None|True|False|pass|raise|try|except|finally|yield|is|del|global|nonlocal)\b/],
  ["n", /\b\d[\w.]*/], ["s", /@[\w.]+/],
];

function tokenizer(rules) {
  const all = new RegExp(rules.map(([, r]) => `(${r.source})`).join("|"), "g");
  return (line, text) => {
    let at = 0;
    for (const match of text.matchAll(all)) {
      if (match.index > at) line.append(text.slice(at, match.index));
      const span = document.createElement("span");
      span.className = "t-" + rules[match.slice(1).findIndex((m) => m !== undefined)][0];
      span.textContent = match[0];
      line.append(span);
      at = match.index + match[0].length;
    }
    line.append(text.slice(at));
  };
}
const highlightIR = tokenizer(IR), highlightPython = tokenizer(PYTHON);

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made[key] = value;
  made.append(...children);
  return made;
}

// Lines of all panes by where they come from: "file:line" -> elements.
const panes = [];
let pinned = null;

class Listing {
  constructor(code) {
    this.code = code;
    this.origins = new Map();
    panes.push(this);
    code.addEventListener("mouseover", (event) => point(originOf(event.target)));
    code.addEventListener("mouseleave", () => point(null));
    code.addEventListener("click", (event) => {
      if (!String(getSelection())) pin(originOf(event.target), this);
    });
  }
  show(lines, highlight) {
    this.origins = new Map();
    this.code.replaceChildren();
    this.code.scrollTo(0, 0);
    this.append(lines, 0, Math.min(lines.length, MOST), highlight);
    if (lines.length > MOST) {
      const rest = element("button", { className: "more", type: "button", textContent: `show ${lines.length - MOST} more lines` });
      rest.onclick = () => { rest.remove(); this.append(lines, MOST, lines.length, highlight); };
      this.code.append(rest);
    }
    if (pinned) this.mark(pinned, "pinned", true);
  }
  append(lines, from, to, highlight) {
    for (let start = from; start < to; start += CHUNK) {
      const chunk = element("div", { className: "chunk" });
      for (const line of lines.slice(start, Math.min(to, start + CHUNK))) {
        const row = element("span", { className: "l" });
        row.dataset.n = line.number;
        if (line.origin) {
          row.dataset.o = line.origin;
          row.classList.add("from");
          if (line.role) { row.classList.add(line.role); row.title = `${line.role} of line ${line.origin.split(":")[1]}`; }
          if (!this.origins.has(line.origin)) this.origins.set(line.origin, []);
          this.origins.get(line.origin).push(row);
        }
        highlight(row, line.text);
        chunk.append(row);
      }
      this.code.append(chunk);
    }
  }
  mark(origin, name, on) {
    for (const row of this.origins.get(origin) ?? []) row.classList.toggle(name, on);
  }
  reveal(origin) {
    const rows = this.origins.get(origin);
    if (!rows) return;
    const box = this.code.getBoundingClientRect();
    const seen = rows.some((r) => { const b = r.getBoundingClientRect(); return b.bottom > box.top && b.top < box.bottom; });
    if (!seen) this.code.scrollTop += rows[0].getBoundingClientRect().top - box.top - box.height / 3;
  }
}

const originOf = (target) => target.closest(".l")?.dataset.o ?? null;

let pointed = null;
function point(origin) {
  if (origin === pointed) return;
  for (const pane of panes) { if (pointed) pane.mark(pointed, "hit", false); if (origin) pane.mark(origin, "hit", true); }
  pointed = origin;
}

function pin(origin, from) {
  const next = origin === pinned ? null : origin;
  for (const pane of panes) { if (pinned) pane.mark(pinned, "pinned", false); if (next) pane.mark(next, "pinned", true); }
  pinned = next;
  if (next) for (const pane of panes) if (pane !== from) pane.reveal(next);
}
addEventListener("keydown", (event) => { if (event.key === "Escape" && pinned) pin(pinned); });

class Pane {
  constructor(id, level, stage) {
    const root = document.getElementById(id);
    this.level = element("select", { className: "level", title: "level" });
    this.level.append(...data.levels.map((l) => element("option", { value: l.name, textContent: l.name })));
    this.stage = element("select", { className: "stage", title: "stage; AD: where this level differentiates" });
    this.dot = element("i", { className: "dot" });
    this.size = element("span", { className: "size" });
    const code = element("div", { className: "code", tabIndex: 0 });
    root.append(element("div", { className: "bar" }, this.dot, this.level, this.stage, this.size), code);
    this.listing = new Listing(code);
    this.level.onchange = () => this.set(this.level.value, this.stage.value, true);
    this.stage.onchange = () => this.set(this.level.value, this.stage.value, true);
    this.set(level, stage, false);
  }
  set(name, stage, remember) {
    const level = data.levels.find((l) => l.name === name) ?? data.levels[0];
    const known = data.stages.filter((s) => s in level.stages);
    this.stage.replaceChildren(...known.map((s) => element("option", { value: s, textContent: s === level.rung ? `${s} (AD)` : s })));
    const chosen = known.includes(stage) ? stage : level.rung;
    this.level.value = level.name;
    this.dot.style.background = level.color;
    this.stage.hidden = !known.length;
    if (known.length) {
      this.stage.value = chosen;
      const shown = level.stages[chosen];
      const unit = chosen === "llvm-ir" ? "instructions" : "ops";
      this.size.textContent = shown.ops == null ? "" : `${shown.ops.toLocaleString("en")} ${unit}`;
      const lines = shown.text.split("\n").map((text, i) => {
        const from = shown.from[i];
        return { text, number: i + 1, origin: from ? `${from[0]}:${from[1]}` : null, role: from ? from[2] : null };
      });
      this.listing.show(lines, highlightIR);
    } else {
      this.size.textContent = level.status;
      this.listing.show([], highlightIR);
      this.listing.code.append(element("div", { className: "empty", textContent: level.reason || "no IR" }));
    }
    if (remember) save();
  }
  get state() { return `${this.level.value}/${this.stage.value}`; }
}

function save() {
  history.replaceState(null, "", "#" + encodeURIComponent(`${left.state}|${right.state}`));
}

// What to show at first: the own rungs of two levels, or two rungs of one.
function initial() {
  const shown = data.levels.filter((l) => Object.keys(l.stages).length);
  const [a, b] = [shown[0] ?? data.levels[0], shown[1]];
  const rightStage = b ? b.rung : "loop";
  const wanted = decodeURIComponent(location.hash.slice(1)).split("|").map((s) => {
    const cut = s.lastIndexOf("/");
    return [s.slice(0, cut), s.slice(cut + 1)];
  });
  return wanted.length === 2 ? wanted : [[a.name, a.rung], [(b ?? a).name, rightStage]];
}

const source = new Listing(document.querySelector("#source .code"));
document.getElementById("file").textContent = data.files.map((f) => f.name).join(", ") || "source";
source.show(
  data.files.flatMap((f, i) => f.lines.map((text, k) => ({ text, number: f.first + k, origin: `${i}:${f.first + k}` }))),
  highlightPython,
);

const [[leftLevel, leftStage], [rightLevel, rightStage]] = initial();
const left = new Pane("left", leftLevel, leftStage);
const right = new Pane("right", rightLevel, rightStage);

document.getElementById("theme").onclick = () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
};
