"use strict";

/* Models: which there are, which answers, how a promotion goes, and who changed what. */

const STEPS = ["verify", "load", "catch_up", "warm_up", "canary", "alias", "switch"];
const LOOK = 1000;
const LOOK_CLOSELY = 200;

const page = { models: [], earlier: null, promotion: null, changes: [], began: false };
const isUnderWay = () => page.promotion !== null && !["done", "refused"].includes(page.promotion.step);
const serving = () => page.models.find((model) => model.serving);

/* ---- talking to the server ---- */

async function look() {
  try {
    const [known, trail] = await Promise.all([call("/v1/models"), call("/v1/models/changes?n=20")]);
    Object.assign(page, { models: known.models, earlier: known.earlier || null, promotion: known.promotion || null, changes: trail.changes });
    if (page.began) complain(null);
    page.began = false;
  } catch (error) {
    page.began = true;
    complain(error.message);
  }
  show();
}

async function change(path) {
  try {
    await call(`${path}?wait=0`, {});
    complain(null);
  } catch (error) {
    if (!page.promotion || page.promotion.code !== error.code) complain(error.message);
  }
  await look();
}

/* ---- asking whether that is meant ---- */

function ask(question, consequence, word) {
  find("question").textContent = question;
  find("consequence").textContent = consequence;
  find("yes").textContent = say(word);
  const dialog = find("sure");
  dialog.returnValue = "no";
  return new Promise((answer) => {
    dialog.addEventListener("close", () => answer(dialog.returnValue === "yes"), { once: true });
    dialog.showModal();
  });
}

async function promote(version) {
  const present = serving().version;
  if (await ask(say("sure_promote", version), say("sure_promote_more", present), "promote")) await change(`/v1/models/${version}/promote`);
}

async function rollBack() {
  const present = serving().version;
  if (await ask(say("sure_rollback", page.earlier), say("sure_rollback_more", page.earlier, present), "rollback")) await change("/v1/models/rollback");
}

/* ---- showing ---- */

function show() {
  if (!page.models.length) return;
  const focused = document.activeElement && document.activeElement.id;
  showPromotion();
  find("models").replaceChildren(...page.models.map(card));
  find("changes").replaceChildren(...(page.changes.length ? page.changes.map(line) : [element("li", { className: "empty", text: say("no_changes") })]));
  find("rollback").hidden = page.earlier === null;
  find("rollback").disabled = isUnderWay();
  find("rollback").textContent = page.earlier === null ? "" : say("rollback_to", say("model_n", page.earlier));
  find("facts").textContent = say("model", serving().version);
  if (focused && find(focused) && document.activeElement !== find(focused)) find(focused).focus();
}

function showPromotion() {
  const { promotion } = page;
  find("promotion").hidden = promotion === null;
  if (promotion === null) return;
  const { action, version, step, seconds, detail, canary, code } = promotion;
  const headline = step === "refused" ? say("refused", version) : say(`${step === "done" ? "done" : "doing"}_${action}`, version);
  const parts = [element("h3", { text: headline, className: step === "refused" ? "bad" : step === "done" ? "good" : "" })];
  if (isUnderWay()) parts.push(track(step));
  if (detail) parts.push(element("p", {}, `${detail} `, element("code", { text: code })));
  const facts = [say("seconds", number(seconds))];
  if (canary) {
    facts.push(say("canary", whole(canary.requests), whole(canary.recorded)), say("canary_p99", number(canary.p99_ms)));
    if (canary.overlap !== null) facts.push(say("canary_overlap", percent(canary.overlap)));
  }
  parts.push(element("p", { className: "small", text: facts.join(" · ") }));
  find("promotion").replaceChildren(...parts);
}

function track(step) {
  const place = STEPS.indexOf(step);
  return element("ol", { className: "steps" }, ...STEPS.map((name, own) => {
    const made = element("li", { text: say(`step_${name}`), className: own < place ? "past" : own === place ? "now" : "" });
    if (own === place) made.setAttribute("aria-current", "step");
    return made;
  }));
}

function card(model) {
  const { version, state, aliases, metrics = {}, created, code_version, code } = model;
  const kinds = { serving: "good", warm: "", stored: "plain", refused: "warn" };
  const heading = element("h3", { text: say("model_n", version) }, " ", element("span", { text: say(`state_${state || "serving"}`), className: `badge ${kinds[state] || ""}` }));
  for (const alias of aliases || []) heading.append(" ", element("span", { text: alias, className: "badge" }));
  const about = [created && say("created", moment(created)), code_version && say("by_code", code_version), code].filter(Boolean).join(" · ");
  const body = element("div", {}, heading, element("p", { className: "small", text: about }));
  const measured = Object.entries(metrics).filter(([, value]) => typeof value === "number");
  const list = measured.length
    ? element("dl", { className: "metrics" }, ...measured.map(([name, value]) => metric(name, value, model)))
    : element("p", { className: "small", text: say("no_metrics") });
  const made = element("li", { className: "model" }, body, list);
  if (!model.serving && state !== "refused") {
    const button = element("button", { type: "button", id: `promote-${version}`, text: say("promote"), "aria-label": say("promote_model", version) });
    button.disabled = isUnderWay();
    button.addEventListener("click", () => promote(version));
    made.append(button);
  }
  return made;
}

const threeDigits = (value) => new Intl.NumberFormat(Language.current, { minimumSignificantDigits: 3, maximumSignificantDigits: 3 }).format(value);

function metric(name, value, model) {
  const shown = element("dd", { text: threeDigits(value) });
  const present = (serving().metrics || {})[name];
  if (!model.serving && typeof present === "number" && present !== 0) {
    const change = (value - present) / Math.abs(present);
    const text = new Intl.NumberFormat(Language.current, { style: "percent", maximumFractionDigits: 1, signDisplay: "exceptZero" }).format(change);
    shown.append(" ", element("small", { text, title: say("against", text) }));
  }
  return element("div", {}, element("dt", { text: name }), shown);
}

function line({ time, action, by, alias, version, before, code }) {
  const was = before ? say("model_n", before) : say("nothing_before");
  const text = say(`change_${action}`, alias, was, version, code || "");
  return element("li", {}, element("time", { datetime: time, text: moment(time), className: "small" }), element("span", { text }), element("span", { className: "small", text: say("change_by", by) }));
}

/* ---- beginning ---- */

find("rollback").addEventListener("click", rollBack);
document.addEventListener("language", show);
(async function turn() {
  if (!document.hidden && !find("sure").open) await look();
  setTimeout(turn, isUnderWay() ? LOOK_CLOSELY : LOOK);
})();
