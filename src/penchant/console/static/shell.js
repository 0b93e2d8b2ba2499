"use strict";

/* What all pages share. Text from the server only ever becomes textContent. */

const find = (id) => document.getElementById(id);
const say = (...words) => Language.say(...words);

/* Not crypto.randomUUID: browsers have that on secure addresses only. */
function random(bytes) {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function element(name, { text, className, ...attributes } = {}, ...children) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/* The answer as JSON; what is none becomes an error with a sentence for people and the server's code. */
async function call(path, body) {
  const options = { headers: { "X-Penchant-Console": "1" } };
  if (body !== undefined) Object.assign(options, { method: "POST", body: JSON.stringify(body) });
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error(say("unreachable"));
  }
  if (answer.status === 401) location.assign("/login");
  const content = answer.status === 204 ? {} : await answer.json();
  if (!answer.ok) throw Object.assign(new Error(say("problem", content.detail || content.code)), { code: content.code });
  return content;
}

function complain(message) {
  find("problem").hidden = message === null;
  find("problem").textContent = message || "";
}

const number = (value) => new Intl.NumberFormat(Language.current, { maximumSignificantDigits: 3 }).format(value);
const whole = (value) => new Intl.NumberFormat(Language.current, { maximumFractionDigits: 0 }).format(value);
const percent = (value) => new Intl.NumberFormat(Language.current, { style: "percent", maximumSignificantDigits: 3 }).format(value);
const moment = (value) => new Intl.DateTimeFormat(Language.current, { dateStyle: "medium", timeStyle: "short" }).format(new Date(value));
const clock = (seconds) => new Intl.DateTimeFormat(Language.current, { timeStyle: "medium" }).format(new Date(1000 * seconds));

/* Does it now and again and again, each time when the last has ended; not while nobody looks. */
function repeatedly(work, milliseconds) {
  const turn = async () => {
    if (!document.hidden) await work();
    setTimeout(turn, milliseconds);
  };
  return turn();
}

function showLanguage() {
  const other = Language.current === "en" ? "zh" : "en";
  find("language").textContent = other === "zh" ? "中文" : "English";
  find("language").lang = other;
}

function listenToHeader() {
  showLanguage();
  find("language").addEventListener("click", () => {
    Language.use(Language.current === "en" ? "zh" : "en");
    showLanguage();
    document.dispatchEvent(new Event("language"));
  });
  find("theme").addEventListener("click", () => Theme.turn());
  find("leave").addEventListener("click", async () => {
    await call("/console/logout", {});
    location.assign("/login");
  });
}

listenToHeader();
