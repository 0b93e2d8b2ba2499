"use strict";

/* Health: whether the service can answer, how fast it did in the last minute, and what each part says of itself. */

const page = { state: null, ready: null };

async function look() {
  try {
    page.state = await call("/console/state");
    page.ready = await readiness();
    complain(null);
  } catch (error) {
    page.state = page.state && { ...page.state, state: "gone" };
    complain(error.message);
  }
  show();
}

/* 503 is an answer here: it tells which part is not ready. */
async function readiness() {
  const answer = await fetch("/health/ready");
  return answer.json();
}

function show() {
  const { state, ready } = page;
  if (!state) return;
  const good = state.state === "ready";
  find("overall").textContent = state.state === "gone" ? say("gone") : say(`is_${state.state}`);
  find("overall").className = `badge ${good ? "good" : "warn"}`;
  find("facts").textContent = say("model", state.model_version);
  find("tiles").replaceChildren(...tiles(state));
  find("parts").replaceChildren(...parts(state, ready || {}));
  const fallbacks = Object.entries(state.fallbacks);
  find("fallbacks").replaceChildren(...(fallbacks.length
    ? fallbacks.map(([name, count]) => part(name, whole(count), true))
    : [element("li", { className: "empty", text: say("no_fallbacks") })]));
}

function tiles({ latency_ms, answers, degraded, memory_mb, threads, seconds, stored }) {
  const latency = element("div", { className: "tile wide" }, element("h3", { text: say("latency") }),
    element("dl", {}, ...Object.entries(latency_ms).map(([name, value]) =>
      element("div", {}, element("dt", { text: say(name) }), element("dd", { text: value === null ? "–" : number(value) })))),
    element("p", { className: "small", text: say("latency_more") }));
  const made = [
    latency,
    tile("answered", whole(answers), say("answered_more")),
    tile("degraded_count", whole(degraded), say("answered_more"), degraded > 0),
    tile("events_stored", whole(stored), say("events_more")),
    tile("running", duration(seconds), ""),
  ];
  if (memory_mb !== null) made.push(tile("memory", whole(memory_mb), say("memory_more", whole(threads))));
  return made;
}

function tile(word, value, more, warns = false) {
  return element("div", { className: `tile${warns ? " warns" : ""}` }, element("h3", { text: say(word) }), element("p", { className: "value", text: value }), element("p", { className: "small", text: more }));
}

function duration(seconds) {
  if (seconds < 60) return say("seconds", whole(seconds));
  if (seconds < 3600) return say("minutes", whole(Math.floor(seconds / 60)));
  return seconds < 86400 ? say("hours", whole(Math.floor(seconds / 3600))) : say("days", whole(Math.floor(seconds / 86400)));
}

/* What this page knows by name, then whatever else the readiness tells. */
function parts(state, ready) {
  const made = [part(say("part_model"), state.model_version, true)];
  if (state.state !== "gone") made.push(part(say("part_state"), say(`is_${state.state}`), state.state === "ready"));
  made.push(part(say("part_behind"), whole(state.behind), state.behind === 0));
  if (state.words) made.push(part(say("part_words"), ["up", "down", "starting"].includes(state.words) ? say(`words_${state.words}`) : state.words, state.words === "up"));
  return [...made, ...told(ready, "")];
}

function told(content, before) {
  return Object.entries(content).filter(([name]) => before || !["status", "behind"].includes(name)).flatMap(([name, value]) => {
    const place = before ? `${before} · ${name}` : name;
    if (Array.isArray(value)) return value.flatMap((one) => (one && typeof one === "object" ? told(one, place) : [part(place, String(one), true)]));
    if (value && typeof value === "object") return told(value, place);
    return value === null ? [] : [part(place, typeof value === "number" ? number(value) : String(value), !/fail|down|open|lost|error|false/.test(String(value)))];
  });
}

function part(name, value, good) {
  return element("li", {}, element("span", { text: name }), element("span", { text: value, className: `badge ${good ? "plain" : "warn"}` }));
}

document.addEventListener("language", show);
repeatedly(look, 2000);
