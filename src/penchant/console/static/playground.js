"use strict";

/* The playground: the form is the request, the list is the answer. */

const page = {
  facts: null,
  answer: null,
  latency: 0,
  before: [],        // item ids of the list before the last event
  picked: [],        // [{item_id, title}] of an anonymous visit
  said: [],          // [{event, title}] sent in this visit
  notice: null,      // the word and values last announced
  asked: 0,          // requests sent; only the newest one's answer is shown
  open: new Set(),   // items whose causes are shown
  guest: "guest-" + random(3),
};

/* ---- talking to the server ---- */

async function recommend() {
  const number = ++page.asked;
  const start = performance.now();
  try {
    const answer = await call("/v1/recommendations", request());
    if (number !== page.asked) return;
    page.answer = answer;
    page.latency = performance.now() - start;
    complain(null);
  } catch (error) {
    if (number === page.asked) complain(error.message);
  }
  show();
}

async function tell(item, event, value) {
  page.before = page.answer.items.map((one) => one.item_id);
  const title = item.title || item.item_id;
  if (who() === "anonymous") {
    page.picked.push({ item_id: item.item_id, title, event, value });
    page.notice = ["visited"];
    showPicked();
  } else {
    const sent = { event_id: random(16), user_id: userId(), item_id: item.item_id, event, request_id: page.answer.request_id };
    if (value !== undefined) sent.value = value;
    if (find("scenario").value) sent.scenario = find("scenario").value;
    sent.context = columns("context");
    try {
      const outcome = await call("/v1/events", { events: [sent] });
      if (outcome.rejected.length) return complain(say("problem", outcome.rejected[0].code));
    } catch (error) {
      return complain(error.message);
    }
    page.said.unshift({ event: value === undefined ? event : `${event} ${value}`, title });
    page.notice = ["stored", title];
  }
  await recommend();
  find("list").focus({ preventScroll: true });
}

/* ---- the request ---- */

const who = () => document.querySelector("input[name=who]:checked").value;
const userId = () => find("user").value.trim();

function request() {
  const body = { n: Number(find("n").value), exclude_seen: find("exclude").checked, explain: find("explain").checked, context: columns("context") };
  if (body.explain) body.language = Language.current;
  if (find("scenario").value) body.scenario = find("scenario").value;
  if (who() !== "anonymous" && userId()) body.user_id = userId();
  if (who() === "new") body.profile = columns("profile");
  if (who() === "anonymous") body.session = { events: page.picked.map(sessionEvent) };
  return body;
}

function sessionEvent({ item_id, event, value }) {
  const sent = { item_id };
  if (event) sent.event = event;
  if (value !== undefined) sent.value = value;
  return sent;
}

function columns(group) {
  const found = {};
  for (const control of find(group).querySelectorAll("[data-column]")) {
    if (control.value === "") continue;
    found[control.dataset.column] = read(control);
  }
  return found;
}

function read(control) {
  if (control.tagName === "SELECT") return JSON.parse(control.value);
  if (control.type === "number") return Number(control.value);
  if (control.type === "datetime-local") return new Date(control.value).getTime() / 1000;
  return control.value;
}

/* ---- the form ---- */

function control(group, column) {
  const id = `${group}-${column.name}`;
  const label = element("label", { text: column.name, for: id });
  const kinds = { number: "number", time: "datetime-local" };
  let made;
  if (column.values.length) {
    made = element("select", { id }, element("option", { value: "", "data-word": "any", text: say("any") }));
    for (const value of column.values) made.append(element("option", { text: String(value), value: JSON.stringify(value) }));
  } else {
    made = element("input", { id, type: kinds[column.kind] || "text", maxlength: 1024 });
    if (made.type === "number") made.step = "any";
  }
  made.dataset.column = column.name;
  return element("div", {}, label, made);
}

function build() {
  const { facts } = page;
  for (const group of ["context", "profile"]) {
    find(group).append(...facts[group].map((column) => control(group, column)));
    find(group).hidden = !facts[group].length;
  }
  find("scenario").append(...facts.scenarios.map((name) => element("option", { text: name, value: name })));
  find("scenario-row").hidden = !facts.scenarios.length;
  find("users").append(...facts.sample_users.map((name) => element("option", { value: name })));
  find("items").append(...facts.sample_items.map((item) => element("option", { value: item.title || item.item_id })));
  find("effect").append(...facts.tasks.map(({ name }) => element("option", { text: name, value: name })));
  find("user").value ||= facts.sample_users[0] || page.guest; // what was typed while the page was loading stays
}

function showWho() {
  for (const part of document.querySelectorAll("[data-who]")) part.hidden = !part.dataset.who.split(" ").includes(who());
  if (!page.facts.profile.length) find("profile").hidden = true;
  find("effect-row").hidden = !(find("explain").checked && page.facts.tasks.length);
  if (who() === "new" && page.facts.sample_users.includes(userId())) find("user").value = page.guest;
  if (who() === "known" && userId() === page.guest) find("user").value = page.facts.sample_users[0] || "";
}

function pick(text) {
  const item = page.facts.sample_items.find((one) => one.title === text || one.item_id === text) || { item_id: text, title: text };
  page.picked.push({ item_id: item.item_id, title: item.title || item.item_id });
  find("pick").value = "";
  showPicked();
  recommend();
}

function showPicked() {
  find("picked").replaceChildren(...page.picked.map((item, place) => {
    const remove = element("button", { type: "button", text: "×", "aria-label": say("remove", item.title) });
    remove.addEventListener("click", () => {
      page.picked.splice(place, 1);
      showPicked();
      recommend();
      find("pick").focus();
    });
    return element("li", {}, element("span", { text: item.event ? say("say", item.event, item.title) : item.title }), remove);
  }));
}

/* ---- the answer ---- */

function show() {
  showFacts();
  showStatus();
  showList();
  find("visit").hidden = !page.said.length;
  find("said").replaceChildren(...page.said.map((one) => element("li", {}, element("span", { text: say("say", one.event, one.title) }))));
}

function showFacts() {
  const { counts, model_version } = page.facts;
  const format = new Intl.NumberFormat(Language.current);
  const parts = ["users", "items", "events"].filter((name) => name in counts).map((name) => say(name, format.format(counts[name])));
  find("facts").textContent = [say("model", model_version), ...parts].join(" · ");
}

function showStatus() {
  const { answer, latency, notice } = page;
  if (!answer) return;
  const badge = (text, className) => element("span", { text, className: `badge ${className}` });
  const parts = [badge(say("model", answer.model_version), ""), badge(say("took", latency < 10 ? latency.toFixed(1) : Math.round(latency)), "")];
  if (answer.degraded) parts.push(badge(say("degraded"), "warn"));
  if (answer.fallback) parts.push(badge(say("fallback", answer.fallback), "warn"));
  parts.push(element("code", { text: say("request", answer.request_id) }));
  if (notice) parts.push(element("p", { className: "told", text: say(...notice) }));
  find("status").replaceChildren(...parts);
}

function showList() {
  const items = page.answer ? page.answer.items : [];
  const best = highest(items);
  find("list").replaceChildren(...items.map((item, place) => card(item, place, best)));
  if (page.answer && !items.length) find("list").append(element("li", { className: "empty", text: say("nothing") }));
}

function highest(items) {
  const best = {};
  for (const { name, low } of page.facts.tasks) best[name] = Math.max(...items.map((item) => (item.tasks[name] ?? low) - low), 1e-9);
  return best;
}

function card(item, place, best) {
  const title = item.title || item.item_id;
  const heading = element("h2", { text: title });
  const change = moved(item.item_id, place);
  if (change) heading.append(" ", change);
  const facts = element("p", { className: "small" }, element("code", { text: item.item_id }), ` · ${say("score")} ${number(item.score)}`);
  const bars = element("dl", { className: "bars", title: say("bars") });
  page.facts.tasks.forEach((task, place) => {
    if (task.name in item.tasks) bars.append(bar(task, item.tasks[task.name], best[task.name], place));
  });
  const body = element("div", { className: "body" }, heading, facts);
  return element("li", {}, element("span", { className: "place", text: place + 1, "aria-hidden": "true" }), body, bars, sayings(item, title), ...why(item));
}

/* ---- why ---- */

const BESIDE = new Set(["source", "rule", "summary"]);
const effectOf = (reason) => { const task = find("effect").value; return task ? reason.effects[task] : reason.effect; };

/* A sentence, what proposed and moved the item, and a bar for each cause, to the right where it raised the score. */
function why(item) {
  if (!item.reasons.length) return [];
  const summary = item.reasons.filter(({ kind }) => kind === "summary").map(({ text }) => element("p", { text }));
  const marks = item.reasons.filter(({ kind }) => kind === "source" || kind === "rule")
    .map(({ kind, name }) => element("li", { className: "badge plain", text: say(kind, name) }));
  const told = item.reasons.filter((reason) => !BESIDE.has(reason.kind) && effectOf(reason) !== undefined);
  const list = [];
  if (told.length) {
    const most = Math.max(...told.map((reason) => Math.abs(effectOf(reason))), 1e-9);
    const causes = element("ul", { className: "causes" }, ...told.map((reason) => cause(reason, effectOf(reason), most)));
    const details = element("details", {}, element("summary", { text: say("causes", told.length) }), causes);
    details.open = page.open.has(item.item_id);
    details.addEventListener("toggle", () => page.open[details.open ? "add" : "delete"](item.item_id));
    list.push(details);
  }
  return [element("div", { className: "why" }, ...summary, ...list, element("ul", { className: "marks" }, ...marks))];
}

function cause(reason, effect, most) {
  const filled = element("span", { className: effect < 0 ? "against" : "for" });
  const share = (50 * Math.abs(effect)) / most;
  filled.style.width = `${share}%`;
  filled.style.left = `${effect < 0 ? 50 - share : 50}%`;
  const value = (effect < 0 ? "−" : "+") + number(Math.abs(effect));
  return element("li", {}, element("span", { text: reason.text }), element("span", { className: "effect", "aria-hidden": "true" }, filled),
    element("span", { className: "amount", text: value }));
}

function moved(itemId, place) {
  if (!page.before.length) return null;
  const was = page.before.indexOf(itemId);
  if (was < 0) return element("span", { className: "moved fresh", text: say("fresh") });
  if (was === place) return null;
  const [word, sign] = was > place ? ["up", "▲"] : ["down", "▼"];
  const steps = Math.abs(was - place);
  return element("span", { className: `moved ${word}`, text: `${sign}${steps}`, "aria-label": say(word, steps) });
}

function bar(task, value, best, place) {
  const filled = element("span", { className: "filled" });
  filled.style.width = `${Math.max(0, Math.min(100, (100 * (value - task.low)) / best))}%`;
  const shown = task.kind === "regression" ? number(value) : percent(value);
  return element("div", { className: `task-${place % 6}` },
    element("dt", { text: task.name }), element("dd", { className: "track", "aria-hidden": "true" }, filled), element("dd", { text: shown }));
}

function sayings(item, title) {
  const group = element("div", { className: "sayings", role: "group", "aria-label": title });
  for (const { name, values } of page.facts.events) {
    if (values.length) {
      const choice = element("select", { "aria-label": say("say", name, title) }, element("option", { text: name, value: "" }));
      choice.append(...values.map((value) => element("option", { text: String(value), value })));
      choice.addEventListener("change", () => choice.value && tell(item, name, Number(choice.value)));
      group.append(choice);
    } else {
      const button = element("button", { type: "button", text: name, "aria-label": say("say", name, title) });
      button.addEventListener("click", () => tell(item, name));
      group.append(button);
    }
  }
  return group;
}

/* ---- beginning ---- */

function forget() {
  Object.assign(page, { before: [], notice: null });
}

function listen() {
  let timer;
  find("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    forget();
    if (document.activeElement === find("pick") && find("pick").value.trim()) pick(find("pick").value.trim());
    else recommend();
  });
  find("ask").addEventListener("input", (event) => {
    if (event.target === find("pick")) return;
    if (event.target === find("effect")) return showList();
    showWho();
    forget();
    clearTimeout(timer);
    timer = setTimeout(() => find("ask").checkValidity() && recommend(), 200);
  });
  document.addEventListener("language", () => {
    showPicked();
    if (find("explain").checked) recommend();
    else show();
  });
}

async function begin() {
  try {
    page.facts = await call("/console/facts");
  } catch (error) {
    return complain(error.message);
  }
  build();
  showWho();
  listen();
  await recommend();
}

begin();
